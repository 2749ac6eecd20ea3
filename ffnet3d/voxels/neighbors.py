"""Neighbour tables: for each voxel the rows of the voxels in its k x k x k window.

`neighbors` [V, K], int32, K = k**3. Offsets are row-major over (dx, dy, dz), each from -(k // 2) to k // 2,
dz fastest, so that column K // 2 is the voxel itself. A missing neighbour is V, one past the last row. The
table is symmetric: neighbors[i, k] = j exactly where neighbors[j, K - 1 - k] = i.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ffnet3d.voxels.keys import check_grid


def build_neighbors(grid_coord: Tensor, batch: Tensor, kernel_size: int) -> Tensor:
    """Table int32 [V, kernel_size**3] of distinct voxels [V, 3] with batch indices [V], in any order.

    The voxels are sorted by linear key (batch, x, y, z), z fastest. The neighbours of a column (dx, dy) then
    follow each other: one binary search finds the first, a walk the others. Columns past the centre are the
    mirror image of those before it. Memory is proportional to the table, whatever the extent.

    Raises ValueError for an even kernel, repeated voxels, or what `check_grid` refuses.
    """
    check_kernel_size(kernel_size)
    check_grid(grid_coord, batch)
    count, columns = len(grid_coord), kernel_size**2
    if count == 0:
        return torch.empty((0, kernel_size**3), dtype=torch.int32, device=grid_coord.device)
    key, steps = _linear_keys(grid_coord, batch, kernel_size // 2)
    table = key.new_empty((columns, kernel_size, count + 1), dtype=torch.int32)
    _probe_columns(table[: columns // 2 + 1, :, :count], key, steps)
    _mirror_columns(table)
    # The last row is where missing neighbours' mirror images went.
    return table.view(-1, count + 1).t().contiguous()[:count]


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


def check_kernel_size(kernel_size: int) -> None:
    """Raise ValueError unless `kernel_size` is an odd positive integer."""
    if not isinstance(kernel_size, int) or kernel_size < 1 or kernel_size % 2 == 0:
        raise ValueError(f"kernel_size must be odd and positive, got {kernel_size!r}: the window is centred")


def _linear_keys(grid_coord: Tensor, batch: Tensor, radius: int) -> tuple[Tensor, tuple[int, int]]:
    """Row-major keys int64 [V] within the bounding box of the voxels, and the steps in x and in y.

    Each axis has `radius` empty cells behind its range: a window over the border ends in one of them.
    """
    cells = torch.cat((batch[:, None].long(), grid_coord.long()), dim=1)
    low, high = cells.aminmax(dim=0)
    scenes, x, y, z = ((high - low) + 1).tolist()
    x, y, z = x + radius, y + radius, z + radius
    if scenes * x * y * z >= 2**63:
        raise ValueError(f"{scenes} scenes of {x} x {y} x {z} voxels exceed 63-bit keys: use smaller batches")
    step_x, step_y = y * z, z
    key = ((cells - low) * cells.new_tensor([x * step_x, step_x, step_y, 1])).sum(dim=1)
    return key, (step_x, step_y)


def _probe_columns(table: Tensor, key: Tensor, steps: tuple[int, int]) -> None:
    """Fill `table` [columns, k, V], the columns up to the centre one, from the keys [V]."""
    columns, size, count = table.shape
    radius = size // 2
    ordered, row = key.sort()
    if bool((ordered[1:] == ordered[:-1]).any()):
        raise ValueError("voxels are not unique: merge the points of a voxel first (build_pyramid does)")
    rank = torch.empty_like(row).scatter_(0, row, torch.arange(count, device=row.device))
    offset = torch.arange(columns, device=key.device)[:, None]
    first = (offset // size - radius) * steps[0] + (offset % size - radius) * steps[1] - radius
    # Ascending queries are searched faster than those in the voxels' own order.
    position = torch.searchsorted(ordered, ordered + first, out_int32=True)[:, rank].flatten()
    # One more entry, which no window reaches, for positions past the end.
    ordered = torch.cat((ordered, ordered.new_full((1,), torch.iinfo(torch.int64).max)))
    row = torch.cat((row, row.new_full((1,), count))).int()
    wanted = (key + first).flatten()
    for dz in range(size):
        found = ordered.index_select(0, position) == wanted
        table[:, dz] = torch.where(found, row.index_select(0, position), count).view(columns, count)
        position += found
        wanted += 1


def _mirror_columns(table: Tensor) -> None:
    """Fill the columns past the centre of `table` [columns, k, V + 1]: where i sees j, j sees i."""
    columns, _, width = table.shape
    half = columns // 2
    target = table[:half, :, : width - 1].flip(0, 1).long()
    mirrored = table[columns - half :]
    mirrored.fill_(width - 1)
    # Missing neighbours all write to the last entry, which nobody reads.
    row = torch.arange(width - 1, dtype=table.dtype, device=table.device)
    mirrored.scatter_(2, target, row.expand_as(target))
