"""Structural re-parameterisation: branches beside a large kernel in training, one kernel afterwards.

A large kernel learns better with a small one, strips and the identity beside it, each with a batch norm of
its own (paper: appendix F). All of them are linear, and in evaluation so are their norms: `merged` adds them
up to one convolution with the same outputs.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ffnet3d.models.layers import Submanifold, SubMConv3d, SubMDepthwiseConv3d, batch_norm
from ffnet3d.ops.derived import Derived
from ffnet3d.voxels.kernels import Kernel, kernel_columns, shrunk_kernel, strip_kernels

BRANCHES = ("small", "strips", "identity")
MERGED = "merged"  # in the config of a network whose branches are one kernel already


class Branch(nn.Module):
    """One kernel within the window of a larger one, or none (the identity), and its batch norm."""

    def __init__(self, conv: Submanifold | None, channels: int) -> None:
        super().__init__()
        self.conv = conv
        self.kernel_size: Kernel = 1 if conv is None else conv.kernel_size
        self.norm = batch_norm(channels)

    def forward(self, features: Tensor, neighbors: Tensor) -> Tensor:
        """Features [V, C] and the table [V, K] of this branch's own kernel -> features [V, C]."""
        out: Tensor = self.norm(features if self.conv is None else self.conv(features, neighbors))
        return out

    @torch.no_grad()
    def add_to(self, one: Submanifold) -> None:
        """Add to the weight and bias of a larger convolution what this branch computes in evaluation."""
        scale, bias = scale_and_bias(self.norm)
        if self.conv is None:
            centre = one.weight[len(one.weight) // 2]
            (centre if centre.ndim == 1 else centre.diagonal()).add_(scale)
        else:
            columns = torch.from_numpy(kernel_columns(one.kernel_size, self.conv.kernel_size))
            one.weight[columns.to(scale.device)] += self.conv.weight * scale
            if self.conv.bias is not None:
                bias = bias + self.conv.bias * scale
        if one.bias is not None:
            one.bias.add_(bias)


class BranchedConv(nn.Module):
    """The sum of a kernel and the branches beside it; `names` are of `BRANCHES`.

    `like` is the convolution that it stands for: as wide at its input as at its output.
    """

    def __init__(self, like: Submanifold, names: Sequence[str]) -> None:
        super().__init__()
        self.kernel_size = like.kernel_size
        channels = like.weight.shape[-1]
        self.large = Branch(like, channels)
        self.beside = nn.ModuleList(
            Branch(None if kernel is None else same_kind(like, kernel), channels)
            for name in names
            for kernel in branch_kernels(name, like.kernel_size)
        )

    def forward(self, features: Tensor, neighbors: Tensor) -> Tensor:
        """Features [V, C] and the table [V, K] of the large kernel -> features [V, C]."""
        crops = _crops(neighbors)
        out: Tensor = self.large(features, neighbors)
        for branch in self.beside:
            assert isinstance(branch, Branch)
            out = out + branch(features, crops.of(self.kernel_size, branch.kernel_size))
        return out

    def merged(self) -> Submanifold:
        """One convolution that computes in evaluation what the branches compute together."""
        assert self.large.conv is not None
        one = same_kind(self.large.conv, self.kernel_size)
        nn.init.zeros_(one.weight)
        for branch in (self.large, *self.beside):
            branch.add_to(one)
        return one


def scale_and_bias(norm: nn.BatchNorm1d) -> tuple[Tensor, Tensor]:
    """A batch norm in evaluation is `x * scale + bias`, each [C]."""
    scale = norm.weight / (norm.get_buffer("running_var") + norm.eps).sqrt()
    return scale, norm.bias - norm.get_buffer("running_mean") * scale


def same_kind(like: Submanifold, kernel: Kernel) -> Submanifold:
    """A fresh convolution of another kernel, with a bias, on the device and in the dtype of `like`."""
    channels = like.weight.shape[-1]
    if isinstance(like, SubMDepthwiseConv3d):
        conv: Submanifold = SubMDepthwiseConv3d(channels, kernel, backend=like.backend)
    else:
        conv = SubMConv3d(channels, channels, kernel, backend=like.backend)
    return conv.to(like.weight)


def branch_kernels(name: str, kernel: Kernel) -> tuple[Kernel | None, ...]:
    """The kernels that the branch of this name has beside `kernel`; None is the identity.

    "small" has about half the edges, as in the authors' networks for images; "strips" are of full length.
    """
    known: dict[str, tuple[Kernel | None, ...]] = {
        "small": (shrunk_kernel(kernel),),
        "strips": strip_kernels(kernel),
        "identity": (None,),
    }
    return known[name]


class Crops:
    """Tables of smaller kernels, cut out of one that is at hand."""

    def __init__(self, neighbors: Tensor) -> None:
        self.neighbors = neighbors.detach()
        self.known: dict[Kernel, Tensor] = {}

    def of(self, outer: Kernel, inner: Kernel) -> Tensor:
        """The columns [V, K'] of `inner` within the table [V, K] of `outer`; the same tensor every time."""
        if inner not in self.known:
            columns = torch.from_numpy(kernel_columns(outer, inner)).to(self.neighbors.device)
            self.known[inner] = self.neighbors.index_select(1, columns)
        return self.known[inner]


_crops = Derived(Crops)
