"""Neighbour tables against brute force, their symmetry, and their errors."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from voxels.oracle import kernel_window, neighbor_rows, searched_rows
from voxels.strategies import KERNELS, cell_lists, surface_cells, tensors

from ffnet3d.voxels import build_neighbors, crop_kernel, is_symmetric


@given(cell_lists(unique=True), KERNELS)
def test_table_equals_brute_force_in_any_order(cells, kernel):
    table = build_neighbors(*tensors(cells), kernel)
    assert table.dtype == torch.int32
    assert table.shape == (len(cells), len(kernel_window(kernel)))
    assert table.tolist() == neighbor_rows(cells, kernel)


@given(cell_lists(unique=True), KERNELS)
def test_table_is_symmetric_with_itself_in_the_middle(cells, kernel):
    table = build_neighbors(*tensors(cells), kernel)
    assert is_symmetric(table)
    assert table[:, table.shape[1] // 2].tolist() == list(range(len(cells)))


@given(
    cell_lists(unique=True),
    st.sampled_from(
        [(5, 3), (5, 1), (3, 3), (7, 5), (9, "cross9"), (7, "1x5x7"), ("cross9", "9x1x1"), ("3x9x1", "3x1x1")]
    ),
)
def test_cropping_equals_building_the_smaller_kernel(cells, kernels):
    outer, inner = kernels
    cropped = crop_kernel(build_neighbors(*tensors(cells), outer), outer, inner)
    assert torch.equal(cropped, build_neighbors(*tensors(cells), inner))


def test_borders_do_not_wrap_around():
    """Cells at both ends of an axis, where a careless key would step into the next row, column or batch."""
    ends = [0, 65535]
    cells = [(b, x, y, z) for b in (0, 1) for x in ends for y in ends for z in ends]
    for kernel in (3, 5, "1x1x9", "cross9"):
        table = build_neighbors(*tensors(cells), kernel)
        assert (table < len(cells)).sum() == len(cells)
        assert table.tolist() == neighbor_rows(cells, kernel)


def test_the_largest_batch_of_the_largest_scenes():
    """No key spans batch and window together, so that every legal grid has a table."""
    table = build_neighbors(torch.tensor([[0, 0, 0], [65535] * 3]), torch.tensor([0, 32767]), 5)
    assert table[:, 62].tolist() == [0, 1]
    assert (table < 2).sum() == 2


@pytest.mark.parametrize("kernel", [3, 5, 7, 9, "1x9x1", "9x5x3", "cross9"])
def test_many_voxels_equal_the_search(kernel):
    cells, batch = surface_cells(4000)
    order = torch.randperm(len(cells), generator=torch.Generator().manual_seed(0))
    table = build_neighbors(cells[order], batch[order], kernel)
    expected = searched_rows(cells[order].numpy(), batch[order].numpy(), kernel)
    assert np.array_equal(table.numpy(), expected)


def test_a_full_block_has_full_windows_inside():
    cells = torch.cartesian_prod(*[torch.arange(100, 105)] * 3)
    table = build_neighbors(cells, torch.zeros(125, dtype=torch.int64), 5)
    assert table[62].tolist() == list(range(125))
    assert (table < 125).sum() == (5 + 4 + 3 + 4 + 3) ** 3


def test_empty_and_single():
    empty = build_neighbors(torch.zeros(0, 3, dtype=torch.int64), torch.zeros(0, dtype=torch.int64), 3)
    assert empty.shape == (0, 27)
    assert is_symmetric(empty)
    assert crop_kernel(empty, 3, 1).shape == (0, 1)
    grid_coord, batch = torch.tensor([[65535, 0, 7]]), torch.tensor([3])
    single = build_neighbors(grid_coord, batch, 3)
    assert single.tolist() == [[1] * 13 + [0] + [1] * 13]
    assert build_neighbors(grid_coord[:0], batch[:0], "cross9").shape == (0, 25)
    assert build_neighbors(grid_coord, batch, "9x1x1").tolist() == [[1] * 4 + [0] + [1] * 4]


def test_asymmetry_is_seen():
    table = build_neighbors(torch.tensor([[0, 0, 0], [0, 0, 1]]), torch.zeros(2, dtype=torch.int64), 3)
    table[0, 14] = 2
    assert not is_symmetric(table)


@pytest.mark.parametrize("kernel_size", [0, 2, -3, 3.0])
def test_even_kernels_are_refused(kernel_size):
    grid_coord, batch = torch.zeros(1, 3, dtype=torch.int64), torch.zeros(1, dtype=torch.int64)
    with pytest.raises(ValueError, match=f"kernel_size must be odd and positive, got {kernel_size}"):
        build_neighbors(grid_coord, batch, kernel_size)


def test_other_errors():
    grid_coord, batch = torch.tensor([[1, 2, 3]]), torch.tensor([0])
    with pytest.raises(ValueError, match="voxels are not unique: merge the points"):
        build_neighbors(grid_coord.repeat(2, 1), batch.repeat(2), 3)
    with pytest.raises(ValueError, match="negative value -1"):
        build_neighbors(grid_coord - 2, batch, 3)
    with pytest.raises(ValueError, match="no kernel is written 'cross4'"):
        build_neighbors(grid_coord, batch, "cross4")
    table = build_neighbors(grid_coord, batch, 3)
    with pytest.raises(ValueError, match="kernel 5 is not within kernel 3"):
        crop_kernel(table, 3, 5)
    with pytest.raises(ValueError, match=r"the table of kernel 3 must be \[V, 27\], got \[1, 26\]"):
        crop_kernel(table[:, :26], 3, 1)
