import os
import re
from pathlib import Path

import numpy as np
import pytest
from made_scans import building, room

from ffnet3d.segment.scan_doubts import doubtful_unit, doubtful_up, impossible_unit
from ffnet3d.segment.scan_options import UNITS, ScanOptions
from ffnet3d.segment.scan_shape import shape_of

METRES = ScanOptions()


def doubts(points, options=METRES):
    shape = shape_of(points, len(points))
    return (
        impossible_unit(shape, len(points), options),
        doubtful_unit(shape, options),
        doubtful_up(shape, options),
    )


@pytest.mark.parametrize("points", [room(), room((20, 1.6, 2.6)), room((60, 40, 15)), building()])
def test_rooms_corridors_halls_and_buildings_pass(points):
    assert doubts(points) == (None, None, None)


def test_a_hall_of_the_height_of_a_room_in_feet_is_a_warning():
    unit, doubt, up = doubts(room((20, 30, 9)))
    assert unit is up is None
    assert "m high, or a room in feet (6.1 x" in doubt
    assert doubts(room((20, 30, 9)), ScanOptions(unit="m")) == (None, None, None)


@pytest.mark.parametrize("unit", ["mm", "cm", "in"])
def test_rooms_in_small_units_are_refused(unit):
    refused, *_ = doubts(room() / UNITS[unit])
    assert f"give --unit {unit}, or the unit that is right" in refused
    assert re.search(r"that is (5|5.01) x (4|4.01) x (2.8|2.81) m: give", refused)
    assert doubts(room() / UNITS[unit], ScanOptions(unit=unit)) == (None, None, None)


def test_a_building_in_millimetres_is_refused():
    assert "give --unit mm" in doubts(building() * 1000)[0]


def test_feet_are_a_warning():
    assert "give --unit ft" in doubts(room() / UNITS["ft"])[1]


def test_kilometres_are_refused_and_small_objects_a_warning():
    assert "--unit km" in doubts(room() / 1000)[0]
    assert "less than a room" in doubts(room() / 10)[1]


def test_sparse_points_are_refused_only_where_there_are_many():
    rng = np.random.default_rng(0)
    assert doubts(rng.random((500, 3)) * [50, 50, 5])[0] is None
    assert "between points" in doubts(rng.random((1500, 3)) * [200, 200, 5])[0]


def test_another_up_axis_is_a_warning():
    assert doubts(room()[:, [0, 2, 1]])[2].endswith("give --up y (or --up=-y, if it points down)")
    assert "give --up x" in doubts(room()[:, [2, 0, 1]])[2]
    assert doubts(room()[:, [0, 2, 1]], ScanOptions(up="y"))[2] is None


def test_a_thinned_sample_tells_the_spacing_of_the_scan():
    points = room(count=200_000)
    spacing = shape_of(points, len(points)).spacing
    assert shape_of(points[::20], len(points)).spacing == pytest.approx(spacing, rel=0.1)


def test_repeated_points_and_a_single_place():
    points = np.repeat(room(count=2000), 3, axis=0)
    assert shape_of(points, len(points)).spacing > 0.01
    assert shape_of(np.ones((5, 3)), 5).spacing == 0


def test_real_rooms():
    root = os.environ.get("FFNET3D_REALDATA")
    if not root:
        pytest.skip("set FFNET3D_REALDATA to a folder with scannet/ and s3dis/ in Pointcept's layout")
    rooms = [np.load(file).astype(np.float64) for file in sorted(Path(root).glob("s*/*/*/coord.npy"))]
    assert rooms
    for points in rooms:
        assert doubts(points) == (None, None, None)
        for unit in ("mm", "cm", "in"):
            assert f"give --unit {unit}," in doubts(points / UNITS[unit])[0]
