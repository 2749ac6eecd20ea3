"""Points in metres to voxels: NumPy in, NumPy out, one scene at a time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from ffnet3d.voxels.keys import MAX_BITS, z_encode


@dataclass(frozen=True)
class Voxels:
    """The distinct voxels of a scene in z-order, and which points lie in each.

    The points of voxel m are `order[starts[m]:starts[m + 1]]`, in ascending order.
    """

    grid_coord: NDArray[np.int64]  # [M, 3], from 0 on each axis
    inverse: NDArray[np.int64]  # [N], row of each point's voxel
    order: NDArray[np.int64]  # [N], points sorted by voxel
    starts: NDArray[np.int64]  # [M + 1], where each voxel's points begin within `order`

    @property
    def counts(self) -> NDArray[np.int64]:
        """Number of points of each voxel, [M]."""
        return np.diff(self.starts)


def grid_coordinates(coord: NDArray[np.floating], grid_size: float) -> NDArray[np.int64]:
    """Voxels int64 [N, 3], from 0 on each axis, of coordinates [N, 3] and the voxel edge, both in metres.

    It is floor(coord / grid_size) minus the minimum, in float64 whatever the input. Raises ValueError for
    coordinates that are not finite, a grid size that is not positive, and over 65536 voxels on an axis.
    """
    if coord.ndim != 2 or coord.shape[1] != 3:
        raise ValueError(f"coord must be [N, 3], got {list(coord.shape)}")
    if not (np.isfinite(grid_size) and grid_size > 0):
        raise ValueError(f"grid_size must be a positive number of metres, got {grid_size!r}")
    if len(coord) == 0:
        return np.zeros((0, 3), dtype=np.int64)
    _check_finite(coord)
    cell = np.floor(coord.astype(np.float64) / grid_size)
    cell -= cell.min(axis=0)
    if not cell.max() < 1 << MAX_BITS:
        extent = np.ptp(coord.astype(np.float64), axis=0)
        metres = " x ".join(f"{size:.6g}" for size in extent)
        raise ValueError(
            f"the scene measures {metres} m: at grid_size {grid_size:g} m that is "
            f"{cell.max() + 1:.6g} voxels on an axis, the limit is {1 << MAX_BITS}: "
            "are the coordinates in metres? use a larger grid_size, remove outliers, or crop the scene"
        )
    return cell.astype(np.int64)


def voxelize(coord: NDArray[np.floating], grid_size: float) -> Voxels:
    """Group points [N, 3] in metres by voxel of edge `grid_size` metres.

    Raises ValueError on what `grid_coordinates` refuses.
    """
    grid_coord = grid_coordinates(coord, grid_size)
    key = z_encode(torch.from_numpy(grid_coord)).numpy()
    order = np.argsort(key, kind="stable")
    sorted_key = key[order]
    first = np.ones(len(key), dtype=bool)
    np.not_equal(sorted_key[1:], sorted_key[:-1], out=first[1:])
    inverse = np.empty_like(order)
    inverse[order] = np.cumsum(first) - 1
    starts = np.append(np.flatnonzero(first), len(key))
    return Voxels(grid_coord[order[starts[:-1]]], inverse, order, starts)


def _check_finite(coord: NDArray[np.floating]) -> None:
    bad = ~np.isfinite(coord).all(axis=1)
    if bad.any():
        point = int(np.argmax(bad))
        raise ValueError(
            f"coord has {int(bad.sum())} points that are not finite, the first is point {point}: "
            f"{coord[point].tolist()}: remove them"
        )
