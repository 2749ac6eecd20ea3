"""One generation of the octree against brute force, in blocks of any size."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from voxels.oracle import Cell, kernel_window, neighbor_rows, parent_cell, sorted_cells
from voxels.strategies import KERNELS, cell_lists, surface_cells

from ffnet3d.voxels import build_pyramid, refine
from ffnet3d.voxels.plan import coarse_kernel, needed_kernels


def slots(cells: list[Cell], parents: list[Cell]) -> Tensor:
    """8 * (row of the parent) + octant of each cell."""
    return torch.tensor(
        [8 * parents.index(parent_cell(c, 2)) + c[1] % 2 * 4 + c[2] % 2 * 2 + c[3] % 2 for c in cells],
        dtype=torch.int64,
    )


@given(
    cell_lists(unique=True),
    st.sampled_from(
        [(1,), (3, 5), (7, 9), (11,), ("9x1x1", "7x1x1"), ("1x9x3", "1x7x5"), ("cross9", "cross7")]
    ),
)
def test_tables_follow_from_the_parents(cells, kernels):
    cells = sorted_cells(cells)
    parents = sorted_cells([parent_cell(cell, 2) for cell in cells])
    (coarse,) = {coarse_kernel(kernel) for kernel in kernels}
    columns = len(kernel_window(coarse))
    table_of_parents = torch.tensor(neighbor_rows(parents, coarse), dtype=torch.int32).view(-1, columns)
    tables = refine.refine(slots(cells, parents), table_of_parents, kernels)
    assert tuple(tables) == kernels
    for kernel, table in tables.items():
        assert table.dtype == torch.int32
        assert table.shape == (len(cells), len(kernel_window(kernel)))
        assert table.tolist() == neighbor_rows(cells, kernel)


def test_the_kernel_of_the_parents():
    assert [coarse_kernel(size) for size in (1, 3, 5, 7, 9, 11)] == [1, 3, 3, 5, 5, 7]
    assert [coarse_kernel(kernel) for kernel in ("9x1x1", "5x3x3", "cross9")] == ["5x1x1", 3, "cross5"]


@given(KERNELS)
def test_the_kernel_of_the_parents_is_as_small_as_can_be(kernel):
    """It is made of the parents of the cells in the windows of all eight octants, and of no others."""
    octants = itertools.product((0, 1), repeat=3)
    reached = {
        tuple((bit + step) // 2 for bit, step in zip(octant, offset, strict=True))
        for octant in octants
        for offset in kernel_window(kernel)
    }
    assert set(kernel_window(coarse_kernel(kernel))) == reached


def test_a_cross_never_asks_for_a_cube():
    needed = needed_kernels({0: {"cross9", 3}, 1: {"9x1x1"}}, 3)
    assert needed == [{"cross9", 3}, {"9x1x1", "cross5", 3}, {"5x1x1", "cross3", 3}, {"3x1x1", "cross3", 3}]


@pytest.mark.parametrize("limit", [1, 3000, 100_000])
def test_blocks_do_not_matter(monkeypatch, limit):
    cells, batch = surface_cells(2000)
    plan = ((2, 2), ((3, 5), (3, "cross9"), (9,)))
    whole = build_pyramid(cells, batch, *plan)
    monkeypatch.setattr(refine, "CPU_BLOCK_BYTES", limit)
    for one, other in zip(whole.levels, build_pyramid(cells, batch, *plan).levels, strict=True):
        for kernel_size, table in one.neighbors.items():
            assert torch.equal(table, other.neighbors[kernel_size])
