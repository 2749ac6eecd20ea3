"""`ffnet3d check`: what a root holds, what is broken in it, and what is legal but looks wrong."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data.prepare.s3dis_rooms import write_room

from ffnet3d.data.check import RootCheck, check_root, json_report, text_report
from ffnet3d.data.prepare.s3dis import prepare_s3dis
from ffnet3d.data.scene import write_scene

FLOOR = {"segment": 1, "segment20": 1, "segment200": 2}


def room(num_points: int = 400, label: str = "segment", **changes: Any) -> dict[str, np.ndarray]:
    """A room of 4 x 3 x 2.5 m, half of it floor; `changes` replace or (None) drop arrays."""
    rng = np.random.default_rng(0)
    coord = rng.uniform(0, [4, 3, 2.5], (num_points, 3))
    coord[: num_points // 2, 2] = 0
    segment = np.zeros(num_points, np.int64)
    segment[: num_points // 2] = FLOOR[label]
    arrays = {
        "coord": coord.astype(np.float32),
        "color": rng.integers(0, 256, (num_points, 3)).astype(np.uint8),
        "normal": np.tile(np.float32([0, 0, 1]), (num_points, 1)),
        label: segment,
        **changes,
    }
    return {name: array for name, array in arrays.items() if array is not None}


def checked(root: Path, **options: Any) -> RootCheck:
    return check_root(root, workers=0, **options)


def only_warning(root: Path) -> str:
    (warning,) = checked(root).warnings
    return warning


def test_the_table_counts_each_split(tmp_path: Path) -> None:
    unlabelled = np.full(400, -1, np.int64)
    write_scene(tmp_path / "train" / "scene0000_00", room(label="segment20", segment200=unlabelled))
    write_scene(tmp_path / "train" / "scene0000_01", room(label="segment20", normal=None))
    write_scene(tmp_path / "test" / "scene0707_00", room(label="segment20", segment20=None, normal=None))
    lines = text_report(checked(tmp_path)).splitlines()
    assert lines[0] == f"{tmp_path} (ScanNet)"
    assert [line.split() for line in lines[2:6]] == [
        ["split", "scenes", "points", "labels", "classes", "unlabelled", "repeated"],
        ["test", "1", "of", "100", "400", "none", "0.0", "%"],
        ["train", "2", "of", "1201", "800", "segment20", "2", "of", "20", "0.0", "%", "0.0", "%"],
        ["segment200", "0", "of", "200", "100.0", "%"],
    ]
    below = "\n".join(lines[6:])
    for expected in (
        "  val: no such split",
        "  test: 99 of its 100 scenes: scene0708_00, scene0709_00, scene0710_00, ...",
        "  test: normal.npy in 1 of 1 scenes (estimated when a scene is first read)",
        "  train: normal.npy in 1 of 2 scenes (estimated when a scene is first read)",
        "  train: segment200.npy in 1 of 2 scenes (counted as unlabelled)",
        "  train: 18 of 20 classes of segment20: cabinet, bed, chair, ...",
        "3 scenes: 0 broken, 0 warnings, no hashes compared.",
    ):
        assert f"{expected}\n" in f"{below}\n"
    assert max(map(len, lines[1:])) <= 100


def test_rooms_of_areas_and_of_no_data_set(tmp_path: Path) -> None:
    write_scene(tmp_path / "s3dis" / "Area_2" / "WC_2", room())
    write_scene(tmp_path / "own" / "kitchen", room(segment=np.full(400, 700)))
    areas, own = checked(tmp_path / "s3dis"), checked(tmp_path / "own")
    assert (areas.dataset, len(areas.splits[0].official), len(areas.splits[0].absent)) == ("s3dis", 40, 39)
    assert "2 of 13" in text_report(areas)
    assert (own.dataset, own.splits[0].name, own.splits[0].official) == ("", ".", frozenset())
    assert "700" not in text_report(own)
    (alone,) = checked(tmp_path / "own" / "kitchen").scenes
    assert (alone.name, alone.points) == ("kitchen", 400)


def test_a_root_without_scenes(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no such folder"):
        checked(tmp_path / "nowhere")
    (tmp_path / "train").mkdir()
    with pytest.raises(ValueError, match=r"no scenes: neither .* ffnet3d prepare first"):
        checked(tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"coord": None}, "coord.npy is missing"),
        ({"coord": np.full((400, 3), np.nan)}, "400 of 400 rows hold NaN or infinity"),
        ({"color": np.full((400, 3), 0.5)}, "colours need the range 0-255, got 0.5 to 0.5: multiply"),
        ({"color": np.full((400, 3), 65535, np.uint16)}, "colours need the range 0-255, got 65535 to 65535"),
        ({"segment": np.full(400, 13)}, "label 13 at 400 of 400 points"),
        ({"normal": np.full((400, 2), 1.0)}, r"normal.npy: needs the shape \[N, 3\]"),
    ],
)
def test_broken_scenes_are_named_and_the_rest_is_checked(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    write_scene(tmp_path / "Area_1" / "office_1", room())
    write_scene(tmp_path / "Area_1" / "office_2", room(**changes))
    found = checked(tmp_path)
    (broken,) = found.broken
    with pytest.raises(ValueError, match=message):
        raise ValueError(broken.broken)
    assert [scene.points for scene in found.scenes] == [400, 0]
    assert f"\nBroken\n  Area_1/office_2: {broken.broken}\n" in text_report(found)
    assert found.warnings == []


def test_a_cut_file_and_an_empty_folder_are_broken(tmp_path: Path) -> None:
    write_scene(tmp_path / "Area_1" / "office_1", room())
    (tmp_path / "Area_1" / "office_2").mkdir()
    file = tmp_path / "Area_1" / "office_1" / "segment.npy"
    file.write_bytes(file.read_bytes()[:-1])
    first, second = checked(tmp_path).broken
    assert "segment.npy: not a whole .npy array" in first.broken
    assert "coord.npy is missing" in second.broken


COORD = room()["coord"]


@pytest.mark.parametrize(
    ("changes", "warning"),
    [
        ({"coord": COORD * 1000}, "m large: millimetres?"),
        ({"coord": COORD * 100}, "m large: centimetres?"),
        ({"coord": COORD * np.float32([30, 30, 0.3])}, "m large: in metres?"),
        ({"coord": COORD / 1000}, "m large: an object, or not in metres?"),
        ({"coord": COORD[:, [0, 2, 1]]}, "0 m along y, 0.8 m along z: is y up?"),
        ({"coord": COORD * np.float32([1, 1, -1])}, "above the other points: is z down?"),
        ({"color": np.zeros((400, 3), np.uint8)}, "all points are black"),
        ({"color": room()["color"] % 2}, "colours of 0 and 1 alone"),
        ({"color": np.full((400, 3), 7, np.uint8)}, "all colours are 7"),
        ({"normal": room()["normal"] * 2}, "100% of the normals have another length than 1 (median 2)"),
        ({"normal": room()["normal"] * (np.arange(400) > 40)[:, None]}, "10% of the normals are zero"),
    ],
)
def test_what_looks_wrong_in_a_scene(tmp_path: Path, changes: dict[str, Any], warning: str) -> None:
    write_scene(tmp_path / "Area_1" / "office_1", room(**changes))
    assert only_warning(tmp_path).startswith("Area_1/office_1: ")
    assert warning in only_warning(tmp_path)
    assert checked(tmp_path).broken == []


def test_a_sound_scene_has_no_warning(tmp_path: Path) -> None:
    write_scene(tmp_path / "Area_1" / "office_1", room())
    assert checked(tmp_path).warnings == []


@pytest.mark.parametrize(
    ("coord", "warning"),
    [
        (COORD * np.float32(3.28), "half of the scenes are over 8.1 m high: in feet?"),
        (COORD[:, [2, 1, 0]], "3 of 3 scenes are larger along z than along x and y: is z up?"),
    ],
)
def test_what_several_scenes_say_together(tmp_path: Path, coord: np.ndarray, warning: str) -> None:
    for name in ("a", "b", "c"):
        write_scene(tmp_path / name, room(coord=coord, segment=None))
    assert only_warning(tmp_path) == f".: {warning}"


def test_a_validation_scan_among_the_training_scans(tmp_path: Path) -> None:
    write_scene(tmp_path / "train" / "scene0000_00", room(label="segment20"))
    write_scene(tmp_path / "train" / "scene0011_00", room(label="segment20"))
    assert only_warning(tmp_path) == "train: 1 scene of other splits or places: scene0011_00"


def test_repeated_points_are_counted(tmp_path: Path) -> None:
    coord = COORD.copy()
    coord[:100] = coord[0]
    coord[100], coord[101] = [0.0, 1, 0], [-0.0, 1, 0]
    write_scene(tmp_path / "Area_1" / "office_1", room(coord=coord))
    assert checked(tmp_path).scenes[0].repeated == 100


def test_hashes_of_the_manifest(tmp_path: Path) -> None:
    for name in ("office_1", "office_2", "office_3"):
        write_room(tmp_path / "raw" / "Area_1", name)
    root = tmp_path / "out"
    prepare_s3dis(tmp_path / "raw", root, normals=False, workers=0)
    assert (checked(root).hashed, checked(root).broken) == (3, [])
    assert "3 compared with the manifest's hashes" in text_report(checked(root))

    labels = np.load(root / "Area_1" / "office_2" / "segment.npy")
    np.save(root / "Area_1" / "office_2" / "segment.npy", labels[::-1])
    (root / "Area_1" / "office_3").rename(tmp_path / "elsewhere")
    changed, gone = checked(root).broken
    assert "segment.npy: not the file that" in changed.broken
    assert "office_3 is not there, but" in gone.broken
    assert checked(root, hashes=False).broken == []

    (root / "manifest.json").write_text('{"scenes": {"a": 1}}')
    with pytest.raises(ValueError, match=r"manifest.json: no manifest of ffnet3d prepare can be read"):
        checked(root)


def test_the_command_by_several_processes(tmp_path: Path) -> None:
    typer = pytest.importorskip("typer.testing", reason="pip install 'ffnet3d[cli]'")
    from ffnet3d import cli

    write_scene(tmp_path / "root" / "Area_1" / "office_1", room())
    words = ["check", str(tmp_path / "root"), "--json", str(tmp_path / "facts.json")]
    result = typer.CliRunner().invoke(cli.app, [*words, "--workers", "2"])
    assert result.exit_code == 0
    assert result.output.strip() == text_report(checked(tmp_path / "root"))
    facts = json.loads((tmp_path / "facts.json").read_text())
    assert facts == json.loads(json_report(checked(tmp_path / "root")))
    assert facts["splits"]["Area_1"]["scenes"][0]["labels"] == {"segment": {"0": 200, "1": 200}}
    (tmp_path / "root" / "Area_1" / "office_1" / "coord.npy").write_bytes(b"")
    assert typer.CliRunner().invoke(cli.app, [*words, "--workers", "0"]).exit_code == 2


def test_real_rooms_are_sound() -> None:
    real = os.environ.get("FFNET3D_REALDATA")
    if not real:
        pytest.skip("set FFNET3D_REALDATA to a folder with scannet/ and s3dis/ in Pointcept's layout")
    for name in ("scannet", "s3dis"):
        found = checked(Path(real) / name)
        assert found.dataset == name
        assert found.broken == []
        assert [warning for warning in found.warnings if "of other splits" not in warning] == []
