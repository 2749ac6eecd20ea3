"""Neighbour tables: for each voxel the rows of the voxels in its window.

`neighbors` [V, K], int32, for the K offsets of a kernel (`ffnet3d.voxels.kernels`); those of the cube k have
K = k**3, row-major over (dx, dy, dz), each from -(k // 2) to k // 2, dz fastest. Column K // 2 is the voxel
itself. A missing neighbour is V, one past the last row. The table is symmetric:
neighbors[i, k] = j exactly where neighbors[j, K - 1 - k] = i.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ffnet3d.voxels.kernels import Kernel, check_kernel, kernel_columns, kernel_offsets
from ffnet3d.voxels.keys import z_encode
from ffnet3d.voxels.octree import neighbor_tables

REORDERED_COLUMNS = 32


def build_neighbors(grid_coord: Tensor, batch: Tensor, kernel_size: Kernel) -> Tensor:
    """Table int32 [V, K] of the kernel, for distinct voxels [V, 3] with batch indices [V], in any order.

    Raises ValueError for what `check_kernel` or `check_grid` refuses, and for repeated voxels.
    """
    check_kernel(kernel_size)
    key, order = z_encode(grid_coord, batch).sort()
    if bool((key[1:] == key[:-1]).any()):
        raise ValueError("voxels are not unique: merge the points of a voxel first (build_pyramid does)")
    table = neighbor_tables(key, {0: (kernel_size,)})[0][kernel_size]
    return _reorder(table, order)


def crop_kernel(neighbors: Tensor, outer: Kernel, inner: Kernel) -> Tensor:
    """The table of the kernel `inner`, cut out of that of `outer` [V, K].

    Raises ValueError where `inner` is not within `outer`, or the table is not that of `outer`.
    """
    columns = kernel_columns(outer, inner)
    offsets = len(kernel_offsets(outer))
    if neighbors.dim() != 2 or neighbors.shape[1] != offsets:
        raise ValueError(f"the table of kernel {outer!r} must be [V, {offsets}], got {list(neighbors.shape)}")
    return neighbors[:, torch.from_numpy(columns).to(neighbors.device)]


def is_symmetric(neighbors: Tensor) -> bool:
    """Whether neighbors[i, k] = j implies neighbors[j, K - 1 - k] = i, as every table [V, K] must."""
    count, offsets = neighbors.shape
    row, offset = torch.nonzero(neighbors < count, as_tuple=True)
    target = neighbors[row, offset].long()
    return bool((neighbors[target, offsets - 1 - offset] == row).all())


def _reorder(table: Tensor, order: Tensor) -> Tensor:
    """The table [V, K] of voxels that stood in another order, in place: its row i is the voxel order[i]."""
    count = len(order)
    rank = torch.empty_like(order).scatter_(0, order, torch.arange(count, device=order.device))
    name = torch.cat((order, order.new_full((1,), count))).int()
    # A few columns at a time: a second table of a large kernel would not fit beside the first.
    for columns in table.split(REORDERED_COLUMNS, dim=1):
        moved = columns.index_select(0, rank)
        columns.copy_(name.index_select(0, moved.view(-1)).view_as(moved))
    return table
