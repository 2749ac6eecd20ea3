"""One generation of the octree against brute force, in blocks of any size."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from voxels.oracle import Cell, neighbor_rows, parent_cell, sorted_cells
from voxels.strategies import cell_lists, surface_cells

from ffnet3d.voxels import build_pyramid, refine
from ffnet3d.voxels.plan import coarse_kernel


def slots(cells: list[Cell], parents: list[Cell]) -> Tensor:
    """8 * (row of the parent) + octant of each cell."""
    return torch.tensor(
        [8 * parents.index(parent_cell(c, 2)) + c[1] % 2 * 4 + c[2] % 2 * 2 + c[3] % 2 for c in cells],
        dtype=torch.int64,
    )


@given(cell_lists(unique=True), st.sampled_from([{1}, {3}, {3, 5}, {7, 9}, {11}]))
def test_tables_follow_from_the_parents(cells, kernel_sizes):
    cells = sorted_cells(cells)
    parents = sorted_cells([parent_cell(cell, 2) for cell in cells])
    coarse_size = coarse_kernel(max(kernel_sizes))
    coarse = torch.tensor(neighbor_rows(parents, coarse_size), dtype=torch.int32).view(-1, coarse_size**3)
    tables = refine.refine(slots(cells, parents), coarse, kernel_sizes)
    assert set(tables) == kernel_sizes
    for kernel_size, table in tables.items():
        assert table.dtype == torch.int32
        assert table.shape == (len(cells), kernel_size**3)
        assert table.tolist() == neighbor_rows(cells, kernel_size)


def test_the_kernel_of_the_parents():
    assert [coarse_kernel(size) for size in (1, 3, 5, 7, 9, 11)] == [1, 3, 3, 5, 5, 7]


@pytest.mark.parametrize("limit", [1, 3000, 100_000])
def test_blocks_do_not_matter(monkeypatch, limit):
    cells, batch = surface_cells(2000)
    whole = build_pyramid(cells, batch)
    monkeypatch.setattr(refine, "CPU_BLOCK_BYTES", limit)
    for one, other in zip(whole.levels, build_pyramid(cells, batch).levels, strict=True):
        for kernel_size, table in one.neighbors.items():
            assert torch.equal(table, other.neighbors[kernel_size])
