"""Points in metres to voxels."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from voxels.oracle import sorted_cells

from ffnet3d.voxels import grid_coordinates, voxelize

METRES = st.floats(-20, 20, allow_nan=False, width=32)
POINTS = st.lists(st.tuples(METRES, METRES, METRES), max_size=40)
SIZES = st.sampled_from([0.02, 0.05, 0.3, 7.0])


def as_array(points):
    return np.array(points, dtype=np.float32).reshape(-1, 3)


@given(POINTS, SIZES)
def test_grid_is_the_floor_from_the_minimum(points, grid_size):
    cells = [[math.floor(value / grid_size) for value in point] for point in points]
    low = [min(axis) for axis in zip(*cells, strict=True)]
    expected = [[c - m for c, m in zip(cell, low, strict=True)] for cell in cells]
    grid_coord = grid_coordinates(as_array(points), grid_size)
    assert grid_coord.dtype == np.int64
    assert grid_coord.tolist() == expected


@given(POINTS, SIZES)
def test_voxels_group_the_points(points, grid_size):
    coord = as_array(points * 2)
    grid_coord = grid_coordinates(coord, grid_size)
    voxels = voxelize(coord, grid_size)
    expected = sorted_cells([(0, *row) for row in grid_coord.tolist()])
    assert [(0, *row) for row in voxels.grid_coord.tolist()] == expected
    assert np.array_equal(voxels.grid_coord[voxels.inverse], grid_coord)
    assert voxels.counts.sum() == len(coord)
    for row, (start, end) in enumerate(zip(voxels.starts[:-1], voxels.starts[1:], strict=True)):
        members = voxels.order[start:end].tolist()
        assert members == np.flatnonzero(voxels.inverse == row).tolist()


def test_a_scene_too_large_to_sort_key_and_row_as_one_number():
    rng = np.random.default_rng(0)
    coord = rng.integers(0, 65536, (2**15, 3)).repeat(2, axis=0)[rng.permutation(2**16)] + 0.5
    voxels = voxelize(coord, 1.0)
    assert (np.bincount(voxels.counts)[2:] > 0).any()
    assert np.array_equal(voxels.grid_coord[voxels.inverse], grid_coordinates(coord, 1.0))
    grouped = voxels.inverse[voxels.order]
    assert (np.diff(grouped) >= 0).all()
    assert (np.diff(voxels.order)[np.diff(grouped) == 0] > 0).all()


def test_float64_is_used_for_large_coordinates():
    """Survey coordinates: neighbours 2 cm apart, 5000 km from the origin, fall into neighbouring voxels."""
    coord = np.array([[5e6, 5e6, 100.0]]) + np.arange(10)[:, None] * 0.02 + 0.01
    assert grid_coordinates(coord, 0.02)[:, 0].tolist() == list(range(10))


def test_empty_scene():
    voxels = voxelize(np.zeros((0, 3), dtype=np.float32), 0.02)
    assert voxels.grid_coord.shape == (0, 3)
    assert voxels.starts.tolist() == [0]
    assert len(voxels.inverse) == len(voxels.order) == 0


def test_the_limit_is_the_last_legal_extent():
    coord = np.array([[0.5, 0.5, 0.5], [65535.5, 0.5, 0.5]])
    assert grid_coordinates(coord, 1.0).max() == 65535
    with pytest.raises(ValueError, match="65537 voxels on an axis, the limit is 65536"):
        grid_coordinates(coord * [[1], [1.00002]], 1.0)


@pytest.mark.parametrize(
    ("coord", "grid_size", "message"),
    [
        (
            [[0, 0, 0], [5000, 1, 2]],
            0.02,
            r"5000 x 1 x 2 m: at grid_size 0.02 m .*250001 voxels.*in metres\?",
        ),
        ([[0, 0, 0], [1e300, 0, 0]], 0.02, r"measures 1e\+300 x 0 x 0 m"),
        (
            [[0, 0, 0], [1, math.nan, 2]],
            0.02,
            r"1 points that are not finite, the first is point 1: \[1.0, nan",
        ),
        ([[math.inf, 0, 0]], 0.02, "not finite, the first is point 0"),
        ([[0, 0, 0]], 0.0, "grid_size must be a positive number of metres, got 0.0"),
        ([[0, 0, 0]], -0.1, "got -0.1"),
        ([[0, 0, 0]], math.nan, "got nan"),
        ([[0, 0]], 0.02, r"coord must be \[N, 3\], got \[1, 2\]"),
    ],
)
def test_errors(coord, grid_size, message):
    with pytest.raises(ValueError, match=message):
        voxelize(np.array(coord, dtype=np.float64), grid_size)
