"""Layers on the voxels of a level: submanifold convolution, stochastic depth, norms, activations."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from ffnet3d.ops import linear, subm_conv3d

INIT_STD = 0.02
BN_EPS = 1e-3


class Linear(nn.Linear):
    """Linear layer on voxel features, with the activation that `fuse` hands to it."""

    activation = "none"

    def forward(self, features: Tensor) -> Tensor:
        """Features [V, Cin] -> features [V, Cout]."""
        return linear(features, self.weight, self.bias, self.activation)


class SubMConv3d(nn.Module):
    """Submanifold convolution: outputs exist where inputs do, absent neighbours count as zero.

    The weight is `[kernel_size**3, in_channels, out_channels]`, offsets row-major over (x, y, z), the
    centre in the middle; it is the same on every backend. Raises ValueError for an even kernel.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int, bias: bool = True, backend: str = "auto"
    ) -> None:
        super().__init__()
        if kernel_size < 1 or kernel_size % 2 == 0:
            raise ValueError(f"kernel_size must be odd and positive, got {kernel_size}")
        self.kernel_size = kernel_size
        self.backend = backend
        self.activation = "none"  # `fuse` hands it the one that follows
        self.weight = nn.Parameter(torch.empty(kernel_size**3, in_channels, out_channels))
        self.bias = nn.Parameter(torch.empty(out_channels)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Truncated normal weights with standard deviation 0.02, zero bias (as released)."""
        nn.init.trunc_normal_(self.weight, std=INIT_STD)
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def forward(self, features: Tensor, neighbors: Tensor) -> Tensor:
        """Features [V, Cin] and their neighbour table [V, K] int32 -> features [V, Cout]."""
        return subm_conv3d(features, self.weight, self.bias, neighbors, self.backend, self.activation)

    def extra_repr(self) -> str:
        _, in_channels, out_channels = self.weight.shape
        return f"{in_channels}, {out_channels}, kernel_size={self.kernel_size}, bias={self.bias is not None}"


class DropPath(nn.Module):
    """Stochastic depth (arXiv 1603.09382): drops a branch with probability `p`, scales the kept by 1/(1-p).

    `per="point"` draws for each voxel, as the released network does; `per="scene"` for each scene of a batch.
    """

    def __init__(self, p: float = 0.0, per: str = "point") -> None:
        super().__init__()
        if not 0 <= p < 1:
            raise ValueError(f"drop_path must be in [0, 1), got {p}")
        if per not in ("point", "scene"):
            raise ValueError(f"drop_path_per must be 'point' or 'scene', got {per!r}")
        self.p = p
        self.per = per

    def forward(self, features: Tensor, batch: Tensor) -> Tensor:
        """Branch features [V, C] and the scene of each voxel [V] -> [V, C]; the identity in evaluation."""
        if not self.training or self.p == 0:
            return features
        keep = 1 - self.p
        rows = features.shape[0] if self.per == "point" else int(batch.max()) + 1
        mask = features.new_empty(rows, 1).bernoulli_(keep) / keep
        return features * (mask if self.per == "point" else mask[batch])

    def extra_repr(self) -> str:
        return f"p={self.p:.3f}, per={self.per}"


def batch_norm(channels: int) -> nn.BatchNorm1d:
    """Batch normalisation with the released constants."""
    return nn.BatchNorm1d(channels, eps=BN_EPS, momentum=0.01)


def set_bn_momentum(module: nn.Module, momentum: float) -> None:
    """Set the weight of a new batch in the running statistics of every batch norm in `module`."""
    for child in module.modules():
        if isinstance(child, nn.BatchNorm1d):
            child.momentum = momentum


@contextmanager
def frozen_statistics(module: nn.Module) -> Iterator[None]:
    """Leave the running statistics of the batch norms in `module` alone; what they compute stays the same."""
    norms = [child for child in module.modules() if isinstance(child, nn.modules.batchnorm._BatchNorm)]
    before = [(norm.momentum, norm.get_buffer("num_batches_tracked").clone()) for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, (momentum, count) in zip(norms, before, strict=True):
            norm.momentum = momentum
            norm.get_buffer("num_batches_tracked").copy_(count)


def block_activation(use_gelu: bool) -> nn.Module:
    """Activation inside the blocks: GELU, or ReLU as in the released S3DIS recipe."""
    return nn.GELU() if use_gelu else nn.ReLU()


def init_linear(module: nn.Module) -> None:
    """Released initialisation of a linear layer; for `Module.apply`."""
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=INIT_STD)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
