"""What is shown of a file: read, sampled, its truth found."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from shown_rooms import NAMES, room, write_room

from ffnet3d.data.formats import write_ply
from ffnet3d.segment.scan_options import ScanOptions
from ffnet3d.view import read_shown


def by_place(shown, columns) -> np.ndarray:
    """For each shown point, its number in the file."""
    places = {tuple(place): i for i, place in enumerate(np.stack([columns[a] for a in "xyz"], 1).tolist())}
    return np.array([places[tuple(place)] for place in shown.coord.tolist()])


def test_a_sample_keeps_what_belongs_together(tmp_path: Path):
    file, columns = write_room(tmp_path / "room.ply"), room()
    shown = read_shown(file, classes=NAMES, points=1000)
    assert (len(shown), shown.total, shown.name) == (1000, 6000, "room.ply")
    rows = by_place(shown, columns)
    np.testing.assert_array_equal(shown.label, columns["label"][rows])
    np.testing.assert_array_equal(shown.truth, columns["segment"][rows])
    np.testing.assert_array_equal(shown.color[:, 1], columns["green"][rows])
    np.testing.assert_array_equal(shown.confidence, np.rint(columns["confidence"][rows] * 255))
    assert [each.name for each in shown.classes] == ["floor", "wall", "box"]


def test_a_scene_folder(tmp_path: Path):
    columns = room(300)
    np.save(tmp_path / "coord.npy", np.stack([columns[a] for a in "xyz"], 1))
    np.save(tmp_path / "segment20.npy", columns["segment"][:, None].astype(np.int64))
    shown = read_shown(tmp_path)
    assert (shown.color, shown.label, shown.confidence) == (None, None, None)
    np.testing.assert_array_equal(shown.truth, columns["segment"][by_place(shown, columns)])
    assert shown.notes == ("Class names are ScanNet’s, after the column segment20.",)


@pytest.mark.parametrize("kind", ["column", "npy", "ply", "folder"])
def test_truth_from_elsewhere(tmp_path: Path, kind):
    columns = room(500)
    file = write_room(tmp_path / "room.ply", 500, leave_out=() if kind == "column" else ("segment",))
    truth = columns["label"] if kind == "column" else columns["segment"]
    given = {
        "column": "label",
        "npy": tmp_path / "truth.npy",
        "ply": tmp_path / "t.ply",
        "folder": tmp_path / "t",
    }
    if kind == "npy":
        np.save(given[kind], truth[:, None])
    elif kind == "ply":
        write_ply(given[kind], {**{axis: columns[axis] for axis in "xyz"}, "label": truth})
    elif kind == "folder":
        given[kind].mkdir()
        np.save(given[kind] / "coord.npy", np.stack([columns[a] for a in "xyz"], 1))
        np.save(given[kind] / "segment.npy", truth)
    shown = read_shown(file, truth=str(given[kind]), points=200)
    np.testing.assert_array_equal(shown.truth, truth[by_place(shown, columns)])


def test_a_truth_that_does_not_fit(tmp_path: Path):
    file = write_room(tmp_path / "room.ply", 500)
    with pytest.raises(
        ValueError, match=r"--truth labels: neither a file nor a column of .*room\.ply, which has x, y"
    ):
        read_shown(file, truth="labels")
    np.save(tmp_path / "short.npy", np.zeros(499, int))
    with pytest.raises(ValueError, match=r"short\.npy: 499 points, but .*room\.ply has 500"):
        read_shown(file, truth=str(tmp_path / "short.npy"))
    write_room(tmp_path / "bare.ply", 500, leave_out=("label", "segment"))
    with pytest.raises(ValueError, match=r"bare\.ply: no column segment, segment20, segment200 or label"):
        read_shown(file, truth=str(tmp_path / "bare.ply"))
    (tmp_path / "broken.npy").write_bytes(b"no array")
    with pytest.raises(ValueError, match=r"broken\.npy: not an array of NumPy"):
        read_shown(file, truth=str(tmp_path / "broken.npy"))


def test_columns_that_are_no_labels_are_said(tmp_path: Path):
    columns = room(3000)
    columns["label"] = np.arange(3000, dtype=np.int32)
    write_ply(tmp_path / "room.ply", columns)
    shown = read_shown(tmp_path / "room.ply", classes=NAMES)
    assert shown.label is None
    assert shown.confidence is None
    assert shown.notes == (
        "Not shown: the column label holds 3,000 different numbers: no labels of classes.",
    )


def test_points_without_coordinates_are_left_out(tmp_path: Path):
    columns = room(300)
    columns["z"][:10] = np.nan
    write_ply(tmp_path / "room.ply", columns)
    shown = read_shown(tmp_path / "room.ply", classes=NAMES)
    assert len(shown) == len(shown.label) == len(shown.color) == 290
    assert shown.notes == ("10 of these points have no coordinates, and are left out.",)
    columns["z"][:] = np.nan
    write_ply(tmp_path / "room.ply", columns)
    with pytest.raises(ValueError, match="none of its points has coordinates"):
        read_shown(tmp_path / "room.ply")


def test_a_painted_scan_keeps_its_own_colours(tmp_path: Path):
    columns = room(300)
    for color in ("red", "green", "blue"):
        columns[f"original_{color}"] = columns[color]
        columns[color] = np.full(300, 77, np.uint8)
    write_ply(tmp_path / "room.ply", columns)
    shown = read_shown(tmp_path / "room.ply", classes=NAMES)
    np.testing.assert_array_equal(shown.color[:, 2], columns["original_blue"][by_place(shown, columns)])


def test_another_axis_points_up(tmp_path: Path):
    columns = room(300)
    y, z = columns["y"].copy(), columns["z"].copy()
    columns["y"], columns["z"] = z, -y
    write_ply(tmp_path / "room.ply", columns)
    shown = read_shown(tmp_path / "room.ply", scan=ScanOptions(up="y"))
    assert shown.coord[:, 2].max() == pytest.approx(2, abs=0.02)
    assert shown.coord[:, 1].max() == pytest.approx(3, abs=0.02)


def test_no_points_asked_for(tmp_path: Path):
    with pytest.raises(ValueError, match="--points 0: at least 1"):
        read_shown(write_room(tmp_path / "room.ply"), points=0)


def test_a_real_room():
    real = os.environ.get("FFNET3D_REALDATA")
    if not real:
        pytest.skip("set FFNET3D_REALDATA to a folder with s3dis/Area_4/hallway_5")
    folder = Path(real) / "s3dis" / "Area_4" / "hallway_5"
    shown = read_shown(folder, classes="s3dis", points=20_000)
    assert len(shown) == 20_000
    assert {"ceiling", "floor", "wall"} <= {each.name for each in shown.classes}
    assert shown.truth is not None
    floor = shown.coord[shown.truth == 1, 2]
    assert floor.max() < shown.coord[shown.truth == 0, 2].min()
