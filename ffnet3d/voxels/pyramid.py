"""All geometry of a batch, worked out once before the network runs.

Level 0 holds the distinct voxels of the points, each further level the cells `stride` times as large; the
voxels of every level stand in z-order. All convolutions of a level, encoder and decoder, share its tables.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

import torch
from torch import Tensor

from ffnet3d.voxels.kernels import Kernel, sorted_kernels
from ffnet3d.voxels.keys import coarsen_key, z_decode, z_encode
from ffnet3d.voxels.octree import neighbor_tables
from ffnet3d.voxels.plan import check_plan, wanted_kernels


@dataclass(frozen=True)
class Level:
    """The distinct voxels of one grid size, in z-order (batch by batch)."""

    grid_coord: Tensor  # [V, 3] int64, in voxels of this level
    batch: Tensor  # [V] int64, non-decreasing
    neighbors: Mapping[Kernel, Tensor]  # kernel of K offsets -> [V, K] int32, missing = V

    @property
    def num_voxels(self) -> int:
        """V, the number of voxels."""
        return len(self.grid_coord)

    def to(self, device: torch.device | str, non_blocking: bool = False) -> Level:
        """The same level with its tensors on `device`."""
        return Level(
            self.grid_coord.to(device, non_blocking=non_blocking),
            self.batch.to(device, non_blocking=non_blocking),
            {kernel: table.to(device, non_blocking=non_blocking) for kernel, table in self.neighbors.items()},
        )

    def pin_memory(self) -> Level:
        """The same level in page-locked memory, from which a GPU fetches while the CPU goes on."""
        tables = {kernel: table.pin_memory() for kernel, table in self.neighbors.items()}
        return Level(self.grid_coord.pin_memory(), self.batch.pin_memory(), tables)


@dataclass(frozen=True)
class Pyramid:
    """Levels from fine to coarse, and how points and voxels hang together."""

    levels: tuple[Level, ...]
    parents: tuple[Tensor, ...]  # parents[l] [V_l] int64: row in level l + 1 of each voxel, non-decreasing
    point_to_voxel: Tensor  # [N] int64: row in level 0 of each point
    point_order: (
        Tensor  # [N] int64: points sorted by voxel (stable); point_to_voxel[point_order] is non-decreasing
    )

    @property
    def num_points(self) -> int:
        """N, the number of points the pyramid was built from."""
        return len(self.point_to_voxel)

    @property
    def has_duplicates(self) -> bool:
        """Whether some voxel holds more than one point."""
        return self.num_points != self.levels[0].num_voxels

    def to(self, device: torch.device | str, non_blocking: bool = False) -> Pyramid:
        """The same pyramid with its tensors on `device`."""
        return replace(
            self,
            levels=tuple(level.to(device, non_blocking) for level in self.levels),
            parents=tuple(parent.to(device, non_blocking=non_blocking) for parent in self.parents),
            point_to_voxel=self.point_to_voxel.to(device, non_blocking=non_blocking),
            point_order=self.point_order.to(device, non_blocking=non_blocking),
        )

    def pin_memory(self) -> Pyramid:
        """The same pyramid in page-locked memory; DataLoader(pin_memory=True) calls this."""
        return replace(
            self,
            levels=tuple(level.pin_memory() for level in self.levels),
            parents=tuple(parent.pin_memory() for parent in self.parents),
            point_to_voxel=self.point_to_voxel.pin_memory(),
            point_order=self.point_order.pin_memory(),
        )


@dataclass(frozen=True)
class PyramidPlan:
    """The pyramid that a network asks for: the arguments `strides` and `kernel_sizes` of `build_pyramid`."""

    strides: tuple[int, ...]
    kernel_sizes: tuple[Collection[Kernel], ...]

    def build(self, grid_coord: Tensor, batch: Tensor) -> Pyramid:
        """The pyramid of points in voxels [N, 3] with batch indices [N], see `build_pyramid`."""
        return build_pyramid(grid_coord, batch, self.strides, self.kernel_sizes)


@torch.no_grad()
def build_pyramid(
    grid_coord: Tensor,
    batch: Tensor,
    strides: Sequence[int] = (2, 2, 2, 2),
    kernel_sizes: Sequence[Collection[Kernel]] = ((3, 5), (3,), (3,), (3,), (3,)),
) -> Pyramid:
    """The grid pyramid of points in voxels [N, 3] (integers, 0..65535) with batch indices [N].

    `strides` are the powers of two between consecutive levels, `kernel_sizes` the kernels of each level (one
    more than strides). Points that share a voxel become one voxel of level 0, and the levels do not
    depend on the order of the points.
    Raises ValueError for other strides or kernels, and for what `check_grid` refuses.
    """
    shifts = check_plan(strides, kernel_sizes)
    sorted_key, point_order = z_encode(grid_coord, batch).sort(stable=True)
    key, voxel_of_sorted = torch.unique_consecutive(sorted_key, return_inverse=True)
    point_to_voxel = torch.empty_like(point_order)
    point_to_voxel[point_order] = voxel_of_sorted
    tables = _level_tables(key, list(accumulate(shifts, initial=0)), kernel_sizes)
    levels, parents = [Level(*z_decode(key), tables[0])], []
    for shift, tables_of_level in zip(shifts, tables[1:], strict=True):
        # Shifted keys stay sorted, so parents need neither a sort nor a search.
        key, parent = torch.unique_consecutive(coarsen_key(key, shift), return_inverse=True)
        levels.append(Level(*z_decode(key), tables_of_level))
        parents.append(parent)
    return Pyramid(tuple(levels), tuple(parents), point_to_voxel, point_order)


def _level_tables(
    key: Tensor, generations: Sequence[int], kernel_sizes: Sequence[Collection[Kernel]]
) -> list[dict[Kernel, Tensor]]:
    """The tables of each level, by kernel."""
    tables = neighbor_tables(key, wanted_kernels(generations, kernel_sizes))
    return [
        {kernel: tables[generation][kernel] for kernel in sorted_kernels(kernels)}
        for generation, kernels in zip(generations, kernel_sizes, strict=True)
    ]
