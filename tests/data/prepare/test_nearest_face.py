"""The nearest triangle, against a search through all of them with distances from dense samples."""

from __future__ import annotations

import numpy as np
import pytest

from ffnet3d.data.prepare.nearest_face import nearest_faces, triangle_distance


def closest_of_all(corners: np.ndarray, points: np.ndarray) -> np.ndarray:
    return triangle_distance(corners[None], points[:, None]).min(axis=1)


def test_distance_is_that_of_dense_samples() -> None:
    rng = np.random.default_rng(0)
    corners, points = rng.normal(size=(20, 3, 3)), rng.normal(size=(20, 3)) * 2
    steps = np.linspace(0, 1, 201)
    u, v = (grid.ravel() for grid in np.meshgrid(steps, steps))
    weights = np.column_stack([1 - u - v, u, v])[u + v <= 1]
    for triangle, point in zip(corners, points, strict=True):
        sampled = np.linalg.norm(weights @ triangle - point, axis=1).min()
        assert triangle_distance(triangle, point) <= sampled + 1e-12
        assert triangle_distance(triangle, point) == pytest.approx(sampled, abs=0.02)


@pytest.mark.parametrize("size", [0.02, 0.3, 3.0])
def test_nearest_of_triangles_of_many_sizes(size: float) -> None:
    rng = np.random.default_rng(1)
    middle = rng.uniform(-2, 2, (400, 1, 3))
    corners = middle + rng.normal(size=(400, 3, 3)) * size * rng.uniform(0.1, 1, (400, 1, 1))
    weights = rng.dirichlet([1, 1, 1], 300)
    points = (weights[:, :, None] * corners[:300]).sum(axis=1) + rng.normal(size=(300, 3)) * 0.0005
    face, distance = nearest_faces(corners, points)
    np.testing.assert_allclose(distance, triangle_distance(corners[face], points), rtol=0, atol=1e-12)
    np.testing.assert_allclose(distance, closest_of_all(corners, points), rtol=0, atol=0.002)


def test_a_wall_of_two_triangles_beside_a_thousand_small_ones() -> None:
    wall = np.array([[[0, 0, 0], [5, 0, 0], [5, 0, 3]], [[0, 0, 0], [5, 0, 3], [0, 0, 3]]], float)
    rng = np.random.default_rng(2)
    small = rng.uniform([0, 0.02, 0], [5, 0.04, 3], (1000, 1, 3)) + rng.normal(size=(1000, 3, 3)) * 0.005
    points = np.column_stack([rng.uniform(0, 5, 500), np.zeros(500), rng.uniform(0, 3, 500)])
    face, distance = nearest_faces(np.concatenate([wall, small]), points)
    np.testing.assert_array_equal(face, (points[:, 2] > points[:, 0] * 3 / 5).astype(int))
    np.testing.assert_allclose(distance, 0, atol=1e-12)


def test_one_triangle() -> None:
    corners = np.array([[[0, 0, 0], [0.01, 0, 0], [0, 0.01, 0]]], float)
    face, distance = nearest_faces(corners, np.array([[0, 0, 2.0], [-3, 0, 0]]))
    assert face.tolist() == [0, 0]
    assert distance.tolist() == [2, 3]
