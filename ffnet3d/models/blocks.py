"""The block: FFNified attention and a ConvNeXt channel mixer, two residual branches (paper: section 3)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from ffnet3d.models.layers import (
    DropPath,
    Linear,
    SubMConv3d,
    batch_norm,
    block_activation,
    frozen_statistics,
)
from ffnet3d.models.pdnorm import MakeNorm, Prompt, normalize
from ffnet3d.ops import feed_forward
from ffnet3d.voxels import Level


class TokenMixer(nn.Module):
    """FFNified attention: keys and values are convolution kernels, an activation replaces softmax."""

    def __init__(self, channels: int, kernel_size: int, use_gelu: bool = True, backend: str = "auto") -> None:
        super().__init__()
        self.query = Linear(channels, channels)
        self.key = SubMConv3d(channels, channels, kernel_size, backend=backend)
        self.key_norm = batch_norm(channels)
        self.act = block_activation(use_gelu)
        self.value = SubMConv3d(channels, channels, kernel_size, backend=backend)
        self.value_norm = batch_norm(channels)

    def forward(self, features: Tensor, neighbors: Tensor) -> Tensor:
        """Features [V, C] and their neighbour table [V, K] -> features [V, C]."""
        query = self.query(features)
        coefficients = self.act(self.key_norm(self.key(query, neighbors)))
        mixed: Tensor = self.value_norm(self.value(coefficients, neighbors))
        return mixed


class ChannelMixer(nn.Module):
    """Convolution, batch norm, then a two-layer perceptron `mlp_ratio` times as wide."""

    def __init__(
        self,
        channels: int,
        kernel_size: int,
        mlp_ratio: float = 4,
        use_gelu: bool = True,
        proj_drop: float = 0.0,
        backend: str = "auto",
    ) -> None:
        super().__init__()
        hidden = int(channels * mlp_ratio)
        self.conv = SubMConv3d(channels, channels, kernel_size, backend=backend)
        self.norm = batch_norm(channels)
        self.fc1 = Linear(channels, hidden)
        self.act = block_activation(use_gelu)
        self.fc2 = Linear(hidden, channels)
        self.drop = nn.Dropout(proj_drop)

    def forward(self, features: Tensor, neighbors: Tensor) -> Tensor:
        """Features [V, C] and their neighbour table [V, K] -> features [V, C]."""
        features = self.norm(self.conv(features, neighbors))
        if self.training or torch.is_grad_enabled():
            hidden = self.drop(self.act(self.fc1(features)))
            mixed: Tensor = self.drop(self.fc2(hidden))
            return mixed
        return self.mix_in_blocks(features)

    def mix_in_blocks(self, features: Tensor) -> Tensor:
        """The perceptron in evaluation, without ever holding the hidden features of all voxels."""
        activation = "gelu" if isinstance(self.act, nn.GELU) else "relu"
        expand, contract = (self.fc1.weight, self.fc1.bias), (self.fc2.weight, self.fc2.bias)
        return feed_forward(features, expand, contract, activation)


class Block(nn.Module):
    """Token mixer and channel mixer, each behind a layer norm, on a residual branch with stochastic depth.

    With `recompute` a training step keeps the input of each branch only, and works it out again in backward.
    """

    def __init__(
        self,
        channels: int,
        kernel_size: int,
        mlp_ratio: float = 4,
        use_gelu: bool = True,
        proj_drop: float = 0.0,
        drop_path: float = 0.0,
        drop_path_per: str = "point",
        recompute: bool = False,
        backend: str = "auto",
        make_norm: MakeNorm = nn.LayerNorm,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.recompute = recompute
        self.norm1 = make_norm(channels)
        self.token_mixer = TokenMixer(channels, kernel_size, use_gelu, backend)
        self.norm2 = make_norm(channels)
        self.channel_mixer = ChannelMixer(channels, kernel_size, mlp_ratio, use_gelu, proj_drop, backend)
        self.drop_path = DropPath(drop_path, drop_path_per)

    def forward(self, features: Tensor, level: Level, prompt: Prompt | None = None) -> Tensor:
        """Features [V, C] of a level's voxels -> features [V, C]."""
        for mix in (self.mix_tokens, self.mix_channels):
            branch = self.run(mix, features, level.neighbors[self.kernel_size], prompt)
            features = residual(features, self.drop_path(branch, level.batch))
        return features

    def mix_tokens(self, features: Tensor, neighbors: Tensor, prompt: Prompt | None = None) -> Tensor:
        """The first branch, [V, C] -> [V, C]."""
        mixed: Tensor = self.token_mixer(normalize(self.norm1, features, prompt), neighbors)
        return mixed

    def mix_channels(self, features: Tensor, neighbors: Tensor, prompt: Prompt | None = None) -> Tensor:
        """The second branch, [V, C] -> [V, C]."""
        mixed: Tensor = self.channel_mixer(normalize(self.norm2, features, prompt), neighbors)
        return mixed

    def run(
        self, mix: Callable[..., Tensor], features: Tensor, neighbors: Tensor, prompt: Prompt | None
    ) -> Tensor:
        """A branch, recomputed in backward where the block is asked to."""
        if not (self.recompute and torch.is_grad_enabled()):
            return mix(features, neighbors, prompt)
        # The batch norms see the batch twice, and must count it once.
        out: Tensor = checkpoint(
            mix,
            features,
            neighbors,
            prompt,
            use_reentrant=False,
            context_fn=lambda: (nullcontext(), frozen_statistics(self)),
        )
        return out


def residual(features: Tensor, branch: Tensor) -> Tensor:
    """`features + branch` [V, C]; without autograd it overwrites the branch, which nobody else reads."""
    return features + branch if torch.is_grad_enabled() else branch.add_(features)
