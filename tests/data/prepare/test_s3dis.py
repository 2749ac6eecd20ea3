"""S3DIS from its text: Pointcept's conventions restated, every known defect, and a real hallway."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from data.prepare.s3dis_rooms import edit_line, write_angles, write_room

from ffnet3d.data import S3DIS13, S3DISDataset, estimate_normals
from ffnet3d.data.prepare.run import Summary
from ffnet3d.data.prepare.s3dis import describe, prepare_s3dis

ROOM = "office_1"


def prepared(source: Path, target: Path, **options: bool) -> tuple[dict[str, np.ndarray], Summary]:
    """The arrays of Area_1/office_1, and the summary."""
    summary = prepare_s3dis(source, target, workers=0, **options)
    assert [one.message for one in summary.of("failed")] == []
    return {file.stem: np.load(file) for file in (target / "Area_1" / ROOM).glob("*.npy")}, summary


def restated(annotations: Path, angle: float | None = None) -> dict[str, np.ndarray]:
    """The protocol in its plainest form."""
    tables, segment, instance = [], [], []
    for index, file in enumerate(sorted(annotations.glob("*.txt"))):
        table = np.loadtxt(file)
        kind = file.name.split("_")[0]
        tables.append(table)
        segment += [S3DIS13.index(kind if kind in S3DIS13 else "clutter")] * len(table)
        instance += [index] * len(table)
    points = np.concatenate(tables)
    coord = points[:, :3]
    if angle is not None:
        turn = math.radians(-angle)
        matrix = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
        middle = (coord[:, :2].min(axis=0) + coord[:, :2].max(axis=0)) / 2
        coord = np.column_stack([(coord[:, :2] - middle) @ matrix.T + middle, coord[:, 2]])
    return {
        "coord": coord.astype(np.float32),
        "color": points[:, 3:].astype(np.uint8),
        "segment": np.array(segment, np.int16)[:, None],
        "instance": np.array(instance, np.int16)[:, None],
    }


def assert_scene(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    for name, array in expected.items():
        assert found[name].dtype == array.dtype, name
        assert found[name].shape == array.shape, name
        np.testing.assert_allclose(
            found[name], array, rtol=0, atol=2e-6 if name == "coord" else 0, err_msg=name
        )


def test_a_room_as_the_protocol_has_it(tmp_path: Path) -> None:
    annotations = write_room(tmp_path / "raw" / "Area_1", ROOM)
    scene, summary = prepared(tmp_path / "raw", tmp_path / "out", normals=False)
    assert sorted(scene) == ["color", "coord", "instance", "segment"]
    assert_scene(scene, restated(annotations))
    assert summary.outcomes[0].repairs == ()
    assert describe(tmp_path / "raw", True, None, False) == [
        "Area_1: no Area_1_alignmentAngle.txt, points as they are",
        "Normals: not written; estimated when a room is first read",
    ]


@pytest.mark.parametrize("angle", [0, 90, 180, 37])
def test_rooms_are_turned_by_their_angle(tmp_path: Path, angle: int) -> None:
    annotations = write_room(tmp_path / "raw" / "Area_1", ROOM)
    write_angles(tmp_path / "raw" / "Area_1", hallway_1=5, office_1=angle)
    scene, _ = prepared(tmp_path / "raw", tmp_path / "out")
    assert_scene(scene, restated(annotations, angle))
    np.testing.assert_array_equal(scene["normal"], estimate_normals(scene["coord"]))
    assert describe(tmp_path / "raw", True, None, True) == [
        "Area_1: rooms turned by Area_1_alignmentAngle.txt",
        "Normals: estimated from the points, written",
    ]


def test_rooms_are_left_as_they_are_on_request(tmp_path: Path) -> None:
    annotations = write_room(tmp_path / "raw" / "Area_1", ROOM)
    write_angles(tmp_path / "raw" / "Area_1", office_1=90)
    scene, _ = prepared(tmp_path / "raw", tmp_path / "out", aligned=False)
    assert_scene(scene, restated(annotations))
    assert describe(tmp_path / "raw", False, None, True)[0] == "Area_1: not turned (--no-align)"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("office_2 90", r"Area_1_alignmentAngle.txt: no angle for office_1: .*--no-align"),
        ("office_1 ninety", r"Area_1_alignmentAngle.txt:2: needs `ROOM ANGLE`"),
        ("office_1", r"Area_1_alignmentAngle.txt:2: needs `ROOM ANGLE`"),
    ],
)
def test_an_angle_that_is_missing_or_unreadable(tmp_path: Path, line: str, message: str) -> None:
    write_room(tmp_path / "raw" / "Area_1", ROOM)
    write_angles(tmp_path / "raw" / "Area_1")
    edit_line(tmp_path / "raw" / "Area_1" / "Area_1_alignmentAngle.txt", 2, line.encode())
    (failed,) = prepare_s3dis(tmp_path / "raw", tmp_path / "out", workers=0).of("failed")
    with pytest.raises(ValueError, match=message):
        raise ValueError(failed.message)


def test_the_data_set_reads_what_was_prepared(tmp_path: Path) -> None:
    write_room(tmp_path / "raw" / "Area_1", ROOM)
    prepared(tmp_path / "raw", tmp_path / "out")
    dataset = S3DISDataset("Area_1", tmp_path / "out", cache_root=tmp_path / "cache")
    scene = dataset.read(0)
    assert scene["name"] == "Area_1-office_1"
    assert set(scene["segment"]) == {S3DIS13.index(name) for name in ("ceiling", "floor", "chair")}
    assert not (tmp_path / "cache").exists()


def test_defects_are_repaired_and_named(tmp_path: Path) -> None:
    annotations = write_room(
        tmp_path / "raw" / "Area_1",
        ROOM,
        ceiling_1=30,
        chair_1=20,
        floor_1=40,
        stairs_1=25,
        tabel_1=10,
        wall_1=15,
    )
    clean = restated(annotations)
    edit_line(annotations / "ceiling_1.txt", 5, b"12.5 -6.5 1.5 103.0\x100000 20 30")
    edit_line(annotations / "ceiling_1.txt", 9, b"12.5 -6.5 1.5 185\x10187 182")
    edit_line(annotations / "floor_1.txt", 7, b"12.5 -6.5 1.5")
    edit_line(annotations / "wall_1.txt", 15, b"12.5 -6.5 1.")
    (annotations / "board_1.txt").write_bytes(b"")
    (annotations / "chair_9.txt").write_bytes(
        b"\n".join(reversed((annotations / "chair_1.txt").read_bytes().splitlines()))
    )
    for junk in (".DS_Store", "._chair_1.txt", "Icon\r", "notes.doc"):
        (annotations / junk).write_bytes(b"junk")
    scene, summary = prepared(tmp_path / "raw", tmp_path / "out", normals=False)

    where = "Area_1/office_1/Annotations"
    assert summary.outcomes[0].repairs == (
        f"{where}/.DS_Store: no object, left out",
        f"{where}/._chair_1.txt: no object, left out",
        f"{where}/Icon\\r: no object, left out",
        f"{where}/notes.doc: no object, left out",
        f"{where}/board_1.txt: an object without points, left out",
        f"{where}/ceiling_1.txt:5: stray b'\\x10' taken out, point kept",
        f"{where}/ceiling_1.txt:9: stray b'\\x10' replaced by a space, point kept",
        f"{where}/chair_9.txt: the same points as {where}/chair_1.txt, left out",
        f"{where}/floor_1.txt:7: 3 of 6 numbers (x y z r g b), line dropped",
        f"{where}/stairs_1.txt: class 'stairs' is none of the 13, made clutter",
        f"{where}/tabel_1.txt: class 'tabel' taken as table",
        f"{where}/wall_1.txt:15: 3 of 6 numbers (x y z r g b), line dropped",
    )
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["scenes"]["Area_1/office_1"]["repairs"] == list(summary.outcomes[0].repairs)
    expected = {name: np.delete(array, [30 + 20 + 6, 139], axis=0) for name, array in clean.items()}
    expected["coord"][[4, 8]] = [12.5, -6.5, 1.5]
    expected["color"][[4, 8]] = [[103, 20, 30], [185, 187, 182]]
    expected["segment"][expected["instance"] == 4] = S3DIS13.index("table")
    expected["instance"] = np.array([1, 2, 4, 5, 6, 7], np.int16)[expected["instance"]]  # board_1, chair_9
    assert_scene(scene, expected)


def test_broken_rooms_are_named_and_stop_no_other(tmp_path: Path) -> None:
    write_room(tmp_path / "raw" / "Area_1", ROOM)
    (tmp_path / "raw" / "Area_1" / "office_2").mkdir()
    (tmp_path / "raw" / "Area_1" / "office_3" / "Annotations").mkdir(parents=True)
    bad = write_room(tmp_path / "raw" / "Area_2", "office_4")
    (bad / "chair_1.txt").write_text("1 2 3\n" * 40)
    summary = prepare_s3dis(tmp_path / "raw", tmp_path / "out", workers=0)
    assert [one.job.name for one in summary.of("prepared")] == ["Area_1/office_1"]
    messages = {one.job.name: one.message for one in summary.of("failed")}
    assert "office_2: a room without objects" in messages["Area_1/office_2"]
    assert "office_3: a room without objects" in messages["Area_1/office_3"]
    assert "Area_2/office_4/Annotations/chair_1.txt:1: 3 of 6 numbers" in messages["Area_2/office_4"]


def test_sources_that_hold_no_areas_or_several_versions(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no such folder"):
        prepare_s3dis(tmp_path / "nowhere", tmp_path / "out")
    (tmp_path / "raw").mkdir()
    with pytest.raises(ValueError, match=r"neither it nor a folder in it holds Area_1 to Area_6$"):
        prepare_s3dis(tmp_path / "raw", tmp_path / "out")
    (tmp_path / "raw" / "Area_1").mkdir()
    with pytest.raises(ValueError, match="its areas hold no rooms"):
        prepare_s3dis(tmp_path / "raw", tmp_path / "out")
    for name in ("v1.2", "v1.2_Aligned"):
        write_room(tmp_path / "both" / name / "Area_1", ROOM)
    with pytest.raises(ValueError, match=r"several versions of S3DIS, name one: .*v1.2_Aligned"):
        prepare_s3dis(tmp_path / "both", tmp_path / "out")
    with pytest.raises(ValueError, match=r"Area_1 to Area_6: name .*both/v1.2$"):
        prepare_s3dis(tmp_path / "both" / "v1.2" / "Area_1", tmp_path / "out")
    (tmp_path / "high" / "er").mkdir(parents=True)
    (tmp_path / "both" / "v1.2").rename(tmp_path / "high" / "er" / "v1.2")
    with pytest.raises(ValueError, match=r"Area_1 to Area_6: name .*high/er/v1.2$"):
        prepare_s3dis(tmp_path / "high", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_meshes_and_no_normals_exclude_each_other(tmp_path: Path) -> None:
    write_room(tmp_path / "raw" / "Area_1", ROOM)
    with pytest.raises(ValueError, match="--meshes gives normals, --no-normals leaves them out"):
        prepare_s3dis(tmp_path / "raw", tmp_path / "out", meshes=tmp_path, normals=False)


def test_what_is_prepared_is_no_source(tmp_path: Path) -> None:
    write_room(tmp_path / "raw" / "Area_1", ROOM)
    prepared(tmp_path / "raw", tmp_path / "out", normals=False)
    for folder in (tmp_path / "out", tmp_path / "out" / "Area_1", tmp_path / "out" / "Area_1" / ROOM):
        with pytest.raises(
            ValueError, match="is prepared already: check it with ffnet3d check, use its root"
        ):
            prepare_s3dis(folder, tmp_path / "again")


def test_a_changed_file_or_option_makes_the_room_again(tmp_path: Path) -> None:
    annotations = write_room(tmp_path / "raw" / "Area_1", ROOM)
    write_room(tmp_path / "raw" / "Area_1", "hallway_1")

    def states(**options: bool) -> list[str]:
        return [
            one.state
            for one in prepare_s3dis(tmp_path / "raw", tmp_path / "out", workers=0, **options).outcomes
        ]

    assert states(normals=False) == ["prepared", "prepared"]
    assert states(normals=False) == ["skipped", "skipped"]
    (annotations / "chair_3.txt").write_text("12 -6 1 1 2 3\n")
    assert states(normals=False) == ["skipped", "prepared"]
    assert states() == ["prepared", "prepared"]


PREPARE = """
import sys
from pathlib import Path
from ffnet3d.data.prepare.s3dis import prepare_s3dis
if __name__ == "__main__":
    prepare_s3dis(Path(sys.argv[1]), Path(sys.argv[2]), workers=0)
"""


def test_killed_and_started_again_it_ends_the_same(tmp_path: Path) -> None:
    source, target = tmp_path / "raw", tmp_path / "out"
    for number in range(8):
        write_room(source / "Area_3", f"office_{number + 1}", number, floor_1=3000, wall_1=3000)
    script = tmp_path / "prepare.py"
    script.write_text(PREPARE)
    running = subprocess.Popen([sys.executable, script, source, target], stderr=subprocess.DEVNULL)
    while running.poll() is None and not list(target.glob("Area_3/*")):
        time.sleep(0.01)
    running.send_signal(signal.SIGKILL)
    assert running.wait() == -signal.SIGKILL
    assert not (target / "manifest.json").exists()

    again = prepare_s3dis(source, target, workers=0)
    whole = prepare_s3dis(source, tmp_path / "whole", workers=0)
    assert len(again.of("prepared")) + len(again.of("skipped")) == len(whole.of("prepared")) == 8
    assert again.manifest.read_bytes() == whole.manifest.read_bytes()
    names = sorted(path.relative_to(target) for path in target.rglob("*.npy"))
    assert names == sorted(
        path.relative_to(tmp_path / "whole") for path in (tmp_path / "whole").rglob("*.npy")
    )
    for name in names:
        assert (target / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_the_command_names_what_it_did_and_what_is_broken(tmp_path: Path) -> None:
    typer = pytest.importorskip("typer.testing", reason="pip install 'ffnet3d[cli]'")
    from ffnet3d import cli

    write_room(tmp_path / "raw" / "Area_1", ROOM, stairs_1=10, floor_1=20)
    (tmp_path / "raw" / "Area_1" / "office_2").mkdir()
    words = [
        "prepare",
        "s3dis",
        str(tmp_path / "raw"),
        str(tmp_path / "out"),
        "--no-normals",
        "--workers",
        "1",
    ]
    result = typer.CliRunner().invoke(cli.app, words)
    assert result.exit_code == 2
    for line in (
        "Area_1: no Area_1_alignmentAngle.txt, points as they are",
        "Area_1: 1 prepared, 0 skipped, 1 failed",
        "  Area_1/office_1/Annotations/stairs_1.txt: class 'stairs' is none of the 13, made clutter",
        f"  Area_1/office_2: {tmp_path}/raw/Area_1/office_2: a room without objects",
    ):
        assert line in result.output
    words[1] = "S3DIS"
    refused = typer.CliRunner().invoke(cli.app, [*words[:3], str(tmp_path / "raw" / "out"), *words[4:]])
    assert "or one lies in the other: name a target outside the download" in str(refused.exception)
    assert refused.output == ""
    (tmp_path / "raw" / "Area_1" / "office_2").rmdir()
    assert typer.CliRunner().invoke(cli.app, words).exit_code == 0


def test_the_real_hallway_comes_out_as_pointcept_made_it(tmp_path: Path) -> None:
    real = os.environ.get("FFNET3D_REALDATA")
    if not real:
        pytest.skip("set FFNET3D_REALDATA to a folder with raw/s3dis and s3dis in Pointcept's layout")
    source, theirs = Path(real) / "raw" / "s3dis", Path(real) / "s3dis" / "Area_3" / "hallway_3"
    (outcome,) = prepare_s3dis(source, tmp_path, normals=False, workers=0).outcomes
    assert (outcome.state, outcome.repairs) == ("prepared", ())
    ours = {file.stem: np.load(file) for file in (tmp_path / "Area_3" / "hallway_3").glob("*.npy")}
    kept = {file.stem: np.load(file) for file in theirs.glob("*.npy")}
    assert sorted(ours) == sorted(kept)
    for name in ours:
        assert (ours[name].dtype, ours[name].shape) == (kept[name].dtype, kept[name].shape)
    rows, expected = _rows(ours), _rows(kept)
    np.testing.assert_array_equal(rows[:, :7], expected[:, :7])
    pairs = np.unique(np.column_stack([rows[:, 7], expected[:, 7]]), axis=0)
    assert len(pairs) == len(np.unique(pairs[:, 0])) == len(np.unique(pairs[:, 1]))


def _rows(scene: dict[str, np.ndarray]) -> np.ndarray:
    """Coordinates, colours, class and instance of each point, sorted."""
    rows = np.column_stack([scene[name] for name in ("coord", "color", "segment", "instance")])
    return rows[np.lexsort(rows[:, :7].T)]
