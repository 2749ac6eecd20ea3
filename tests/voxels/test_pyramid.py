"""The pyramid against the oracle, its invariants, and its errors."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from voxels.oracle import neighbor_rows, parent_cell, searched_rows, sorted_cells
from voxels.strategies import KERNELS as ANY_KERNEL
from voxels.strategies import cell_lists, surface_cells, tensors

from ffnet3d.voxels import (
    Level,
    Pyramid,
    PyramidPlan,
    build_neighbors,
    build_pyramid,
    is_symmetric,
    sorted_kernels,
)

STRIDES = (2, 4)
KERNELS = ((3, 5), (3,), ())


def cells_of(level: Level) -> list[tuple[int, ...]]:
    """(batch, x, y, z) of each voxel."""
    return [tuple(row) for row in torch.cat((level.batch[:, None], level.grid_coord), dim=1).tolist()]


@given(cell_lists(unique=False))
def test_levels_and_parents_equal_the_oracle(cells):
    pyramid = build_pyramid(*tensors(cells), STRIDES, KERNELS)
    expected = sorted_cells(cells)
    for index, level in enumerate(pyramid.levels):
        assert cells_of(level) == expected
        assert set(level.neighbors) == set(KERNELS[index])
        for kernel_size, table in level.neighbors.items():
            assert table.tolist() == neighbor_rows(expected, kernel_size)
        if index < len(STRIDES):
            parents = [parent_cell(cell, STRIDES[index]) for cell in expected]
            expected = sorted_cells(parents)
            assert pyramid.parents[index].tolist() == [expected.index(cell) for cell in parents]


@given(
    cell_lists(unique=False),
    st.lists(st.sampled_from([1, 2, 4, 8]), max_size=3),
    st.lists(st.sets(ANY_KERNEL, max_size=5), min_size=4, max_size=4),
)
def test_any_strides_and_kernels_equal_the_oracle(cells, strides, kernel_sizes):
    pyramid = build_pyramid(*tensors(cells), strides, kernel_sizes[: len(strides) + 1])
    expected = sorted_cells(cells)
    for level, sizes, stride in zip(pyramid.levels, kernel_sizes, [*strides, 1], strict=False):
        assert cells_of(level) == expected
        assert list(level.neighbors) == sorted_kernels(sizes)
        for kernel_size, table in level.neighbors.items():
            assert torch.equal(table, build_neighbors(level.grid_coord, level.batch, kernel_size))
            assert table.tolist() == neighbor_rows(expected, kernel_size)
        expected = sorted_cells([parent_cell(cell, stride) for cell in expected])


@pytest.mark.parametrize("kernel_sizes", [((3, 5), (3,), (3,)), ((3, "cross9"), ("9x1x1", 5), ("3x3x9",))])
def test_points_of_a_surface_equal_the_search(kernel_sizes):
    cells, batch = surface_cells(6000)
    for level in build_pyramid(cells, batch, (2, 2), kernel_sizes).levels:
        for kernel_size, table in level.neighbors.items():
            expected = searched_rows(level.grid_coord.numpy(), level.batch.numpy(), kernel_size)
            assert np.array_equal(table.numpy(), expected)


@given(cell_lists(unique=False))
def test_points_find_their_voxels(cells):
    pyramid = build_pyramid(*tensors(cells), STRIDES, KERNELS)
    voxels = cells_of(pyramid.levels[0])
    assert [voxels[row] for row in pyramid.point_to_voxel.tolist()] == cells
    assert sorted(pyramid.point_order.tolist()) == list(range(len(cells)))
    assert (pyramid.point_to_voxel[pyramid.point_order].diff() >= 0).all()
    assert pyramid.num_points == len(cells)
    assert pyramid.has_duplicates == (len(set(cells)) < len(cells))


@given(cell_lists(unique=False, min_size=2), st.randoms(use_true_random=False))
def test_levels_do_not_depend_on_the_order_of_points(cells, random):
    shuffled = random.sample(range(len(cells)), len(cells))
    first = build_pyramid(*tensors(cells), STRIDES, KERNELS)
    second = build_pyramid(*tensors([cells[i] for i in shuffled]), STRIDES, KERNELS)
    for one, other in zip(first.levels, second.levels, strict=True):
        assert cells_of(one) == cells_of(other)
        assert all(torch.equal(one.neighbors[size], other.neighbors[size]) for size in one.neighbors)
    assert all(torch.equal(one, other) for one, other in zip(first.parents, second.parents, strict=True))
    assert torch.equal(first.point_to_voxel[shuffled], second.point_to_voxel)


@given(cell_lists(unique=False, min_size=1))
def test_default_pyramid_keeps_its_invariants(cells):
    pyramid = build_pyramid(*tensors(cells))
    assert len(pyramid.levels) == len(pyramid.parents) + 1 == 5
    for level in pyramid.levels:
        assert all(is_symmetric(table) and table.is_contiguous() for table in level.neighbors.values())
        assert (level.batch.diff() >= 0).all()
    for fine, coarse, parent in zip(pyramid.levels, pyramid.levels[1:], pyramid.parents, strict=False):
        assert set(parent.diff().tolist()) <= {0, 1}
        assert int(parent[-1]) == coarse.num_voxels - 1
        assert torch.equal(coarse.grid_coord[parent], fine.grid_coord // 2)
        assert torch.equal(coarse.batch[parent], fine.batch)


def test_points_of_one_voxel_keep_their_order():
    grid_coord = torch.tensor([[1, 1, 1], [0, 0, 0], [1, 1, 1], [0, 0, 0], [1, 1, 1]])
    pyramid = build_pyramid(grid_coord, torch.zeros(5, dtype=torch.int64))
    assert pyramid.point_order.tolist() == [1, 3, 0, 2, 4]
    assert pyramid.point_to_voxel.tolist() == [1, 0, 1, 0, 1]


def test_empty_batch_and_single_point():
    empty = build_pyramid(torch.zeros(0, 3, dtype=torch.int32), torch.zeros(0, dtype=torch.int32))
    assert [level.num_voxels for level in empty.levels] == [0] * 5
    assert empty.levels[0].neighbors[5].shape == (0, 125)
    single = build_pyramid(torch.tensor([[65535, 65535, 65535]]), torch.tensor([0]))
    assert single.levels[4].grid_coord.tolist() == [[4095, 4095, 4095]]


def test_no_strides_and_a_stride_beyond_the_grid():
    grid_coord, batch = torch.tensor([[0, 0, 0], [65535, 1, 2]]), torch.tensor([0, 0])
    assert build_pyramid(grid_coord, batch, (), ((3,),)).parents == ()
    whole = build_pyramid(grid_coord, batch, (2**16,), ((), ()))
    assert whole.levels[1].grid_coord.tolist() == [[0, 0, 0]]


def test_moving_to_a_device_moves_every_tensor():
    pyramid = build_pyramid(torch.tensor([[0, 0, 0], [5, 1, 2]]), torch.tensor([0, 1])).to("meta")
    assert isinstance(pyramid, Pyramid)
    moved = [pyramid.point_to_voxel, pyramid.point_order, *pyramid.parents]
    for level in pyramid.levels:
        moved += [level.grid_coord, level.batch, *level.neighbors.values()]
    assert all(tensor.is_meta for tensor in moved)


def test_a_plan_builds_its_pyramid():
    grid_coord, batch = torch.tensor([[0, 0, 0], [5, 1, 2]]), torch.tensor([0, 1])
    built, expected = (
        PyramidPlan(STRIDES, KERNELS).build(grid_coord, batch),
        build_pyramid(grid_coord, batch, STRIDES, KERNELS),
    )
    assert [set(level.neighbors) for level in built.levels] == [set(sizes) for sizes in KERNELS]
    assert cells_of(built.levels[1]) == cells_of(expected.levels[1])


def test_pinning_pins_every_tensor(monkeypatch):
    pinned = []
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda self: pinned.append(self) or self.clone())
    pyramid = build_pyramid(torch.tensor([[0, 0, 0], [5, 1, 2]]), torch.tensor([0, 1]))
    copy = pyramid.pin_memory()
    of_level = sum(2 + len(level.neighbors) for level in pyramid.levels)
    assert len(pinned) == 2 + len(pyramid.parents) + of_level
    assert torch.equal(copy.levels[0].neighbors[5], pyramid.levels[0].neighbors[5])
    assert torch.equal(copy.parents[0], pyramid.parents[0])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU and a torch built for it")
def test_cuda_builds_the_same_pyramid():
    generator = torch.Generator().manual_seed(0)
    grid_coord = torch.randint(0, 30, (5000, 3), generator=generator)
    batch = torch.randint(0, 3, (5000,), generator=generator)
    plan = ((2, 2), ((3, "cross9"), (7,), ("5x1x3",)))
    on_cpu = build_pyramid(grid_coord, batch, *plan)
    on_gpu = build_pyramid(grid_coord.cuda(), batch.cuda(), *plan)
    assert on_gpu.levels[0].grid_coord.is_cuda
    for one, other in zip(on_cpu.levels, on_gpu.to("cpu").levels, strict=True):
        assert torch.equal(one.grid_coord, other.grid_coord)
        assert all(torch.equal(one.neighbors[size], other.neighbors[size]) for size in one.neighbors)
    assert torch.equal(on_cpu.point_order, on_gpu.point_order.cpu())


def test_errors():
    grid_coord, batch = torch.tensor([[1, 2, 3]]), torch.tensor([0])
    for stride in (3, 0, -2, 2.0):
        with pytest.raises(ValueError, match=f"stride must be a power of two, got {stride}"):
            build_pyramid(grid_coord, batch, (stride,), ((), ()))
    with pytest.raises(ValueError, match="1 strides need 2 kernel_sizes, got 1"):
        build_pyramid(grid_coord, batch, (2,), ((3,),))
    with pytest.raises(ValueError, match="kernel_size must be odd and positive, got 4"):
        build_pyramid(grid_coord, batch, (), ((3, 4),))
    with pytest.raises(ValueError, match="no kernel is written '9x2x1'"):
        build_pyramid(grid_coord, batch, (), ((3, "9x2x1"),))
    with pytest.raises(ValueError, match="value 70000, the limit is 65535"):
        build_pyramid(torch.tensor([[70000, 0, 0]]), batch)
