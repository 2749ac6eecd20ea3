"""`ffnet3d segment`: files of every kind in, the same files with labels out."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("typer", reason="pip install 'ffnet3d[cli]'")
pytest.importorskip("safetensors", reason="pip install 'ffnet3d[train]'")
from small_weights import CLASSES, save_weights
from typer.testing import CliRunner, Result

from ffnet3d import Segmenter, cli
from ffnet3d.data.classes import palette
from ffnet3d.data.formats import read_ply, write_ply


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_weights(tmp_path_factory.mktemp("shared"))


def room(count: int = 700, seed: int = 0) -> dict[str, np.ndarray]:
    """Points on the floor and two walls of a small room, with colours, normals and a time stamp."""
    rng = np.random.default_rng(seed)
    coord = rng.uniform(0, 1, (count, 3)) * [4, 3, 2.5]
    side = rng.integers(0, 3, count)
    coord[np.arange(count), side] = 0
    normal = np.eye(3, dtype=np.float32)[side]
    color = rng.integers(1, 256, (count, 3)).astype(np.uint8)
    return {
        **dict(zip("xyz", coord.T.astype(np.float32), strict=True)),
        **dict(zip(("red", "green", "blue"), color.T, strict=True)),
        **dict(zip(("nx", "ny", "nz"), normal.T, strict=True)),
        "time": rng.uniform(0, 1e9, count),
    }


def segment(*words: object) -> Result:
    return CliRunner().invoke(cli.app, ["segment", *map(str, words)], catch_exceptions=False)


def refused(*words: object) -> str:
    with pytest.raises((ValueError, ImportError)) as caught:
        segment(*words)
    return str(caught.value)


def columns(points: dict[str, np.ndarray], *names: str) -> np.ndarray:
    return np.stack([points[name] for name in names], axis=1)


def test_a_ply_comes_back_with_labels(weights: Path, tmp_path: Path) -> None:
    points = room()
    write_ply(tmp_path / "room.ply", points, ["made up"])
    result = segment(tmp_path / "room.ply", "-w", weights, "-o", tmp_path / "out")
    assert result.exit_code == 0, result.output
    written = read_ply(tmp_path / "out" / "room.ply")
    found = written.elements["vertex"]
    for name, values in points.items():
        np.testing.assert_array_equal(found[name], values)
    assert "made up" in written.comments
    labels, probabilities = Segmenter(weights).predict(
        columns(points, "x", "y", "z"),
        columns(points, "red", "green", "blue"),
        columns(points, "nx", "ny", "nz"),
    )
    np.testing.assert_array_equal(found["label"], labels)
    np.testing.assert_allclose(found["confidence"], probabilities.max(1), atol=1e-5)
    colors = np.array(palette(len(CLASSES)))[labels]
    np.testing.assert_array_equal(columns(found, "label_red", "label_green", "label_blue"), colors)
    for number, name in enumerate(CLASSES):
        assert f"{(labels == number).sum()}" in next(
            line for line in result.output.splitlines() if name in line
        )


def test_the_summary(weights: Path, tmp_path: Path) -> None:
    write_ply(tmp_path / "room.ply", room())
    segment(tmp_path / "room.ply", "-w", weights, "-o", tmp_path / "out")
    summary = json.loads((tmp_path / "out" / "room.json").read_text())
    assert summary["points"] == 700
    assert [entry["name"] for entry in summary["classes"]] == list(CLASSES)
    assert sum(entry["points"] for entry in summary["classes"]) == 700
    assert summary["peak_process_memory_bytes"] > 0


def test_points_without_colour_and_normals_are_warned_of(weights: Path, tmp_path: Path) -> None:
    points = {name: values for name, values in room().items() if name in "xyz"}
    write_ply(tmp_path / "room.ply", points)
    result = segment(tmp_path / "room.ply", "-w", weights, "-o", tmp_path / "out")
    assert result.exit_code == 0
    summary = json.loads((tmp_path / "out" / "room.json").read_text())
    assert any("colour" in warning for warning in summary["warnings"])
    assert any("normal" in note for note in summary["notes"] + summary["warnings"])


def test_paint(weights: Path, tmp_path: Path) -> None:
    points = room()
    write_ply(tmp_path / "room.ply", points)
    segment(tmp_path / "room.ply", "-w", weights, "-o", tmp_path / "out", "--paint")
    found = read_ply(tmp_path / "out" / "room.ply").elements["vertex"]
    colors = np.array(palette(len(CLASSES)))[found["label"]]
    np.testing.assert_array_equal(columns(found, "red", "green", "blue"), colors)
    np.testing.assert_array_equal(found["original_red"], points["red"])


def test_one_file_to_a_file(weights: Path, tmp_path: Path) -> None:
    write_ply(tmp_path / "room.ply", room())
    result = segment(tmp_path / "room.ply", "-w", weights, "-o", tmp_path / "labelled.ply")
    assert result.exit_code == 0
    assert len(read_ply(tmp_path / "labelled.ply").elements["vertex"]["label"]) == 700
    assert (tmp_path / "labelled.json").is_file()


def test_a_folder_of_scans_and_a_bad_one(weights: Path, tmp_path: Path) -> None:
    scans = tmp_path / "scans"
    (scans / "deep").mkdir(parents=True)
    for seed, name in enumerate(("a.ply", "deep/b.ply")):
        write_ply(scans / name, room(seed=seed))
    (scans / "bad.ply").write_text("ply\nformat ascii 1.0\nelement vertex 10\n")
    result = segment(scans, "-w", weights, "-o", tmp_path / "out")
    assert result.exit_code == 2
    assert {path.name for path in (tmp_path / "out").rglob("*.ply")} == {"a.ply", "b.ply"}
    assert "bad.ply" in (tmp_path / "out" / "failed.json").read_text()
    before = (tmp_path / "out" / "a.ply").stat().st_mtime_ns
    write_ply(scans / "bad.ply", room(seed=3))
    result = segment(scans, "-w", weights, "-o", tmp_path / "out")
    assert result.exit_code == 0
    assert (tmp_path / "out" / "a.ply").stat().st_mtime_ns == before
    assert (tmp_path / "out" / "bad.ply").is_file()
    result = segment(scans, "-w", weights, "-o", tmp_path / "out", "--grid-size", 0.2)
    assert (tmp_path / "out" / "a.ply").stat().st_mtime_ns != before


def test_mistakes_end_in_one_line(weights: Path, tmp_path: Path) -> None:
    write_ply(tmp_path / "room.ply", room())
    scan = tmp_path / "room.ply"
    assert "no such file" in refused(tmp_path / "absent.ply", "-w", weights, "-o", tmp_path / "out")
    assert "absent does not exist" in refused(scan, "-w", tmp_path / "absent", "-o", tmp_path / "out")
    assert "overwrite" in refused(scan, "-w", weights, "-o", tmp_path)
    assert "'furlong'" in refused(scan, "-w", weights, "-o", tmp_path / "out", "--unit", "furlong")
    assert not (tmp_path / "out").exists()
    (tmp_path / "empty.ply").touch()
    assert "an empty file" in refused(tmp_path / "empty.ply", "-w", weights, "-o", tmp_path / "out")


def test_the_same_scan_in_another_unit_and_frame(weights: Path, tmp_path: Path) -> None:
    points = room()
    coord = np.round(columns(points, "x", "y", "z").astype(np.float64) * 128) / 128  # exact in every frame
    normal = columns(points, "nx", "ny", "nz")
    frames = {
        "plain": (coord, normal, ()),
        "moved": (coord + np.array([512.0, 1024.0, 64.0]), normal, ()),
        "turned": (coord[:, [0, 2, 1]] * [1, 1, -1], normal[:, [0, 2, 1]] * [1, 1, -1], ("--up", "y")),
    }
    labels = {}
    for name, (where, facing, options) in frames.items():
        moved = {**points, **dict(zip("xyz", where.T, strict=True))}
        moved |= dict(zip(("nx", "ny", "nz"), facing.T.astype(np.float32), strict=True))
        write_ply(tmp_path / f"{name}.ply", moved)
        segment(tmp_path / f"{name}.ply", "-w", weights, "-o", tmp_path / "out", *options)
        labels[name] = read_ply(tmp_path / "out" / f"{name}.ply").elements["vertex"]["label"]
    np.testing.assert_array_equal(labels["moved"], labels["plain"])
    np.testing.assert_array_equal(labels["turned"], labels["plain"])


def test_view_knows_the_columns_and_the_axis_of_a_labelled_file(weights: Path, tmp_path: Path) -> None:
    from ffnet3d.view import read_shown
    from ffnet3d.view.told import told_by_summary

    points = room()
    table = columns(points, "x", "z", "y", "red", "green", "blue").astype(float)
    np.savetxt(tmp_path / "room.xyz", table, fmt="%.4f %.4f %.4f %d %d %d")
    segment(tmp_path / "room.xyz", "-w", weights, "-o", tmp_path / "out", "--up", "y")
    told = told_by_summary(tmp_path / "out" / "room.xyz")
    assert told.up == "y"
    assert told.columns is not None
    assert told.columns[-5:] == ("label", "confidence", "label_red", "label_green", "label_blue")
    shown = read_shown(tmp_path / "out" / "room.xyz", scan=told)
    assert shown.label is not None
    assert np.ptp(shown.coord[:, 2]) == pytest.approx(2.5, abs=0.1)


def test_warnings_of_many_scans_are_said(
    weights: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    scans = tmp_path / "scans"
    scans.mkdir()
    for name in ("a", "b"):
        write_ply(scans / f"{name}.ply", {axis: room()[axis] for axis in "xyz"})
    segment(scans, "-w", weights, "-o", tmp_path / "out")
    assert "b.ply: the network was trained with colours and the file has none" in caplog.text


def test_names_must_be_as_many_as_classes(weights: Path, tmp_path: Path) -> None:
    write_ply(tmp_path / "room.ply", room())
    words = (tmp_path / "room.ply", "-w", weights, "-o", tmp_path / "out")
    assert "has 3 classes, 2 are named" in refused(*words, "--classes", "wall,floor")
    assert "workers must be 1 or more" in refused(*words, "--workers", 0)
