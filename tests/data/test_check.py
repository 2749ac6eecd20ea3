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
from ffnet3d.data.demo import make_demo
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
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="file is a file; name the root"):
        checked(tmp_path / "file")


def test_data_roots_one_level_down_are_named(tmp_path: Path) -> None:
    write_scene(tmp_path / "s3dis" / "Area_1" / "office_1", room())
    write_scene(tmp_path / "scannet" / "train" / "scene0000_00", room(label="segment20"))
    write_room(tmp_path / "raw" / "Area_1", "office_1")
    with pytest.raises(ValueError, match=r"folders are data roots: check .*/s3dis, .*/scannet$"):
        checked(tmp_path)


@pytest.mark.parametrize("level", [".", "Area_1", "Area_1/office_1", ".."])
def test_raw_rooms_are_recognised_at_every_level(tmp_path: Path, level: str) -> None:
    write_room(tmp_path / "raw" / "Area_1", "office_1")
    with pytest.raises(ValueError, match=r"raw data, no scenes: ffnet3d prepare s3dis \S*/raw TARGET first"):
        checked(tmp_path / "raw" / level)


@pytest.mark.parametrize("level", [".", "scans", "scans/scene0000_00", ".."])
def test_raw_scans_are_recognised_at_every_level(tmp_path: Path, level: str) -> None:
    scan = tmp_path / "raw" / "scans" / "scene0000_00"
    scan.mkdir(parents=True)
    (scan / "scene0000_00_vh_clean_2.ply").touch()
    with pytest.raises(
        ValueError, match=r"raw data, no scenes: ffnet3d prepare scannet \S*/raw TARGET first"
    ):
        checked(tmp_path / "raw" / level)


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
    assert "segment.npy: not a whole .npy array (perhaps a copy was cut off)" in first.broken
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
        (
            COORD * np.float32([0.5, 0.6, 2]),
            "3 of 3 scenes are over twice as large along z as along x and y: is z up?",
        ),
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


def test_scenes_of_which_none_is_the_data_sets(tmp_path: Path) -> None:
    for name in ("kitchen", "attic"):
        write_scene(tmp_path / "Area_5" / name, room())
    warning = "no scene of S3DIS's own list, but 2 scenes of other splits or places: attic, kitchen"
    assert only_warning(tmp_path) == f"Area_5: {warning}"
    assert "2 of 68" in text_report(checked(tmp_path))


def test_the_demo_rooms_are_no_official_ones(tmp_path: Path) -> None:
    make_demo(tmp_path / "demo", areas=1, rooms_per_area=1)
    found = checked(tmp_path / "demo")
    assert (found.dataset, found.warnings, found.broken) == ("demo", [], [])
    assert "(built-in demo rooms)" in text_report(found)


def test_what_scannets_annotations_give_is_absent_without_them(tmp_path: Path) -> None:
    write_scene(tmp_path / "val" / "scene0011_00", room(label="segment20"))
    write_scene(tmp_path / "test" / "scene0707_00", room(label="segment20", segment20=None))
    report = text_report(checked(tmp_path))
    for name in ("segment200", "instance"):
        line = f"val: {name}.npy in 1 of 1 scenes (download .aggregation.json and .0.010000.segs.json)"
        assert line in report
    assert "test: segment200" not in report


@pytest.mark.parametrize("labels", [None, np.full(400, -1)])
def test_scenes_to_train_on_without_labels(tmp_path: Path, labels: np.ndarray | None) -> None:
    write_scene(tmp_path / "train" / "scene0000_00", room(label="segment20", segment20=labels))
    write_scene(tmp_path / "test" / "scene0707_00", room(label="segment20", segment20=labels))
    assert only_warning(tmp_path) == "train: 1 scene without a single label: scene0000_00"


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
    assert f"delete {root / 'Area_1' / 'office_2'} and call ffnet3d prepare again" in changed.broken
    assert "office_3 is not there, but" in gone.broken
    assert checked(root, hashes=False).broken == []

    (root / "manifest.json").write_text('{"scenes": {"a": 1}}')
    with pytest.raises(ValueError, match=r"manifest.json: no manifest of ffnet3d prepare can be read"):
        checked(root)


@pytest.fixture
def prepared(tmp_path: Path) -> Path:
    """Two prepared rooms of S3DIS."""
    for name in ("office_1", "office_2"):
        write_room(tmp_path / "raw" / "Area_1", name)
    prepare_s3dis(tmp_path / "raw", tmp_path / "out", normals=False, workers=0)
    return tmp_path / "out"


UNFINISHED = "the preparation was not finished: call ffnet3d prepare again"


@pytest.mark.parametrize(
    "gone", ["manifest.json", ".prepared/Area_1/office_1.json"], ids=["never finished", "begun again"]
)
def test_a_preparation_that_was_broken_off(prepared: Path, gone: str) -> None:
    assert checked(prepared).warnings == []
    (prepared / gone).unlink()
    assert only_warning(prepared) == UNFINISHED
    assert f"Looks wrong\n  {UNFINISHED}\n" in text_report(checked(prepared))


def test_a_preparation_broken_off_within_a_scene(prepared: Path) -> None:
    staged = prepared / "Area_1" / ".office_3.ab12_cd8"
    staged.mkdir()
    before = (prepared / "manifest.json").stat().st_mtime - 1
    os.utime(staged, (before, before))
    assert checked(prepared).warnings == []
    os.utime(staged, (before + 2, before + 2))
    assert only_warning(prepared) == UNFINISHED


def test_a_preparation_broken_off_before_any_scene(tmp_path: Path) -> None:
    (tmp_path / ".prepared").mkdir()
    with pytest.raises(ValueError, match="no scenes: their preparation was not finished, or failed: call"):
        checked(tmp_path)


def test_files_that_the_manifest_names_are_gone(prepared: Path) -> None:
    (prepared / "Area_1" / "office_1" / "color.npy").unlink()
    (broken,) = checked(prepared).broken
    assert broken.broken.endswith(
        "color.npy is missing, but manifest.json names it: call ffnet3d prepare again"
    )


def test_scenes_that_could_not_be_prepared(prepared: Path) -> None:
    file = prepared / "manifest.json"
    facts = json.loads(file.read_text())
    file.write_text(json.dumps({**facts, "failed": {"Area_1/office_9": "no objects"}}))
    assert only_warning(prepared) == "Area_1/office_9: could not be prepared: no objects"
    assert checked(prepared / "Area_1" / "office_1").warnings == []


def test_a_scene_that_is_there_but_could_not_be_made_again(prepared: Path, tmp_path: Path) -> None:
    for file in (tmp_path / "raw" / "Area_1" / "office_1" / "Annotations").iterdir():
        file.unlink()
    prepare_s3dis(tmp_path / "raw", prepared, normals=False, workers=0)
    assert "Area_1/office_1: could not be prepared: " in only_warning(prepared)
    assert checked(prepared).hashed == 1


@pytest.mark.parametrize(("part", "scenes", "absent"), [("Area_1", 2, 42), ("Area_1/office_1", 1, 0)])
def test_a_part_is_seen_as_part_of_its_data_set(
    prepared: Path, monkeypatch: pytest.MonkeyPatch, part: str, scenes: int, absent: int
) -> None:
    monkeypatch.chdir(prepared / part)
    for root in (prepared / part, Path()):
        found = checked(root)
        assert (found.dataset, found.hashed, found.absent_splits) == ("s3dis", scenes, ())
        assert [scene.name for scene in found.scenes] == ["Area_1/office_1", "Area_1/office_2"][:scenes]
        assert (found.warnings, len(found.splits[0].absent)) == ([], absent)


def test_the_command_by_several_processes(tmp_path: Path) -> None:
    typer = pytest.importorskip("typer.testing", reason="pip install 'ffnet3d[cli]'")
    from ffnet3d import cli

    write_scene(tmp_path / "root" / "Area_1" / "office_1", room())
    words = ["check", str(tmp_path / "root"), "--json", str(tmp_path / "facts.json")]
    result = typer.CliRunner().invoke(cli.app, [*words, "--workers", "2"])
    assert result.exit_code == 0
    said = f"{text_report(checked(tmp_path / 'root'))}\nAll facts are in {tmp_path / 'facts.json'}.\n"
    assert result.output == said
    facts = json.loads((tmp_path / "facts.json").read_text())
    assert facts == json.loads(json_report(checked(tmp_path / "root")))
    assert facts["splits"]["Area_1"]["scenes"][0]["labels"] == {"segment": {"0": 200, "1": 200}}
    (tmp_path / "root" / "Area_1" / "office_1" / "coord.npy").write_bytes(b"")
    assert typer.CliRunner().invoke(cli.app, [*words, "--workers", "1"]).exit_code == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--workers", "0"], "--workers must be 1 or more, got 0"),
        (["--json", "nowhere/facts.json"], r"--json nowhere.facts.json: there is no folder nowhere"),
        (["--json", "."], r"--json \.: is a folder"),
    ],
)
def test_the_commands_mistakes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], message: str
) -> None:
    typer = pytest.importorskip("typer.testing", reason="pip install 'ffnet3d[cli]'")
    from ffnet3d import cli

    write_scene(tmp_path / "Area_1" / "office_1", room())
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=message):
        typer.CliRunner().invoke(cli.app, ["check", ".", *words], catch_exceptions=False)


def test_real_rooms_are_sound() -> None:
    real = os.environ.get("FFNET3D_REALDATA")
    if not real:
        pytest.skip("set FFNET3D_REALDATA to a folder with scannet/ and s3dis/ in Pointcept's layout")
    for name in ("scannet", "s3dis"):
        found = checked(Path(real) / name)
        assert found.dataset == name
        assert found.broken == []
        assert [warning for warning in found.warnings if "of other splits" not in warning] == []
