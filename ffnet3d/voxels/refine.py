"""One generation of the octree: the neighbour tables of cells, derived from the table of their parents.

A cell stands in one of the 8 octants of its parent. A window of radius r around it reaches at most
ceil(r / 2) parents away, and the octant alone says which parent, and which of its octants, holds the
neighbour at offset k. So with `children[p, o]` the row of the cell in octant o of parent p,

    table[v, k] = children[coarse[parent[v], P[octant[v], k]], C[octant[v], k]]        P, C constant.

It is read in two steps, in blocks of parents that stay in cache: the children of all parents in the window
of a parent are copied side by side, and each cell picks its own windows from its parent's copy.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import torch
from torch import Tensor

from ffnet3d.voxels.kernels import Kernel
from ffnet3d.voxels.plan import OCTANTS, child_window

# Children copied side by side at a time. A GPU wants few large launches instead.
CPU_BLOCK_BYTES = 2 * 2**20
GPU_BLOCK_BYTES = 64 * 2**20


def refine(slot: Tensor, coarse: Tensor, kernels: Collection[Kernel]) -> dict[Kernel, Tensor]:
    """Tables int32 [V, K] of cells, one for each of `kernels`, which share one `plan.coarse_kernel`.

    slot: int64 [V], ascending and distinct: 8 * (row of the cell's parent) + (octant, x the highest bit).
    coarse: int32 [P, K'], the table of the parents for that coarse kernel.
    """
    parent, octant = (slot >> 3).int(), (slot & (OCTANTS - 1)).int()
    children = _child_rows(slot, len(coarse))
    copied = coarse.shape[1] * OCTANTS
    windows = {kernel: torch.from_numpy(child_window(kernel)).to(slot.device) for kernel in kernels}
    widths = {kernel: window.shape[1] for kernel, window in windows.items()}
    tables = {kernel: empty_table(len(slot), width, slot.device) for kernel, width in widths.items()}
    blocks = _blocks(parent, len(coarse), copied)
    # Reused buffers: fresh memory would cost more than what is written to it.
    near = empty_table(max(_length(parents) for parents, _ in blocks), copied, slot.device)
    index = empty_table(max(_length(rows) for _, rows in blocks), max(widths.values()), slot.device)
    for parents, rows in blocks:
        sources = coarse[parents].view(-1)
        torch.index_select(children, 0, sources, out=near.view(-1, OCTANTS)[: len(sources)])
        start = (parent[rows] - parents.start)[:, None] * copied
        for kernel, window in windows.items():
            picked = index.view(-1)[: len(start) * widths[kernel]].view(-1, widths[kernel])
            torch.index_select(window, 0, octant[rows], out=picked).add_(start)
            torch.index_select(near.view(-1), 0, picked.view(-1), out=tables[kernel][rows].view(-1))
    return tables


def empty_table(rows: int, columns: int, device: torch.device) -> Tensor:
    """An int32 tensor [rows, columns] to be filled.

    On a CPU it is NumPy's memory, which asks for huge pages: the first write to 50 MB takes 3 ms, not 20.
    """
    if device.type == "cpu":
        return torch.from_numpy(np.empty((rows, columns), dtype=np.int32))
    return torch.empty((rows, columns), dtype=torch.int32, device=device)


def _child_rows(slot: Tensor, parents: int) -> Tensor:
    """Rows int32 [P + 1, 8] of each parent's children, V for none; the last line is a missing parent's."""
    children = torch.full((parents + 1, OCTANTS), len(slot), dtype=torch.int32, device=slot.device)
    children.view(-1)[slot] = torch.arange(len(slot), dtype=torch.int32, device=slot.device)
    return children


def _blocks(parent: Tensor, parents: int, copied: int) -> list[tuple[slice, slice]]:
    """Runs of parents, and the runs of their cells, whose parents int32 [V] ascend."""
    limit = CPU_BLOCK_BYTES if parent.device.type == "cpu" else GPU_BLOCK_BYTES
    step = max(1, limit // (copied * parent.element_size()))
    if parents <= step:
        return [(slice(0, parents), slice(0, len(parent)))]
    firsts = [*range(0, parents, step), parents]
    starts = torch.searchsorted(parent, parent.new_tensor(firsts)).tolist()
    return [(slice(*firsts[i : i + 2]), slice(*starts[i : i + 2])) for i in range(len(firsts) - 1)]


def _length(run: slice) -> int:
    return int(run.stop - run.start)
