"""The NumPy pyramid: equal to torch's in every table, and a route on which torch is never imported."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from voxels.strategies import KERNELS, cell_lists, surface_cells, tensors

from ffnet3d.voxels import NumpyPyramid, Pyramid, build_numpy_pyramid, build_pyramid

WITHOUT_TORCH = """
import sys
sys.modules["torch"] = None  # importing it raises ImportError
import numpy as np
import ffnet3d
import ffnet3d.data.formats
import ffnet3d.segment.network
from ffnet3d.data import estimate_normals, read_scene
from ffnet3d.data.classes import palette
from ffnet3d.data.normals import estimate_normals
from ffnet3d.segment.points import Points
from ffnet3d.segment.recipe import Recipe
from ffnet3d.voxels import build_numpy_pyramid, voxelize
coord = np.random.default_rng(0).random((500, 3)) * (1, 1, 0.01)
voxels = voxelize(coord, 0.02)
pyramid = build_numpy_pyramid(voxels.grid_coord)
assert (pyramid.point_to_voxel == np.arange(len(voxels.counts))).all()
assert (abs(estimate_normals(coord.astype(np.float32))[:, 2]) > 0.5).mean() > 0.9
assert len(palette(20)) == 20
try:
    ffnet3d.create_model
except ImportError:
    print("no torch here")
"""


def assert_equal(numpy: NumpyPyramid, torch: Pyramid) -> None:
    assert np.array_equal(numpy.point_to_voxel, torch.point_to_voxel.numpy())
    for ours, theirs in zip(numpy.levels, torch.levels, strict=True):
        assert np.array_equal(ours.grid_coord, theirs.grid_coord.numpy())
        assert list(ours.neighbors) == list(theirs.neighbors)
        for size, table in ours.neighbors.items():
            assert table.dtype == np.int32
            assert np.array_equal(table, theirs.neighbors[size].numpy())
    for ours, theirs in zip(numpy.parents, torch.parents, strict=True):
        assert np.array_equal(ours, theirs.numpy())


@given(
    cell_lists(unique=False),
    st.lists(st.sampled_from([1, 2, 4, 8]), max_size=3),
    st.lists(st.sets(KERNELS, max_size=4), min_size=4, max_size=4),
)
def test_tables_equal_those_of_torch(cells, strides, kernel_sizes):
    grid_coord, _ = tensors(cells)
    plan = (strides, kernel_sizes[: len(strides) + 1])
    expected = build_pyramid(grid_coord, grid_coord.new_zeros(len(cells)), *plan)
    assert_equal(build_numpy_pyramid(grid_coord.numpy(), *plan), expected)


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.int64])
def test_a_surface_in_several_blocks(dtype):
    grid_coord = surface_cells(20000)[0]
    plan = ((2, 2), ((3, 5), (3, "cross9"), ("1x7x1",)))
    expected = build_pyramid(grid_coord, grid_coord.new_zeros(len(grid_coord)), *plan)
    assert_equal(build_numpy_pyramid(grid_coord.numpy().astype(dtype), *plan), expected)


@given(cell_lists(unique=True, min_size=1), st.sampled_from([1, 2, 4]))
def test_children_are_those_whose_parent_it_is(cells, stride):
    pyramid = build_numpy_pyramid(tensors(cells)[0].numpy(), (stride,), ((3,), (3,)))
    fine, coarse = pyramid.levels
    (children,), (parents,) = pyramid.children, pyramid.parents
    assert children.shape == (coarse.num_voxels, stride**3)
    assert children.dtype == np.int32
    row, place = np.nonzero(children < fine.num_voxels)
    child = children[row, place]
    assert sorted(child) == list(range(fine.num_voxels))
    assert np.array_equal(parents[child], row)
    assert (children[children >= fine.num_voxels] == fine.num_voxels).all()
    x, y, z = (fine.grid_coord[child] % stride).T
    if stride == 2:  # the place is the octant, x the highest bit
        assert np.array_equal(place, 4 * x + 2 * y + z)


def test_tables_have_the_names_of_an_exported_network():
    grid_coord = np.array([[0, 0, 0], [0, 0, 1], [9, 9, 9]])
    tables = build_numpy_pyramid(grid_coord, (2,), ((3, 5), ("cross9", 3, "9x1x1"))).tables()
    shapes = {name: table.shape for name, table in tables.items()}
    assert shapes == {
        "neighbors_0_3": (3, 27),
        "neighbors_0_5": (3, 125),
        "neighbors_1_3": (2, 27),
        "neighbors_1_9x1x1": (2, 9),
        "neighbors_1_cross9": (2, 25),
        "parents_0": (3,),
        "children_0": (2, 8),
    }
    assert {table.dtype for table in tables.values()} == {np.dtype(np.int32)}


@pytest.mark.parametrize(
    ("grid_coord", "strides", "kernel_sizes", "message"),
    [
        (np.zeros((3, 2), int), (), ((3,),), r"grid_coord must be \[N, 3\], got \[3, 2\]"),
        (np.zeros((3, 3)), (), ((3,),), "must be integers, got float64: voxelize the points first"),
        (np.full((3, 3), -1), (), ((3,),), r"0..65535, got -1..0: subtract its minimum"),
        (np.full((3, 3), 65536), (), ((3,),), r"0..65535, got 0..65536: .*in metres"),
        (np.zeros((3, 3), int), (3,), ((3,), (3,)), "stride must be a power of two, got 3"),
        (np.zeros((3, 3), int), (), ((2,),), "kernel_size must be odd and positive, got 2"),
        (np.zeros((3, 3), int), (), (("3x3x3",),), "kernel '3x3x3' is a cube: write the integer 3"),
        (np.zeros((3, 3), int), (2,), ((3,),), "1 strides need 2 kernel_sizes, got 1"),
    ],
)
def test_errors_name_the_value(grid_coord, strides, kernel_sizes, message):
    with pytest.raises(ValueError, match=message):
        build_numpy_pyramid(grid_coord, strides, kernel_sizes)


def test_a_machine_without_torch():
    done = subprocess.run([sys.executable, "-c", WITHOUT_TORCH], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "no torch here\n"
