"""Neighbour tables of voxels and of the coarser cells above them: derived from the root down, never searched.

Generation g holds the cells 2**g times as large as the voxels. Going up, cells with the same parent stand
side by side in z-order and merge, until a scene is one cell, which has no neighbours. Going down, `refine`
derives the tables of a generation from the table of its parents. Time and memory are proportional to the
number of voxels: the extent only sets the number of generations, 16 at most.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import torch
from torch import Tensor

from ffnet3d.voxels.kernels import Kernel, kernel_offsets
from ffnet3d.voxels.keys import CODE_MASK, coarsen_key
from ffnet3d.voxels.plan import OCTANTS, coarse_kernels, needed_kernels
from ffnet3d.voxels.refine import empty_table, refine


def neighbor_tables(key: Tensor, wanted: Mapping[int, Collection[Kernel]]) -> dict[int, dict[Kernel, Tensor]]:
    """Tables of the voxels with sorted, distinct z-order keys int64 [V], and of cells made of them.

    `wanted[g]` are the kernels of generation g. Returns `tables[g][kernel]`, int32 [V_g, K], cells in
    z-order (see `ffnet3d.voxels.neighbors` for the meaning of the entries).
    """
    depth = max(*wanted, _depth(key))
    needed = needed_kernels(wanted, depth)
    slots, roots = _climb(key, depth)
    current = {kernel: _isolated(roots, kernel, key.device) for kernel in needed[depth]}
    tables = {}
    for generation in range(depth, -1, -1):
        if generation < depth:
            parents, current = current, {}
            for coarse, kernels in coarse_kernels(needed[generation]).items():
                current |= refine(slots[generation], parents[coarse], kernels)
        tables[generation] = {kernel: current[kernel] for kernel in wanted.get(generation, ())}
    return tables


def _depth(key: Tensor) -> int:
    """Generations from the voxels with these keys to the root."""
    highest = int((key & CODE_MASK).max()) if len(key) else 0
    return -(-highest.bit_length() // 3)


def _climb(key: Tensor, depth: int) -> tuple[list[Tensor], int]:
    """The slots int64 [V_g] (see `refine`) of each generation below the root, and the number of roots."""
    slots = []
    for _ in range(depth):
        coarse, parent = torch.unique_consecutive(coarsen_key(key, 1), return_inverse=True)
        slots.append(parent * OCTANTS + (key & (OCTANTS - 1)))
        key = coarse
    return slots, len(key)


def _isolated(count: int, kernel: Kernel, device: torch.device) -> Tensor:
    """The table of cells that have no neighbours but themselves."""
    columns = len(kernel_offsets(kernel))
    table = empty_table(count, columns, device).fill_(count)
    table[:, columns // 2] = torch.arange(count, device=device)
    return table
