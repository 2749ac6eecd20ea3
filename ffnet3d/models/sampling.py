"""Between two levels of the pyramid: pooling to the parent cells and unpooling back (paper: appendix G.3)."""

from __future__ import annotations

from torch import Tensor, nn

from ffnet3d.models.layers import Linear, batch_norm
from ffnet3d.models.pdnorm import MakeNorm, Prompt, normalize
from ffnet3d.ops import segment_reduce


class GridPool(nn.Module):
    """Linear, maximum over the children of each parent cell, batch norm, GELU."""

    def __init__(self, in_channels: int, out_channels: int, make_norm: MakeNorm = batch_norm) -> None:
        super().__init__()
        self.proj = Linear(in_channels, out_channels)
        self.norm = make_norm(out_channels)
        self.act = nn.GELU()

    def forward(
        self, features: Tensor, parents: Tensor, num_parents: int, prompt: Prompt | None = None
    ) -> Tensor:
        """Child features [V, Cin] and parent rows [V] int64, non-decreasing -> parent features [P, Cout]."""
        pooled = segment_reduce(self.proj(features), parents, num_parents, "max")
        out: Tensor = self.act(normalize(self.norm, pooled, prompt))
        return out


class Projection(nn.Module):
    """Linear, batch norm, GELU."""

    def __init__(self, in_channels: int, out_channels: int, make_norm: MakeNorm = batch_norm) -> None:
        super().__init__()
        self.linear = Linear(in_channels, out_channels)
        self.norm = make_norm(out_channels)
        self.act = nn.GELU()

    def forward(self, features: Tensor, prompt: Prompt | None = None) -> Tensor:
        """Features [V, Cin] -> features [V, Cout]."""
        out: Tensor = self.act(normalize(self.norm, self.linear(features), prompt))
        return out


class GridUnpool(nn.Module):
    """Projects the coarse and the skip features, hands each child its parent's features, adds both."""

    def __init__(
        self, in_channels: int, skip_channels: int, out_channels: int, make_norm: MakeNorm = batch_norm
    ) -> None:
        super().__init__()
        self.proj = Projection(in_channels, out_channels, make_norm)
        self.skip = Projection(skip_channels, out_channels, make_norm)

    def forward(self, coarse: Tensor, skip: Tensor, parents: Tensor, prompt: Prompt | None = None) -> Tensor:
        """Coarse [P, Cin], skip [V, Cskip] and parent rows [V] int64 -> features [V, Cout]."""
        # The projection of a parent is worked out once, not once a child.
        out: Tensor = self.proj(coarse, prompt).index_select(0, parents)
        return out.add_(self.skip(skip, prompt))
