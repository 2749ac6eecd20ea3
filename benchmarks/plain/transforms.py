"""The training transforms as they are usually written (Pointcept's semantics): NumPy, SciPy, no cleverness.

Each takes a sample, a dict of arrays with one row per point, and gives a new one. Draws come from the
generator in the order and in the types in which ffnet3d's transforms draw, so that results can be compared.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.interpolate import RegularGridInterpolator
from scipy.ndimage import convolve

Sample = dict[str, Any]
FNV_PRIME, FNV_BASIS = 1099511628211, 14695981039346656037


def elastic_distortion(
    sample: Sample,
    rng: np.random.Generator,
    params: tuple[tuple[float, float], ...] = ((0.2, 0.4), (0.8, 1.6)),
) -> Sample:
    """For each (granularity, magnitude) in metres: blurred noise on a grid, interpolated at every point."""
    coord = sample["coord"].copy()
    if rng.random() < 0.95:
        for granularity, magnitude in params:
            coord += magnitude * displacement(coord, granularity, rng)
    return {**sample, "coord": coord}


def displacement(coord: np.ndarray, granularity: float, rng: np.random.Generator) -> np.ndarray:
    """The field [N, 3] at points [N, 3]: noise smoothed twice by a box of three nodes on each axis."""
    low = coord.min(axis=0)
    shape = ((coord - low).max(axis=0) // granularity).astype(int) + 3
    noise = rng.standard_normal((*shape, 3), dtype=np.float32)
    for axis in (0, 1, 2) * 2:
        box = np.full([3 if dim == axis else 1 for dim in range(4)], 1 / 3, dtype=np.float32)
        noise = convolve(noise, box, mode="constant", cval=0)
    nodes = [first + granularity * np.arange(-1, count - 1) for first, count in zip(low, shape, strict=True)]
    return RegularGridInterpolator(nodes, noise, bounds_error=False, fill_value=0)(coord)


def grid_sample(sample: Sample, rng: np.random.Generator, grid_size: float) -> Sample:
    """A random point of each voxel, and its `grid_coord`."""
    grid_coord, order, count = sorted_by_voxel(sample["coord"], grid_size)
    start = np.cumsum(np.insert(count, 0, 0)[:-1])
    chosen = order[start + rng.integers(0, count.max(), len(count)) % count]
    return {**take(sample, chosen), "grid_coord": grid_coord[chosen]}


def grid_fragments(sample: Sample, grid_size: float) -> list[Sample]:
    """As many samples as the fullest voxel has points; number i takes point i modulo count of each voxel."""
    grid_coord, order, count = sorted_by_voxel(sample["coord"], grid_size)
    fragments = []
    for number in range(count.max()):
        start = np.cumsum(np.insert(count, 0, 0)[:-1])
        chosen = order[start + number % count]
        fragments.append({**take(sample, chosen), "grid_coord": grid_coord[chosen], "index": chosen})
    return fragments


def sorted_by_voxel(coord: np.ndarray, grid_size: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Voxel [N, 3] of each point, the points in the order of their voxels' hash [N], points a voxel [M]."""
    grid_coord = np.floor(coord / np.array(grid_size)).astype(int)
    grid_coord -= grid_coord.min(axis=0)
    key = fnv_hash(grid_coord)
    order = np.argsort(key)
    _, _, count = np.unique(key[order], return_inverse=True, return_counts=True)
    return grid_coord, order, count


def fnv_hash(grid_coord: np.ndarray) -> np.ndarray:
    """64-bit FNV-1 hash [N] of the three numbers of each voxel [N, 3]."""
    key = np.full(len(grid_coord), FNV_BASIS, dtype=np.uint64)
    for axis in grid_coord.astype(np.uint64).T:
        key *= np.uint64(FNV_PRIME)
        key ^= axis
    return key


def sphere_crop(sample: Sample, rng: np.random.Generator, point_max: int) -> Sample:
    """The `point_max` points nearest to a random one, the nearest first."""
    coord = sample["coord"]
    if len(coord) <= point_max:
        return dict(sample)
    center = coord[rng.integers(len(coord))]
    return take(sample, np.argsort(np.sum(np.square(coord - center), axis=1))[:point_max])


def take(sample: Sample, index: np.ndarray) -> Sample:
    """The rows `index` of every array of the sample."""
    return {key: value[index] for key, value in sample.items()}
