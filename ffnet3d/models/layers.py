"""Layers on the voxels of a level: submanifold convolution, stochastic depth, norms, activations."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor, nn

from ffnet3d.ops import linear, resolve_backend, subm_conv3d, subm_conv3d_depthwise
from ffnet3d.voxels.kernels import Kernel, check_kernel, kernel_offsets

INIT_STD = 0.02
BN_EPS = 1e-3


class Linear(nn.Linear):
    """Linear layer on voxel features, with the activation that `fuse` hands to it."""

    activation = "none"

    def forward(self, features: Tensor) -> Tensor:
        """Features [V, Cin] -> features [V, Cout]."""
        return linear(features, self.weight, self.bias, self.activation)


class Submanifold(nn.Module):
    """What submanifold convolutions share: outputs exist where inputs do, absent neighbours count as zero.

    `weight` begins with the offsets of the kernel, in the order of `ffnet3d.voxels.kernel_offsets`; it is the
    same on every backend. Raises ValueError for an even kernel.
    """

    def __init__(self, kernel: Kernel, per_offset: tuple[int, ...], bias: bool, backend: str) -> None:
        super().__init__()
        check_kernel(kernel)
        self.kernel_size = kernel
        self.backend = backend
        self.activation = "none"  # `fuse` hands it the one that follows
        self.weight = nn.Parameter(torch.empty(len(kernel_offsets(kernel)), *per_offset))
        self.bias = nn.Parameter(torch.empty(per_offset[-1])) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Truncated normal weights with standard deviation 0.02, zero bias (as released)."""
        nn.init.trunc_normal_(self.weight, std=INIT_STD)
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def extra_repr(self) -> str:
        widths = ", ".join(map(str, self.weight.shape[1:]))
        return f"{widths}, kernel_size={self.kernel_size}, bias={self.bias is not None}"


class SubMConv3d(Submanifold):
    """Submanifold convolution with weight `[K, in_channels, out_channels]`."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Kernel,
        bias: bool = True,
        backend: str = "auto",
    ) -> None:
        super().__init__(kernel_size, (in_channels, out_channels), bias, backend)

    def forward(self, features: Tensor, neighbors: Tensor) -> Tensor:
        """Features [V, Cin] and their neighbour table [V, K] int32 -> features [V, Cout]."""
        return subm_conv3d(features, self.weight, self.bias, neighbors, self.backend, self.activation)


class SubMDepthwiseConv3d(Submanifold):
    """Depthwise submanifold convolution, each channel by itself: weight `[K, channels]`."""

    def __init__(self, channels: int, kernel_size: Kernel, bias: bool = True, backend: str = "auto") -> None:
        super().__init__(kernel_size, (channels,), bias, backend)

    def forward(self, features: Tensor, neighbors: Tensor) -> Tensor:
        """Features [V, C] and their neighbour table [V, K] int32 -> features [V, C]."""
        return subm_conv3d_depthwise(
            features, self.weight, self.bias, neighbors, self.backend, self.activation
        )


class LayerScale(nn.Module):
    """A learned factor for each channel of a branch (arXiv 2103.17239), small at first."""

    def __init__(self, channels: int, start: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((channels,), float(start)))

    def forward(self, features: Tensor) -> Tensor:
        """Features [V, C] -> features [V, C]."""
        return features * self.weight


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


def use_backend(module: nn.Module, backend: str, device_type: str) -> str:
    """Have every convolution in `module` run on `backend`, as resolved for that device; returns its name.

    ValueError for one that is unknown or cannot run there.
    """
    name = resolve_backend(backend, device_type).name
    for child in module.modules():
        if isinstance(child, Submanifold):
            child.backend = name
    return name


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


ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "gelu": nn.GELU,
    "relu": nn.ReLU,
    "softmax": partial(nn.Softmax, dim=1),  # over the keys, which are channels
}
"""What may stand inside the blocks: GELU as released, ReLU as in the released S3DIS recipe."""


def init_linear(module: nn.Module) -> None:
    """Released initialisation of a linear layer; for `Module.apply`."""
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=INIT_STD)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
