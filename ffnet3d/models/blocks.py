"""The block: a token mixer and a channel mixer, two residual branches (paper: section 3)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from ffnet3d.models.layers import DropPath, LayerScale, frozen_statistics
from ffnet3d.models.mixers import MetaMixer
from ffnet3d.models.pdnorm import MakeNorm, Prompt, normalize
from ffnet3d.voxels import Level


class Block(nn.Module):
    """Token mixer and channel mixer, each behind a norm, on a residual branch with stochastic depth.

    The mixers come from `make_token_mixer` and `make_channel_mixer`. With a `layer_scale` above 0 each branch
    is scaled by channel, at first by that. With `recompute` a training step keeps the input of each branch
    only, and works it out again in backward.
    """

    def __init__(
        self,
        channels: int,
        make_token_mixer: Callable[[], MetaMixer],
        make_channel_mixer: Callable[[], MetaMixer],
        drop_path: float = 0.0,
        drop_path_per: str = "point",
        layer_scale: float = 0.0,
        recompute: bool = False,
        make_norm: MakeNorm = nn.LayerNorm,
    ) -> None:
        super().__init__()
        self.recompute = recompute
        self.norm1 = make_norm(channels)
        self.token_mixer = make_token_mixer()
        self.norm2 = make_norm(channels)
        self.channel_mixer = make_channel_mixer()
        scaled = layer_scale > 0
        self.scale1 = LayerScale(channels, layer_scale) if scaled else nn.Identity()
        self.scale2 = LayerScale(channels, layer_scale) if scaled else nn.Identity()
        self.drop_path = DropPath(drop_path, drop_path_per)

    def forward(self, features: Tensor, level: Level, prompt: Prompt | None = None) -> Tensor:
        """Features [V, C] of a level's voxels -> features [V, C]."""
        for mix in (self.mix_tokens, self.mix_channels):
            branch = self.run(mix, features, level, prompt)
            features = residual(features, self.drop_path(branch, level.batch))
        return features

    def mix_tokens(self, features: Tensor, level: Level, prompt: Prompt | None = None) -> Tensor:
        """The first branch, [V, C] -> [V, C]."""
        mixed: Tensor = self.scale1(self.token_mixer(normalize(self.norm1, features, prompt), level))
        return mixed

    def mix_channels(self, features: Tensor, level: Level, prompt: Prompt | None = None) -> Tensor:
        """The second branch, [V, C] -> [V, C]."""
        mixed: Tensor = self.scale2(self.channel_mixer(normalize(self.norm2, features, prompt), level))
        return mixed

    def run(
        self, mix: Callable[..., Tensor], features: Tensor, level: Level, prompt: Prompt | None
    ) -> Tensor:
        """A branch, recomputed in backward where the block is asked to."""
        if not (self.recompute and torch.is_grad_enabled()):
            return mix(features, level, prompt)
        # The batch norms see the batch twice, and must count it once.
        out: Tensor = checkpoint(
            mix,
            features,
            level,
            prompt,
            use_reentrant=False,
            context_fn=lambda: (nullcontext(), frozen_statistics(self)),
        )
        return out


def residual(features: Tensor, branch: Tensor) -> Tensor:
    """`features + branch` [V, C]; without autograd it overwrites the branch, which nobody else reads."""
    return features + branch if torch.is_grad_enabled() else branch.add_(features)
