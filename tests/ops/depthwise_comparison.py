"""A depthwise convolution and its gradients on any backend, compared with the reference in float64."""

from __future__ import annotations

import torch
from ops.clouds import table
from ops.comparison import device_of
from tolerances import TOLERANCES, assert_close
from torch import Tensor

from ffnet3d.ops import subm_conv3d_depthwise

CROSS = "cross"  # the 25 offsets within 9x9x9 that leave the axes nowhere
Kernel = int | str


def cross_columns() -> Tensor:
    """The columns of a 9x9x9 table whose offsets have at most one coordinate that is not zero."""
    steps = range(-4, 5)
    cube = [(dx, dy, dz) for dx in steps for dy in steps for dz in steps]
    return torch.tensor([k for k, offset in enumerate(cube) if offset.count(0) >= 2])


def table_of(grid_coord: Tensor, kernel: Kernel) -> Tensor:
    """Neighbour table [V, K] int32 of a cube or of the cross."""
    if isinstance(kernel, int):
        return table(grid_coord, kernel)
    return table(grid_coord, 9)[:, cross_columns()].contiguous()


def make_inputs(count: int, offsets: int, channels: int, dtype: torch.dtype) -> list[Tensor]:
    """Random features, weight, bias and cotangent."""
    generator = torch.Generator().manual_seed(0)
    shapes = ((count, channels), (offsets, channels), (channels,), (count, channels))
    return [torch.randn(shape, generator=generator).to(dtype) for shape in shapes]


def run(backend: str, inputs: list[Tensor], neighbors: Tensor) -> list[Tensor]:
    """Output and the gradients of features, weight and bias for the given cotangent."""
    device = device_of(backend)
    *leaves, cotangent = (tensor.detach().to(device).requires_grad_() for tensor in inputs)
    out = subm_conv3d_depthwise(*leaves, neighbors.to(device), backend)
    gradients = torch.autograd.grad(out, leaves, cotangent.detach())
    return [out.detach().cpu(), *(gradient.cpu() for gradient in gradients)]


def check(inputs: list[Tensor], neighbors: Tensor, backend: str) -> None:
    """`backend` in the inputs' dtype against the reference in float64."""
    check_close(run(backend, inputs, neighbors), run("reference", _exact(inputs), neighbors), inputs[0].dtype)


def check_close(actual: list[Tensor], expected: list[Tensor], dtype: torch.dtype) -> None:
    """Output and gradients within the tolerances of `dtype`."""
    limits = (TOLERANCES[dtype].forward, *3 * (TOLERANCES[dtype].gradient,))
    names = ("out", "features", "weight", "bias")
    for a, e, limit, name in zip(actual, expected, limits, names, strict=True):
        assert a.dtype == dtype, name
        assert_close(a, e, limit, name)


def _exact(inputs: list[Tensor]) -> list[Tensor]:
    return [tensor.double() for tensor in inputs]
