"""Points in metres to voxels: NumPy in, NumPy out, one scene at a time."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ffnet3d.voxels.numpy_keys import MAX_BITS, check_cells, first_of_runs, sort_keys, z_keys


@dataclass(frozen=True)
class Voxels:
    """The distinct voxels of a scene in z-order, and which points lie in each.

    The points of voxel m are `order[starts[m]:starts[m + 1]]`, in ascending order.
    """

    cells: NDArray[np.uint16]  # [3, N], the voxel of each point, from 0 on each axis
    order: NDArray[np.int64]  # [N], points sorted by voxel
    starts: NDArray[np.int64]  # [M + 1], where each voxel's points begin within `order`

    @cached_property
    def grid_coord(self) -> NDArray[np.int64]:
        """The voxels, [M, 3]."""
        return self.grid_coord_of(self.order.take(self.starts[:-1]))

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """Number of points of each voxel, [M]."""
        return np.diff(self.starts)

    @cached_property
    def inverse(self) -> NDArray[np.int64]:
        """Row of each point's voxel, [N]."""
        inverse = np.empty_like(self.order)
        inverse[self.order] = np.repeat(np.arange(len(self.counts)), self.counts)
        return inverse

    def means(self, values: NDArray[np.generic]) -> NDArray[np.float64]:
        """The mean of the rows of `values` [N, C] over each voxel's points, [M, C]."""
        sums = np.add.reduceat(values[self.order].astype(np.float64), self.starts[:-1], axis=0)
        means: NDArray[np.float64] = sums / self.counts[:, None]
        return means

    def grid_coord_of(self, points: NDArray[np.int64]) -> NDArray[np.int64]:
        """The voxels [K, 3] of the points with the numbers `points` [K]."""
        return np.stack([axis.take(points) for axis in self.cells], axis=1).astype(np.int64)


def grid_coordinates(coord: NDArray[np.floating], grid_size: float) -> NDArray[np.int64]:
    """Voxels int64 [N, 3], from 0 on each axis, of coordinates [N, 3] and the voxel edge, both in metres.

    It is floor(coord / grid_size) minus the minimum, in float64 whatever the input. Raises ValueError for
    coordinates that are not finite, a grid size that is not positive, and over 65536 voxels on an axis.
    """
    return _cells(coord, grid_size).T.astype(np.int64, order="C")


def voxelize(coord: NDArray[np.floating], grid_size: float) -> Voxels:
    """Group points [N, 3] in metres by voxel of edge `grid_size` metres.

    Raises ValueError on what `grid_coordinates` refuses.
    """
    return _group(_cells(coord, grid_size))


def group_cells(grid_coord: NDArray[np.integer]) -> Voxels:
    """Group points by voxel, where the voxels [N, 3] are known; ValueError outside 0..65535."""
    return _group(check_cells(grid_coord))


def _group(cells: NDArray[np.uint16]) -> Voxels:
    """The points of voxels [3, N] together."""
    sorted_key, order = sort_keys(z_keys(cells))
    starts = np.append(np.flatnonzero(first_of_runs(sorted_key)), len(order))
    return Voxels(cells, order, starts)


def _cells(coord: NDArray[np.floating], grid_size: float) -> NDArray[np.uint16]:
    """`grid_coordinates` as [3, N]: along an axis NumPy is many times faster than across three columns.

    They are kept in 16 bits because a large scene's time goes into memory.
    """
    if coord.ndim != 2 or coord.shape[1] != 3:
        raise ValueError(f"coord must be [N, 3], got {list(coord.shape)}")
    if not (np.isfinite(grid_size) and grid_size > 0):
        raise ValueError(f"grid_size must be a positive number of metres, got {grid_size!r}")
    if len(coord) == 0:
        return np.zeros((3, 0), dtype=np.uint16)
    cells = np.array(coord.T, dtype=np.float64, order="C")
    cells /= grid_size
    np.floor(cells, out=cells)
    low, high = cells.min(axis=1), cells.max(axis=1)
    if not np.isfinite([low, high]).all():
        _check_finite(coord)
    if not (high - low).max() < 1 << MAX_BITS:
        extent = np.ptp(coord.astype(np.float64), axis=0)
        metres = " x ".join(f"{size:.6g}" for size in extent)
        raise ValueError(
            f"the scene measures {metres} m: at grid_size {grid_size:g} m that is "
            f"{(high - low).max() + 1:.6g} voxels on an axis, the limit is {1 << MAX_BITS}: "
            "are the coordinates in metres? use a larger grid_size, remove outliers, or crop the scene"
        )
    cells -= low[:, None]
    return cells.astype(np.uint16)


def _check_finite(coord: NDArray[np.floating]) -> None:
    bad = ~np.isfinite(coord).all(axis=1)
    if bad.any():
        point = int(np.argmax(bad))
        raise ValueError(
            f"coord has {int(bad.sum())} points that are not finite, the first is point {point}: "
            f"{coord[point].tolist()}: remove them"
        )
