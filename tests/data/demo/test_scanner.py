"""The scanner sees near surfaces that face it, and nothing behind them."""

from __future__ import annotations

import numpy as np
import pytest

from ffnet3d.data.demo.scanner import returns, scan
from ffnet3d.data.demo.style import Style
from ffnet3d.data.demo.surfaces import Sampler, join, vector


def wall(distance: float, extent: float, towards: bool = True):
    """A square wall at x = distance, its normal towards the origin or away."""
    draw = Sampler(0.03, np.random.default_rng(0))
    corner, up, across = (
        vector(distance, -extent / 2, -extent / 2),
        vector(0, 0, extent),
        vector(0, extent, 0),
    )
    return draw.rectangle(corner, up, across, 0) if towards else draw.rectangle(corner, across, up, 0)


def test_a_wall_alone_is_seen_and_its_back_is_not():
    front, back = wall(2.0, 2.0), wall(2.0, 2.0, towards=False)
    assert (returns(front.points, front.normals, np.zeros(3)) > 0).all()
    assert (returns(back.points, back.normals, np.zeros(3)) == 0).all()


def test_what_is_behind_something_is_hidden():
    screen, far = wall(1.5, 1.0), wall(3.0, 4.0)
    both = join([screen, far])
    seen = returns(both.points, both.normals, np.zeros(3)) > 0
    screen_seen, far_seen = seen[: len(screen.points)], seen[len(screen.points) :]
    behind = np.abs(far.points[:, 1:]).max(1) < 0.95  # the shadow of the screen reaches to 1.0
    beside = np.abs(far.points[:, 1:]).max(1) > 1.3
    assert screen_seen.all()
    assert not far_seen[behind].any()
    assert far_seen[beside].all()


def test_a_slanted_surface_does_not_hide_itself():
    floor = Sampler(0.03, np.random.default_rng(0)).rectangle(
        vector(0.5, -1, -1.5), vector(3, 0, 0), vector(0, 2, 0), 0
    )
    assert (returns(floor.points, floor.normals, np.zeros(3)) > 0).mean() > 0.97


def test_near_surfaces_return_more():
    near, far = (returns(s.points, s.normals, np.zeros(3)).mean() for s in (wall(1.0, 0.3), wall(3.0, 0.3)))
    assert near == pytest.approx(9 * far, rel=0.1)


def test_noise_is_that_of_the_style_and_along_the_ray():
    style, rng = Style.draw(np.random.default_rng(1)), np.random.default_rng(0)
    surface = wall(2.0, 2.0)
    kept, points, normals = scan(surface.points, surface.normals, np.zeros((1, 3)), style, rng)
    error = points - surface.points[kept]
    assert np.median(np.abs(error[:, 0])) == pytest.approx(0.6745 * style.range_noise, rel=0.25)
    assert np.abs(np.cross(error, points)).max() < 1e-9
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1.0)
    assert 0.9 < (normals * surface.normals[kept]).sum(1).mean() < 1.0
