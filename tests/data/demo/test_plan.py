"""Places found are inside, free, and in the frame that they are asked for in."""

from __future__ import annotations

import numpy as np
import pytest

from ffnet3d.data.demo.items import Label
from ffnet3d.data.demo.plan import Plan, around
from ffnet3d.data.demo.room import Room
from ffnet3d.data.demo.surfaces import Sampler


def test_places_found_never_overlap():
    plan, rng = Plan(5.0, 4.0), np.random.default_rng(0)
    places = []
    while (centre := plan.find((0.8, 0.5), rng)) is not None:
        places.append(around(centre, (0.8, 0.5)))
        plan.take(places[-1])
    assert len(places) > 10
    for i, a in enumerate(places):
        assert a[0] >= 0
        assert a[3] <= 4.0
        assert all(a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1] for b in places[:i])


def test_too_large_finds_nothing():
    assert Plan(1.0, 1.0).find((1.2, 0.1), np.random.default_rng(0)) is None


@pytest.mark.parametrize(
    ("wall", "expected"), [(0, (1, 0, 2, 0.5)), (1, (4.5, 1, 5, 2)), (2, (3, 3.5, 4, 4)), (3, (0, 2, 0.5, 3))]
)
def test_frame_of_each_wall(wall, expected):
    room = Room(5.0, 4.0, 3.0, Sampler(0.1, np.random.default_rng(0)))
    assert room.floor_rect(wall, (1.0, 0.0, 2.0, 0.5)) == pytest.approx(expected)


def test_shell_faces_inwards_and_leaves_the_holes_open():
    room = Room(5.0, 4.0, 3.0, Sampler(0.1, np.random.default_rng(0)))
    room.wall_holes[1].append((1.0, 0.0, 2.0, 2.0))
    middle, walls = np.array([2.5, 2.0, 1.5]), []
    for item in room.shell():
        points, normals = item.surfaces[0].points, item.surfaces[0].normals
        assert (((middle - points) * normals).sum(1) > 0).all()
        if item.label == Label.WALL:
            walls.append(points)
    across = np.concatenate(walls)
    across = across[across[:, 0] > 4.99]
    door = (across[:, 1] > 1) & (across[:, 1] < 2) & (across[:, 2] < 2)
    assert not door.any()
    assert len(across) > 800


def test_reserve_keeps_off_what_is_taken():
    room = Room(3.0, 3.0, 3.0, Sampler(0.1, np.random.default_rng(0)))
    for wall in (0, 1, 3):
        room.walls[wall].take((0.0, 0.0, 3.0, 3.0))
    place = room.reserve((1.0, 0.5, 2.0))
    assert place is not None
    assert place[0] == 2
    assert room.reserve((2.5, 0.5, 2.0)) is None
