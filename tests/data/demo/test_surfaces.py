"""Samples lie on their surface, evenly, with normals that point out of the solid."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ffnet3d.data.demo.surfaces import Sampler, join, turn, vector


def sampler(spacing: float = 0.05) -> Sampler:
    return Sampler(spacing, np.random.default_rng(0))


def test_rectangle_lies_in_its_plane_with_the_normal_of_its_edges():
    surface = sampler().rectangle(vector(1, 2, 3), vector(2, 0, 0), vector(0, 1, 0), paint=7)
    np.testing.assert_allclose(surface.points[:, 2], 3.0)
    np.testing.assert_allclose(surface.normals, np.tile([0.0, 0.0, 1.0], (len(surface.points), 1)))
    assert (surface.points[:, 0] >= 1).all()
    assert (surface.points[:, 0] <= 3).all()
    assert set(surface.paint) == {7}


@given(st.floats(0.2, 2.0), st.floats(0.2, 2.0), st.floats(0.02, 0.1))
def test_number_of_samples_follows_the_area(width, height, spacing):
    surface = sampler(spacing).rectangle(vector(0, 0, 0), vector(width, 0, 0), vector(0, height, 0), 0)
    assert len(surface.points) == pytest.approx(width * height / spacing**2, rel=0.6)


def test_thin_strip_is_thinned_to_the_same_density():
    surface = sampler(0.05).rectangle(vector(0, 0, 0), vector(0.005, 0, 0), vector(0, 100, 0), 0)
    assert len(surface.points) == pytest.approx(0.5 / 0.05**2, rel=0.3)


def test_every_cell_of_a_lattice_is_covered():
    surface = sampler(0.03).rectangle(vector(0, 0, 0), vector(1.5, 0, 0), vector(0, 1.5, 0), 0)
    cells = np.unique(np.floor(surface.points[:, :2] / 0.06), axis=0)
    assert len(cells) >= 0.99 * 25**2


@pytest.mark.parametrize("solid", ["block", "cylinder", "ellipsoid"])
def test_normals_point_out_of_convex_solids(solid):
    draw = sampler(0.03)
    surface = {
        "block": lambda: draw.block((0, 0, -0.5), (0.4, 0.6, 1.0), 0),
        "cylinder": lambda: draw.cylinder((0, 0, -0.5), 0.3, 1.0, 0, caps="zZ"),
        "ellipsoid": lambda: draw.ellipsoid((0, 0, 0), (0.3, 0.4, 0.5), 0),
    }[solid]()
    assert ((surface.points * surface.normals).sum(1) > 0).all()
    np.testing.assert_allclose(np.linalg.norm(surface.normals, axis=1), 1.0)


def test_box_faces_are_chosen_by_letter():
    edges = np.eye(3)
    for letter, axis, sign in (
        ("x", 0, -1),
        ("X", 0, 1),
        ("y", 1, -1),
        ("Y", 1, 1),
        ("z", 2, -1),
        ("Z", 2, 1),
    ):
        surface = sampler(0.2).box(vector(0, 0, 0), edges[0], edges[1], edges[2], 0, faces=letter)
        np.testing.assert_allclose(surface.normals[:, axis], sign)
        np.testing.assert_allclose(surface.points[:, axis], max(sign, 0))


def test_turn_is_counterclockwise_and_moved_turns_normals_too():
    np.testing.assert_allclose(turn(np.array([[1.0, 0.0, 5.0]]), np.pi / 2), [[0, 1, 5]], atol=1e-12)
    moved = (
        sampler().rectangle(vector(0, 0, 0), vector(0, 1, 0), vector(0, 0, 1), 0).moved((3, 0, 0), np.pi / 2)
    )
    np.testing.assert_allclose(moved.normals, np.tile([0.0, 1.0, 0.0], (len(moved.points), 1)), atol=1e-12)


def test_join_of_nothing_is_empty():
    assert join([]).points.shape == (0, 3)
