"""Reductions over segments: the points of a voxel, the children of a parent cell."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ffnet3d.ops.derived import Derived

REDUCTIONS = ("max", "mean", "sum")


def segment_reduce(values: Tensor, index: Tensor, num_segments: int, reduce: str = "max") -> Tensor:
    """Max, mean or sum of the rows of each segment, with gradient.

    Args:
        values: [N, C] floating.
        index: [N] int64, the segment of each row, in any order.
        num_segments: S; an empty segment gives zeros.
        reduce: "max", "mean" or "sum". The gradient of a maximum is shared evenly among the rows that attain
            it, so that it does not depend on their order. Sums of 16-bit values are kept in float32.

    Returns:
        [S, C] in the dtype of `values`.

    Raises:
        ValueError: shapes that do not fit, an index outside 0..S-1 or not int64, an unknown reduction.
    """
    _check(values, index, num_segments, reduce)
    if reduce == "max":
        maximum: Tensor = _SegmentMax.apply(values, index, num_segments)
        return maximum
    total = _segment_sum(values.to(torch.promote_types(values.dtype, torch.float32)), index, num_segments)
    if reduce == "mean":
        count = torch.bincount(index, minlength=num_segments)
        total = total / count.clamp(min=1).unsqueeze(1)
    return total.to(values.dtype)


class _SegmentMax(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, index: Tensor, num_segments: int) -> Tensor:
        out = values.new_zeros(num_segments, values.shape[1])
        # An expanded index is no copy, and PyTorch has a fast path for it.
        wide = index.unsqueeze(1).expand_as(values)
        out.scatter_reduce_(0, wide, values, "amax", include_self=False)
        ctx.save_for_backward(values, index, out)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        values, index, out = ctx.saved_tensors
        attains = (values == out.index_select(0, index)).to(torch.promote_types(grad.dtype, torch.float32))
        share = grad / _segment_sum(attains, index, len(out))
        return attains.mul_(share.index_select(0, index)).to(grad.dtype), None, None


def _segment_sum(values: Tensor, index: Tensor, num_segments: int) -> Tensor:
    return values.new_zeros(num_segments, values.shape[1]).index_add(0, index, values)


def _check(values: Tensor, index: Tensor, num_segments: int, reduce: str) -> None:
    if reduce not in REDUCTIONS:
        raise ValueError(f"unknown reduction {reduce!r}; known: {', '.join(REDUCTIONS)}")
    if values.ndim != 2 or not values.is_floating_point():
        raise ValueError(f"values must be floating [N, C], got {values.dtype} {list(values.shape)}")
    if index.shape != values.shape[:1] or index.dtype != torch.int64:
        raise ValueError(f"index must be int64 [{len(values)}], got {index.dtype} {list(index.shape)}")
    if len(index) == 0 or torch.compiler.is_compiling():
        return
    low, high = _bounds(index)
    if low < 0 or high >= num_segments:
        raise ValueError(f"index must lie in 0..{num_segments - 1}, got {low}..{high}")


def _find_bounds(index: Tensor) -> tuple[int, int]:
    low, high = index.aminmax()
    return int(low), int(high)


# Looking at them waits for a GPU, so that each index is looked at once, and none while a graph is recorded.
_bounds = Derived(_find_bounds)
