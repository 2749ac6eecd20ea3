"""Z-order (Morton) keys: one int64 for each voxel of a batch, `batch << 48 | code`.

The code interleaves the bits of x, y and z, x being the most significant of each triple. A key shifted by
three bits is therefore the key of the voxel twice as large: the grid pyramid rests on that.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ffnet3d.voxels.numpy_keys import MAX_BITS, SPREAD

MAX_BATCH = 2**15
"""Batch indices are below this, so that a key fits into the 63 bits of a non-negative int64."""

# The dozen passes over the bits stay in cache, and do not ask the system for fresh memory in each.
BLOCK_ROWS = 2**17

CODE_BITS = 3 * MAX_BITS
CODE_MASK = (1 << CODE_BITS) - 1


def check_grid(grid_coord: Tensor, batch: Tensor | None = None) -> None:
    """Check voxel coordinates [N, 3] and batch indices [N]; ValueError names the value and the limit."""
    if grid_coord.dim() != 2 or grid_coord.shape[1] != 3:
        raise ValueError(f"grid_coord must be [N, 3], got {list(grid_coord.shape)}")
    _check_integers("grid_coord", grid_coord)
    low, high = _range(grid_coord)
    if low < 0:
        raise ValueError(f"grid_coord has the negative value {low}: subtract its minimum on each axis")
    if high >= 1 << MAX_BITS:
        raise ValueError(
            f"grid_coord has the value {high}, the limit is {(1 << MAX_BITS) - 1} ({MAX_BITS} bits an axis): "
            "are the coordinates in metres? use a larger grid_size, or crop the scene"
        )
    if batch is not None:
        _check_batch(batch, len(grid_coord), grid_coord.device)


def z_encode(grid_coord: Tensor, batch: Tensor | None = None) -> Tensor:
    """Z-order keys, int64 [N], of voxels [N, 3] (integers, 0..65535) and batch indices [N] (default 0).

    Raises ValueError on what `check_grid` refuses.
    """
    check_grid(grid_coord, batch)
    return join_key(interleave(grid_coord.long()), batch)


def z_decode(key: Tensor) -> tuple[Tensor, Tensor]:
    """Inverse of `z_encode`: grid_coord int64 [N, 3] and batch int64 [N] of keys int64 [N]."""
    return deinterleave(key & CODE_MASK), key >> CODE_BITS


def coarsen_key(key: Tensor, bits: int) -> Tensor:
    """Z-order keys [N] of the voxels `2**bits` times as large that contain those of `key` [N]."""
    code = (key & CODE_MASK).bitwise_right_shift_(3 * bits)
    return code.bitwise_or_(key & ~CODE_MASK)


def join_key(code: Tensor, batch: Tensor | None) -> Tensor:
    """Put the batch index [N] above the 48-bit code [N] of a space-filling curve."""
    return code if batch is None else code | (batch.long() << CODE_BITS)


def interleave(axes: Tensor) -> Tensor:
    """Codes int64 [N] made of the bits of `axes` int64 [N, 3], the first axis most significant."""
    return torch.cat([_interleave(block) for block in axes.split(BLOCK_ROWS)])


def deinterleave(code: Tensor) -> Tensor:
    """Inverse of `interleave`: int64 [N, 3] of int64 [N]."""
    return torch.cat([_deinterleave(block) for block in code.split(BLOCK_ROWS)])


def _interleave(axes: Tensor) -> Tensor:
    spread = axes.clone()
    for shift, mask in SPREAD:
        spread.bitwise_or_(spread << shift).bitwise_and_(mask)
    return (spread[:, 0] << 2) | (spread[:, 1] << 1) | spread[:, 2]


def _deinterleave(code: Tensor) -> Tensor:
    axes = torch.stack((code >> 2, code >> 1, code), dim=1).bitwise_and_(SPREAD[-1][1])
    kept = [mask for _, mask in SPREAD[-2::-1]] + [(1 << MAX_BITS) - 1]
    for (shift, _), mask in zip(reversed(SPREAD), kept, strict=True):
        axes.bitwise_or_(axes >> shift).bitwise_and_(mask)
    return axes


def _check_batch(batch: Tensor, length: int, device: torch.device) -> None:
    if batch.dim() != 1 or len(batch) != length:
        raise ValueError(f"batch must be [N] with N = {length} as in grid_coord, got {list(batch.shape)}")
    _check_integers("batch", batch)
    if batch.device != device:
        raise ValueError(f"batch is on {batch.device}, grid_coord on {device}: move both to one device")
    low, high = _range(batch)
    if low < 0:
        raise ValueError(f"batch has the negative index {low}: scenes are counted from 0")
    if high >= MAX_BATCH:
        raise ValueError(f"batch has the index {high}, the limit is {MAX_BATCH - 1}: use smaller batches")


def _check_integers(name: str, values: Tensor) -> None:
    if values.is_floating_point() or values.is_complex() or values.dtype == torch.bool:
        raise ValueError(f"{name} must be integers, got {values.dtype}: voxelize the coordinates first")


def _range(values: Tensor) -> tuple[int, int]:
    if values.numel() == 0:
        return 0, 0
    low, high = values.long().aminmax()
    return int(low), int(high)
