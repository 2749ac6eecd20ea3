"""Neighbour tables: for each voxel the rows of the voxels in its k x k x k window.

`neighbors` [V, K], int32, K = k**3. Offsets are row-major over (dx, dy, dz), each from -(k // 2) to k // 2,
dz fastest, so that column K // 2 is the voxel itself. A missing neighbour is V, one past the last row. The
table is symmetric: neighbors[i, k] = j exactly where neighbors[j, K - 1 - k] = i.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ffnet3d.voxels.keys import z_encode
from ffnet3d.voxels.octree import neighbor_tables
from ffnet3d.voxels.plan import check_kernel_size


def build_neighbors(grid_coord: Tensor, batch: Tensor, kernel_size: int) -> Tensor:
    """Table int32 [V, kernel_size**3] of distinct voxels [V, 3] with batch indices [V], in any order.

    Raises ValueError for an even kernel, repeated voxels, or what `check_grid` refuses.
    """
    check_kernel_size(kernel_size)
    key, order = z_encode(grid_coord, batch).sort()
    if bool((key[1:] == key[:-1]).any()):
        raise ValueError("voxels are not unique: merge the points of a voxel first (build_pyramid does)")
    table = neighbor_tables(key, {0: (kernel_size,)})[0][kernel_size]
    return _reorder(table, order)


def crop_kernel(neighbors: Tensor, kernel_size: int) -> Tensor:
    """The table [V, kernel_size**3] of a smaller odd kernel, cut out of the middle of a larger one [V, K]."""
    check_kernel_size(kernel_size)
    outer = round(neighbors.shape[1] ** (1 / 3))
    margin = (outer - kernel_size) // 2
    if outer**3 != neighbors.shape[1] or margin < 0:
        raise ValueError(
            f"cannot cut a kernel of {kernel_size} out of a table of {neighbors.shape[1]} offsets"
        )
    middle = slice(margin, margin + kernel_size)
    cube = neighbors.view(len(neighbors), outer, outer, outer)[:, middle, middle, middle]
    return cube.reshape(len(neighbors), kernel_size**3)


def is_symmetric(neighbors: Tensor) -> bool:
    """Whether neighbors[i, k] = j implies neighbors[j, K - 1 - k] = i, as every table [V, K] must."""
    count, offsets = neighbors.shape
    row, offset = torch.nonzero(neighbors < count, as_tuple=True)
    target = neighbors[row, offset].long()
    return bool((neighbors[target, offsets - 1 - offset] == row).all())


def _reorder(table: Tensor, order: Tensor) -> Tensor:
    """The table [V, K] of voxels that stood in another order: row i of `table` is voxel order[i]."""
    count = len(order)
    rank = torch.empty_like(order).scatter_(0, order, torch.arange(count, device=order.device))
    name = torch.cat((order, order.new_full((1,), count))).int()
    moved = table.index_select(0, rank)
    torch.index_select(name, 0, moved.view(-1), out=table.view(-1))
    return table
