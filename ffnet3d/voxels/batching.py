"""Which scene a point belongs to, in two forms: `batch` [N], its index, or `offset` [B], where scenes end."""

from __future__ import annotations

import torch
from torch import Tensor


def offset2batch(offset: Tensor) -> Tensor:
    """Batch index of each point, int64 [N] with N = offset[-1], of the cumulative scene ends `offset` [B].

    Raises ValueError where `offset` is not a non-decreasing, non-negative integer vector.
    """
    if offset.dim() != 1 or offset.is_floating_point():
        raise ValueError(f"offset must be integers [B], got {offset.dtype} {list(offset.shape)}")
    counts = torch.diff(offset.long(), prepend=offset.new_zeros(1, dtype=torch.int64))
    if bool((counts < 0).any()):
        raise ValueError(f"offset must be cumulative, never negative or decreasing, got {offset.tolist()}")
    return torch.repeat_interleave(torch.arange(len(offset), device=offset.device), counts)


def batch2offset(batch: Tensor, batch_size: int | None = None) -> Tensor:
    """Inverse of `offset2batch`: int64 [B] of a non-decreasing `batch` [N].

    `batch_size` keeps empty scenes at the end, which `batch` alone cannot tell (default: largest index + 1).
    Raises ValueError where `batch` is not sorted, or has an index outside 0..batch_size - 1.
    """
    if batch.dim() != 1 or batch.is_floating_point():
        raise ValueError(f"batch must be integers [N], got {batch.dtype} {list(batch.shape)}")
    if bool((batch[1:] < batch[:-1]).any()):
        raise ValueError("batch is not sorted: an offset needs the points of a scene side by side")
    if len(batch) and int(batch[0]) < 0:
        raise ValueError(f"batch has the negative index {int(batch[0])}: scenes are counted from 0")
    size = (int(batch[-1]) + 1 if len(batch) else 0) if batch_size is None else batch_size
    if len(batch) and int(batch[-1]) >= size:
        raise ValueError(f"batch has the index {int(batch[-1])}, but batch_size is {size}")
    return torch.bincount(batch.long(), minlength=size).cumsum(0)
