"""The grid pyramid of one scene by NumPy alone: the tables of `build_pyramid`, where torch is not at hand.

Level 0 holds the distinct voxels of the points, each further level the cells `stride` times as large, all in
z-order. Neighbour tables are derived from the root down, as in `ffnet3d.voxels.octree`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from ffnet3d.voxels.kernels import Kernel, kernel_offsets, sorted_kernels
from ffnet3d.voxels.numpy_keys import check_cells, first_of_runs, sort_keys, z_keys
from ffnet3d.voxels.plan import (
    OCTANTS,
    check_plan,
    child_window,
    coarse_kernels,
    needed_kernels,
    wanted_kernels,
)

Integers = NDArray[np.int64]
Table = NDArray[np.int32]
Tables = dict[Kernel, Table]
BLOCK_BYTES = 2 * 2**20
"""Children copied side by side at a time: they stay in cache."""


@dataclass(frozen=True)
class NumpyLevel:
    """The distinct voxels of one grid size, in z-order."""

    grid_coord: Integers  # [V, 3], in voxels of this level
    neighbors: Mapping[Kernel, Table]  # kernel of K offsets -> [V, K], missing = V

    @property
    def num_voxels(self) -> int:
        """V, the number of voxels."""
        return len(self.grid_coord)


@dataclass(frozen=True)
class NumpyPyramid:
    """Levels from fine to coarse, and how points and voxels hang together."""

    levels: tuple[NumpyLevel, ...]
    parents: tuple[Table, ...]  # parents[l] [V_l]: row in level l + 1 of each voxel, non-decreasing
    children: tuple[Table, ...]  # children[l] [V_{l+1}, stride**3]: rows in level l, missing = V_l
    point_to_voxel: Integers  # [N]: row in level 0 of each point

    def tables(self) -> dict[str, Table]:
        """All that a network needs, under the names of an exported network's inputs, int32.

        `neighbors_L_KERNEL` [V_L, K], `parents_L` [V_L] and `children_L` [V_{L+1}, stride**3] of level L.
        """
        named = {
            f"neighbors_{depth}_{kernel}": table
            for depth, level in enumerate(self.levels)
            for kernel, table in level.neighbors.items()
        }
        named |= {f"parents_{depth}": parents for depth, parents in enumerate(self.parents)}
        named |= {f"children_{depth}": children for depth, children in enumerate(self.children)}
        return named


def build_numpy_pyramid(
    grid_coord: NDArray[np.integer],
    strides: Sequence[int] = (2, 2, 2, 2),
    kernel_sizes: Sequence[Collection[Kernel]] = ((3, 5), (3,), (3,), (3,), (3,)),
) -> NumpyPyramid:
    """The grid pyramid of one scene's points in voxels [N, 3] (integers, 0..65535), distinct or not.

    `strides` and `kernel_sizes` as in `ffnet3d.voxels.build_pyramid`. ValueError for ones that cannot be, and
    for voxels that are not integers in 0..65535.
    """
    shifts = check_plan(strides, kernel_sizes)
    cells = check_cells(grid_coord)
    sorted_key, order = sort_keys(z_keys(cells))
    first = first_of_runs(sorted_key)
    point_to_voxel = np.empty_like(order)
    point_to_voxel[order] = np.cumsum(first) - 1
    key, cell = sorted_key[first], cells[:, order[first]].T.astype(np.int64)
    generations = list(accumulate(shifts, initial=0))
    tables = _neighbor_tables(key, wanted_kernels(generations, kernel_sizes))
    levels, parents, children = [], [], []
    for depth, (generation, kernels) in enumerate(zip(generations, kernel_sizes, strict=True)):
        if depth > 0:
            shift = shifts[depth - 1]
            key, parent, child = _coarsen(key, shift)
            cell = cell[first_of_runs(parent)] >> shift
            parents.append(parent.astype(np.int32))
            children.append(child)
        of_level = {kernel: tables[generation][kernel] for kernel in sorted_kernels(kernels)}
        levels.append(NumpyLevel(cell, of_level))
    return NumpyPyramid(tuple(levels), tuple(parents), tuple(children), point_to_voxel)


def _coarsen(key: Integers, shift: int) -> tuple[Integers, Integers, Table]:
    """Keys of the parents `2**shift` times as large, each cell's parent, and each parent's children."""
    coarse = key >> 3 * shift
    first = first_of_runs(coarse)
    parent = np.cumsum(first) - 1
    places = 1 << 3 * shift
    children = np.full((int(first.sum()), places), len(key), dtype=np.int32)
    children.ravel()[parent * places + (key & (places - 1))] = np.arange(len(key), dtype=np.int32)
    return coarse[first], parent, children


def _neighbor_tables(key: Integers, wanted: Mapping[int, Collection[Kernel]]) -> dict[int, Tables]:
    """`ffnet3d.voxels.octree.neighbor_tables` of the sorted, distinct keys [V] of one scene."""
    depth = max(*wanted, -(-int(key.max(initial=0)).bit_length() // 3))
    needed = needed_kernels(wanted, depth)
    climbed = []
    for _ in range(depth):
        key, parent, children = _coarsen(key, 1)
        climbed.append((parent, children))
    current = {kernel: _isolated(len(key), kernel) for kernel in needed[depth]}
    tables = {}
    for generation in range(depth, -1, -1):
        if generation < depth:
            parents, current = current, {}
            for coarse, kernels in coarse_kernels(needed[generation]).items():
                current |= _refine(*climbed[generation], parents[coarse], kernels)
        tables[generation] = {kernel: current[kernel] for kernel in wanted.get(generation, ())}
    return tables


def _isolated(count: int, kernel: Kernel) -> Table:
    """The table of cells that have no neighbours but themselves."""
    columns = len(kernel_offsets(kernel))
    table = np.full((count, columns), count, dtype=np.int32)
    table[:, columns // 2] = np.arange(count)
    return table


def _refine(parent: Integers, children: Table, coarse: Table, kernels: Collection[Kernel]) -> Tables:
    """Tables [V, K] of cells from the table of their parents, as `ffnet3d.voxels.refine` has it.

    parent: [V], ascending; children: [P, 8], missing = V; coarse: [P, K'].
    """
    count, copied = len(parent), coarse.shape[1] * OCTANTS
    # The last line is a missing parent's.
    rows_of = np.concatenate((children, np.full((1, OCTANTS), count, dtype=np.int32)))
    octant = np.nonzero(children < count)[1]
    windows = {kernel: child_window(kernel) for kernel in kernels}
    tables = {kernel: np.empty((count, window.shape[1]), np.int32) for kernel, window in windows.items()}
    step = max(1, BLOCK_BYTES // (copied * coarse.itemsize))
    firsts = np.arange(0, len(coarse) + step, step)
    ends = np.searchsorted(parent, firsts)
    for begin, low, high in zip(firsts[:-1], ends[:-1], ends[1:], strict=True):
        near = rows_of.take(coarse[begin : begin + step].ravel(), axis=0).ravel()
        start = ((parent[low:high] - begin) * copied).astype(np.int32)[:, None]
        for kernel, window in windows.items():
            picked = window.take(octant[low:high], axis=0)
            picked += start
            near.take(picked, out=tables[kernel][low:high], mode="clip")
    return tables
