"""The block: FFNified attention and a ConvNeXt channel mixer, two residual branches (paper: section 3)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from ffnet3d.models.layers import DropPath, SubMConv3d, batch_norm, block_activation
from ffnet3d.voxels import Level


class TokenMixer(nn.Module):
    """FFNified attention: keys and values are convolution kernels, an activation replaces softmax."""

    def __init__(self, channels: int, kernel_size: int, use_gelu: bool = True, backend: str = "auto") -> None:
        super().__init__()
        self.query = nn.Linear(channels, channels)
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
    """Convolution, batch norm, then a two-layer perceptron `mlp_ratio` times as wide.

    `recompute` keeps the perceptron's wide layer out of memory between forward and backward.
    """

    def __init__(
        self,
        channels: int,
        kernel_size: int,
        mlp_ratio: float = 4,
        use_gelu: bool = True,
        proj_drop: float = 0.0,
        recompute: bool = False,
        backend: str = "auto",
    ) -> None:
        super().__init__()
        self.recompute = recompute
        hidden = int(channels * mlp_ratio)
        self.conv = SubMConv3d(channels, channels, kernel_size, backend=backend)
        self.norm = batch_norm(channels)
        self.fc1 = nn.Linear(channels, hidden)
        self.act = block_activation(use_gelu)
        self.fc2 = nn.Linear(hidden, channels)
        self.drop = nn.Dropout(proj_drop)

    def forward(self, features: Tensor, neighbors: Tensor) -> Tensor:
        """Features [V, C] and their neighbour table [V, K] -> features [V, C]."""
        features = self.norm(self.conv(features, neighbors))
        if self.recompute and torch.is_grad_enabled():
            mixed: Tensor = checkpoint(self.perceptron, features, use_reentrant=False)
            return mixed
        return self.perceptron(features)

    def perceptron(self, features: Tensor) -> Tensor:
        """The same vector map at every voxel, [V, C] -> [V, C]."""
        hidden = self.drop(self.act(self.fc1(features)))
        mixed: Tensor = self.drop(self.fc2(hidden))
        return mixed


class Block(nn.Module):
    """Token mixer and channel mixer, each behind a layer norm, on a residual branch with stochastic depth."""

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
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.norm1 = nn.LayerNorm(channels)
        self.token_mixer = TokenMixer(channels, kernel_size, use_gelu, backend)
        self.norm2 = nn.LayerNorm(channels)
        self.channel_mixer = ChannelMixer(
            channels, kernel_size, mlp_ratio, use_gelu, proj_drop, recompute, backend
        )
        self.drop_path = DropPath(drop_path, drop_path_per)

    def forward(self, features: Tensor, level: Level) -> Tensor:
        """Features [V, C] of a level's voxels -> features [V, C]."""
        table = level.neighbors[self.kernel_size]
        features = features + self.drop_path(self.token_mixer(self.norm1(features), table), level.batch)
        out: Tensor = features + self.drop_path(self.channel_mixer(self.norm2(features), table), level.batch)
        return out
