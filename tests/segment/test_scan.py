import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_scans import room, write_scan

from ffnet3d.segment.features import ROOM_COLOR
from ffnet3d.segment.points import join
from ffnet3d.segment.scan import open_scan
from ffnet3d.segment.scan_options import TURNS, UNITS, ScanOptions

BOTH = ("color", "normal")


def read(scan, rows=700):
    chunks = list(scan.chunks(rows))
    return join([chunk.points for chunk in chunks]), np.concatenate([chunk.rows for chunk in chunks])


def opened(file, features=BOTH, **options):
    return open_scan(file, ScanOptions(**options), features, rows=999)


def colors(count=2000, high=255, seed=1):
    values = np.random.default_rng(seed).integers(0, high + 1, (count, 3))
    values[0], values[1] = 0, high
    return values


def test_points_colours_normals(tmp_path):
    coord, color = room(count=2000), colors().astype(np.uint8)
    normal = np.random.default_rng(2).normal(size=(2000, 3))
    scan = opened(write_scan(tmp_path / "a.ply", coord, color, normal))
    points, rows = read(scan)
    assert points.coord.dtype == points.normal.dtype == np.float32
    assert np.abs(points.coord + scan.origin - coord).max() < 1e-6
    assert (points.color == color).all()
    assert np.allclose(points.normal, normal / np.linalg.norm(normal, axis=1, keepdims=True), atol=1e-6)
    assert rows.tolist() == list(range(2000))
    assert rows.dtype == np.int64
    assert scan.has_color
    assert scan.has_normal
    assert not scan.needs_normals
    assert not scan.warnings
    assert any("0-255 (0 to 255 in the file)" in note for note in scan.notes)
    assert (scan.bounds == [points.coord.min(0), points.coord.max(0)]).all()


def test_what_the_network_does_not_want_is_left_out(tmp_path):
    file = write_scan(tmp_path / "a.ply", room(count=2000), colors().astype(np.uint8), np.ones((2000, 3)))
    points, _ = read(opened(file, ("coord",)))
    assert points.color is points.normal is None


def test_survey_coordinates_keep_their_millimetres(tmp_path):
    coord = room(count=2000)
    scan = opened(write_scan(tmp_path / "a.ply", coord + np.array([4_512_345.6, 5_400_123.4, 512])))
    points, _ = read(scan)
    assert (scan.origin[:2] >= 4_512_345).all()
    apart = points.coord - points.coord[0]
    assert np.abs(apart - (coord - coord[0])).max() < 1e-5


def test_units_and_up_axis(tmp_path):
    coord = room(count=2000)
    normal = np.tile([0.0, 2.0, 0.0], (2000, 1))
    turned = np.stack([coord[:, 0], coord[:, 2], -coord[:, 1]], axis=1) * 1000
    scan = opened(write_scan(tmp_path / "a.ply", turned, normal=normal), unit="mm", up="y")
    points, _ = read(scan)
    assert np.abs((points.coord - points.coord[0]) - (coord - coord[0])).max() < 1e-5
    assert (points.normal == [0, 0, 1]).all()
    assert (scan.bounds == [points.coord.min(0), points.coord.max(0)]).all()
    assert scan.notes[0] == "unit: mm (as given); y points up"


def test_impossible_units_are_refused_by_name(tmp_path):
    file = write_scan(tmp_path / "a.ply", room(count=2000) * 1000)
    with pytest.raises(ValueError, match=r"a\.ply: the points span .* give --unit mm"):
        opened(file)


@pytest.mark.parametrize(
    ("stored", "said"),
    [
        (colors().astype(np.float32) / 255, "0-1 "),
        (colors().astype(np.float64), "0-255 "),
        (colors().astype(np.uint16), "0-255 in fields of 16 bits"),
        (colors().astype(np.uint16) * 257, "0-65535, 16 bits"),
        (colors() * 257, "0-65535, 16 bits"),
        (colors() * np.float32(1.00001 / 255), "0-1 "),
    ],
)
def test_ranges_of_colours(tmp_path, stored, said):
    scan = opened(write_scan(tmp_path / "a.ply", room(count=2000), stored))
    points, _ = read(scan)
    assert np.abs(points.color - colors()).max() < 0.01
    assert points.color.max() <= 255
    assert f"colours: {said}" in "\n".join(scan.notes)


def test_a_given_range_of_colours(tmp_path):
    file = write_scan(tmp_path / "a.ply", room(count=2000), colors(high=100).astype(np.uint16))
    points, _ = read(opened(file, color_range=100))
    assert points.color.max() == 255
    with pytest.raises(ValueError, match=r"a\.ply: its colours are 0 to 100, not 0 to 50: .* --color-range"):
        opened(file, color_range=50)


@pytest.mark.parametrize("high", [-1.0, 1e6])
def test_colours_of_no_known_range_are_refused(tmp_path, high):
    file = write_scan(tmp_path / "a.ply", room(count=2000), colors() * (high / 255))
    with pytest.raises(ValueError, match="not 0 to 1, 255 or 65535"):
        opened(file)


@pytest.mark.parametrize("stored", [None, np.zeros((2000, 3), np.uint16), np.full((2000, 3), np.nan)])
def test_no_colours_is_a_warning_where_they_are_wanted(tmp_path, stored):
    file = write_scan(tmp_path / "a.ply", room(count=2000), stored)
    scan = opened(file)
    assert not scan.has_color
    assert "every point gets the mean colour of rooms" in "\n".join(scan.warnings)
    assert read(scan)[0].color is None
    assert not opened(file, ("normal",)).warnings


def test_single_colours_that_are_not_finite_get_the_mean_of_rooms(tmp_path):
    stored = colors().astype(np.float32)
    stored[7, 1] = np.nan
    scan = opened(write_scan(tmp_path / "a.ply", room(count=2000), stored))
    assert read(scan)[0].color[7].tolist() == list(ROOM_COLOR)
    assert "1 points have colours that are not finite" in "\n".join(scan.warnings)


@pytest.mark.parametrize("value", [None, 0, np.nan])
def test_unusable_normals_are_to_be_estimated(tmp_path, value):
    normal = None if value is None else np.full((2000, 3), value, np.float32)
    scan = opened(write_scan(tmp_path / "a.ply", room(count=2000), normal=normal))
    assert scan.needs_normals
    assert "normals: estimated" in "\n".join(scan.notes)
    assert read(scan)[0].normal is None


def test_single_zero_normals_are_kept_and_said(tmp_path):
    normal = np.tile(np.float32([0, 0, 3]), (2000, 1))
    normal[5] = 0
    scan = opened(write_scan(tmp_path / "a.ply", room(count=2000), normal=normal))
    points, _ = read(scan)
    assert points.normal[5].tolist() == [0, 0, 0]
    assert points.normal[6].tolist() == [0, 0, 1]
    assert "normals: 1 of 2000 are zero" in "\n".join(scan.notes)


def test_points_that_are_not_finite_are_left_out(tmp_path):
    coord = room(count=2000)
    lost = [0, 700, 701, 1999]
    coord[lost, [0, 1, 2, 0]] = [np.nan, np.inf, -np.inf, np.nan]
    scan = opened(write_scan(tmp_path / "a.ply", coord, colors().astype(np.uint8)))
    points, rows = read(scan)
    assert set(range(2000)) - set(rows.tolist()) == set(lost)
    assert (points.color == colors()[rows]).all()
    assert (scan.num_points, scan.num_valid) == (2000, 1996)
    assert scan.warnings == ("4 of 2000 points are NaN or infinite: they get the label -1, confidence 0",)


def test_a_scan_without_any_finite_point_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"a\.ply: none of its 9 points has finite coordinates"):
        opened(write_scan(tmp_path / "a.ply", np.full((9, 3), np.nan)))


def test_one_point(tmp_path):
    with pytest.raises(ValueError, match="nothing to segment"):
        opened(write_scan(tmp_path / "a.ply", np.ones((1, 3))))
    points, _ = read(opened(write_scan(tmp_path / "a.ply", np.ones((1, 3))), unit="m"))
    assert points.coord.tolist() == [[0, 0, 0]]


def test_integer_coordinates(tmp_path):
    coord = np.round(room(count=2000) * 1000).astype(np.int32)
    points, _ = read(opened(write_scan(tmp_path / "a.ply", coord), unit="mm"))
    assert np.abs((points.coord - points.coord[0]) - (coord - coord[0]) / 1000).max() < 1e-5


@given(
    seed=st.integers(0, 2**32 - 1),
    rows=st.integers(1, 400),
    up=st.sampled_from(list(TURNS)),
    unit=st.sampled_from(["m", "mm", "ft"]),
    lost=st.floats(0, 0.5),
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_chunks_of_any_size_give_the_same_points(tmp_path, seed, rows, up, unit, lost):
    rng = np.random.default_rng(seed)
    coord = rng.normal(0, 1 / UNITS[unit], (300, 3)) + rng.normal(0, 1e4, 3)
    coord[rng.random(300) < lost] = np.nan
    color, normal = rng.integers(0, 256, (300, 3)).astype(np.uint8), rng.normal(size=(300, 3))
    file = write_scan(tmp_path / "a.ply", coord, color, normal)
    scan = open_scan(file, ScanOptions(unit=unit, up=up), BOTH, rows)
    points, numbers = read(scan, rows)
    valid = np.isfinite(coord[:, 0])
    assert (numbers == np.flatnonzero(valid)).all()
    assert (points.color == color[valid]).all()
    assert (scan.bounds == [points.coord.min(0), points.coord.max(0)]).all()
    axis, sign = "xyz".index(up[-1]), -1 if up[0] == "-" else 1
    height = sign * (coord[valid, axis] - scan.origin[axis]) * UNITS[unit]
    assert np.abs(points.coord[:, 2] - height).max() < 1e-4
    first = valid.argmax()
    before = np.linalg.norm(coord[valid] - coord[first], axis=1) * UNITS[unit]
    assert np.abs(np.linalg.norm(points.coord - points.coord[0], axis=1) - before).max() < 1e-4
    assert np.allclose(np.linalg.norm(points.normal, axis=1), 1, atol=1e-6)
