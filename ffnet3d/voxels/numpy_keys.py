"""Z-order keys of one scene without torch: the codes of `ffnet3d.voxels.keys`, by look-up tables."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MAX_BITS = 16
"""Bits of a grid coordinate on each axis: 0..65535."""

# After each shift the bits that stay: the value's bits end up three places apart.
SPREAD = ((16, 0x0000FF0000FF), (8, 0x00F00F00F00F), (4, 0x0C30C30C30C3), (2, 0x249249249249))


def z_keys(cells: NDArray[np.unsignedinteger]) -> NDArray[np.int64]:
    """Z-order keys [N] of voxels [3, N], 0..65535: three look-ups a voxel."""
    table = _spread(int(cells.max(initial=0)) + 1)
    key: NDArray[np.int64] = table.take(cells[2])
    key |= (table << 1).take(cells[1])
    key |= (table << 2).take(cells[0])
    return key


def sort_keys(key: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Keys [N], not negative, in ascending order, and the row that each had; equal keys keep their order.

    Where key and row fit into 63 bits they are sorted as one number, which is far faster than `argsort`.
    """
    bits = len(key).bit_length()
    if int(key.max(initial=0)).bit_length() + bits > 63:
        order = np.argsort(key, kind="stable")
        return key.take(order), order
    both = key << bits
    both |= np.arange(len(key))
    both.sort()
    return both >> bits, both & ((1 << bits) - 1)


def check_cells(grid_coord: NDArray[np.integer]) -> NDArray[np.uint16]:
    """The voxels [N, 3] as [3, N]; ValueError for what are none."""
    if grid_coord.ndim != 2 or grid_coord.shape[1] != 3:
        raise ValueError(f"grid_coord must be [N, 3], got {list(grid_coord.shape)}")
    if grid_coord.dtype.kind not in "iu":
        raise ValueError(f"grid_coord must be integers, got {grid_coord.dtype}: voxelize the points first")
    low, high = int(grid_coord.min(initial=0)), int(grid_coord.max(initial=0))
    if low < 0 or high >= 1 << MAX_BITS:
        raise ValueError(
            f"grid_coord must lie in 0..{(1 << MAX_BITS) - 1}, got {low}..{high}: subtract its minimum on "
            "each axis; if it is too large still, are the coordinates in metres?"
        )
    return np.array(grid_coord.T, dtype=np.uint16, order="C")


def first_of_runs(sorted_key: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which of sorted keys [N] differ from the one before them, bool [N]."""
    first = np.ones(len(sorted_key), dtype=bool)
    np.not_equal(sorted_key[1:], sorted_key[:-1], out=first[1:])
    return first


def _spread(count: int) -> NDArray[np.int64]:
    """The numbers 0..count - 1 with their bits three places apart."""
    bits = np.arange(count, dtype=np.int64)
    for shift, mask in SPREAD:
        bits |= bits << shift
        bits &= mask
    return bits
