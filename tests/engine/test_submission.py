"""Submissions: the benchmark's ids line by line, whole zips, and a reason for each that would be refused."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ffnet3d.data.scannet_ids import SCANNET20_IDS, SCANNET200_IDS, TEST_SCENES
from ffnet3d.engine.run_folder import RunFolder
from ffnet3d.engine.submission import submit_run, write_submission
from ffnet3d.engine.submission_check import BENCHMARKS, validate_submission

typer_testing = pytest.importorskip("typer.testing", reason="pip install 'ffnet3d[cli]'")

CONFIG = """
model = dict(type="DefaultSegmentorV2")
data = dict(num_classes=20, test=dict(type="ScanNetDataset", split="test", data_root="DATA_ROOT"))
"""


def predict(result: Path, scenes: tuple[str, ...] = TEST_SCENES, classes: int = 20) -> dict[str, int]:
    """Predictions as a test saves them; the number of points of each scene."""
    rng = np.random.default_rng(0)
    points = {scene: int(rng.integers(1, 40)) for scene in scenes}
    result.mkdir(parents=True, exist_ok=True)
    for scene, count in points.items():
        np.save(result / f"{scene}_pred.npy", rng.integers(0, classes, count))
    return points


def finished_run(
    root: Path, scenes: tuple[str, ...] = TEST_SCENES, dataset: str = "ScanNetDataset"
) -> RunFolder:
    """A run with a finished test, and coord.npy of its scenes in root/scans."""
    run, ids = RunFolder(root / "exp" / "scannet" / "first"), BENCHMARKS[dataset]
    points = predict(run.result, scenes, len(ids))
    for scene, count in points.items():
        (root / "scans" / "test" / scene).mkdir(parents=True)
        np.save(root / "scans" / "test" / scene / "coord.npy", np.zeros((count, 3), np.float32))
    summary = {
        "classes": [str(number) for number in ids],
        "scenes": [{"name": scene, "points": count} for scene, count in points.items()],
        "provenance": {"dataset": dataset},
    }
    run.test_summary.write_text(json.dumps(summary))
    run.config.write_text(CONFIG.replace("DATA_ROOT", str(root / "scans")))
    return run


def zipped(file: Path, texts: Mapping[str, bytes]) -> Path:
    with zipfile.ZipFile(file, "w") as archive:
        for name, text in texts.items():
            archive.writestr(name, text)
    return file


def whole(**changed: bytes | None) -> dict[str, bytes]:
    """The files of a right submission, some of them replaced, or left out for None."""
    texts = {f"{scene}.txt": b"1\n2\n39\n" for scene in TEST_SCENES}
    for name, text in changed.items():
        texts.pop(f"{name}.txt", None)
        if text is not None:
            texts[f"{name}.txt"] = text
    return texts


@pytest.mark.parametrize(("dataset", "ids"), BENCHMARKS.items())
def test_every_label_becomes_the_benchmarks_id_in_its_line(
    tmp_path: Path, dataset: str, ids: tuple[int, ...]
) -> None:
    points = predict(tmp_path, classes=len(ids))
    report = write_submission(tmp_path, points, dataset)
    assert (report.scenes, report.points, report.problems) == (100, sum(points.values()), ())
    assert report.describe().endswith("it can be uploaded")
    with zipfile.ZipFile(report.file) as archive:
        assert archive.namelist() == [f"{scene}.txt" for scene in TEST_SCENES]
        for scene in TEST_SCENES:
            text = archive.read(f"{scene}.txt")
            assert text == (tmp_path / "submit" / f"{scene}.txt").read_bytes()
            expected = io.StringIO()
            labels = np.load(tmp_path / f"{scene}_pred.npy")
            np.savetxt(expected, np.array(ids)[labels], fmt="%d")
            assert text.decode() == expected.getvalue()


def test_the_same_predictions_make_the_same_bytes_and_a_former_submission_goes(tmp_path: Path) -> None:
    points = predict(tmp_path)
    first = write_submission(tmp_path, points, "ScanNetDataset").file.read_bytes()
    assert write_submission(tmp_path, points, "ScanNetDataset").file.read_bytes() == first
    few = {scene: points[scene] for scene in TEST_SCENES[:3]}
    write_submission(tmp_path, few, "ScanNetDataset")
    assert sorted(path.stem for path in (tmp_path / "submit").iterdir()) == list(few)


def test_validation_scenes_are_written_and_said_to_be_no_upload(tmp_path: Path) -> None:
    points = predict(tmp_path, ("scene0011_00", "scene0011_01"))
    report = write_submission(tmp_path, points, "ScanNetDataset")
    assert zipfile.ZipFile(report.file).namelist() == ["scene0011_00.txt", "scene0011_01.txt"]
    assert report.problems == (
        "100 are missing, of the benchmark's 100 test scenes: "
        "scene0707_00, scene0708_00, scene0709_00, scene0710_00, scene0711_00, ...",
        "2 are not among the benchmark's test scenes (only these can be uploaded): "
        "scene0011_00, scene0011_01",
    )
    assert "2 scenes" in report.describe()
    assert "it cannot be uploaded: 100 are missing" in report.describe()


@pytest.mark.parametrize(
    ("labels", "text"),
    [
        (np.zeros(4, np.int64), r"holds int64 \(4,\), but the scene has 3 points: test again"),
        (np.zeros((3, 1), np.int64), r"holds int64 \(3, 1\)"),
        (np.zeros(3), r"holds float64 \(3,\)"),
        (np.array([0, 1, 20]), "has labels from 0 to 20, the benchmark has 20 classes"),
        (np.array([0, 1, -1]), "has labels from -1 to 1"),
    ],
)
def test_predictions_that_are_not_the_scenes_are_refused(
    tmp_path: Path, labels: np.ndarray, text: str
) -> None:
    np.save(tmp_path / "scene0707_00_pred.npy", labels)
    with pytest.raises(ValueError, match=rf"scene0707_00_pred.npy {text}"):
        write_submission(tmp_path, {"scene0707_00": 3}, "ScanNetDataset")
    assert not (tmp_path / "submission.zip").exists()


def test_missing_and_damaged_predictions_and_other_data_sets_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"scene0707_00_pred.npy is missing: test again"):
        write_submission(tmp_path, {"scene0707_00": 3}, "ScanNetDataset")
    (tmp_path / "scene0707_00_pred.npy").write_bytes(b"\x93NUMPY")
    with pytest.raises(ValueError, match=r"scene0707_00_pred.npy: not a whole .npy array"):
        write_submission(tmp_path, {"scene0707_00": 3}, "ScanNetDataset")
    with pytest.raises(ValueError, match="S3DISDataset has no benchmark to submit to: ScanNetDataset and"):
        write_submission(tmp_path, {"scene0707_00": 3}, "S3DISDataset")


def test_a_right_zip_has_no_problems(tmp_path: Path) -> None:
    points = dict.fromkeys(TEST_SCENES, 3)
    file = zipped(tmp_path / "a.zip", whole())
    assert validate_submission(file, "ScanNetDataset", points) == validate_submission(file) == []
    windows = zipped(tmp_path / "b.zip", dict.fromkeys(whole(), b"1\r\n2\r\n39"))
    assert validate_submission(windows, "ScanNetDataset", points) == []
    raw = zipped(tmp_path / "c.zip", dict.fromkeys(whole(), b"1191\n3\n"))
    assert validate_submission(raw) == []


@pytest.mark.parametrize(
    ("texts", "problem"),
    [
        (whole(scene0750_00=None), "1 is missing, of the benchmark's 100 test scenes: scene0750_00"),
        (
            whole(scene0000_00=b"1\n"),
            "1 is not among the benchmark's test scenes (only these can be uploaded): scene0000_00",
        ),
        (whole(scene0707_00=b"1\n2\n"), "scene0707_00.txt has 2 lines, but the scene has 3 points"),
        (
            whole(scene0707_00=b"0\n2\n0\n"),
            "scene0707_00.txt: 2 lines are no id of the 20 classes, such as '0'",
        ),
        (
            whole(scene0707_00=b"1\n\n3\n"),
            "scene0707_00.txt: 1 lines are no id of the 20 classes, such as ''",
        ),
        (
            whole(scene0707_00=b"1 2\n1\n1\n"),
            "scene0707_00.txt: 1 lines are no id of the 20 classes, such as '1 2'",
        ),
        (
            whole(scene0707_00=b"1.0\n1\n1\n"),
            "scene0707_00.txt: 1 lines are no id of the 20 classes, such as '1.0'",
        ),
        (
            whole(scene0707_00=b"\xff\xfe\n1\n1"),
            "scene0707_00.txt: 1 lines are no id of the 20 classes, such as '\ufffd\ufffd'",
        ),
        ({**whole(), "__MACOSX/x.txt": b""}, "1 is no SCENE.txt at the top level of the zip: __MACOSX/x.txt"),
        ({**whole(), "readme.md": b""}, "1 is no SCENE.txt at the top level of the zip: readme.md"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, texts: dict[str, bytes], problem: str) -> None:
    points = dict.fromkeys(TEST_SCENES, 3)
    assert validate_submission(zipped(tmp_path / "a.zip", texts), "ScanNetDataset", points) == [problem]


def test_files_in_a_folder_are_not_found_by_the_benchmark(tmp_path: Path) -> None:
    file = zipped(tmp_path / "a.zip", {f"submit/{name}": text for name, text in whole().items()})
    problems = validate_submission(file)
    assert problems[0].startswith("100 are no SCENE.txt at the top level of the zip: submit/scene0707_00.txt")
    assert problems[1].startswith("100 are missing")


def test_ids_of_the_other_benchmark_are_told_where_the_benchmark_is(tmp_path: Path) -> None:
    file = zipped(tmp_path / "a.zip", dict.fromkeys(whole(), b"1191\n"))
    problems = validate_submission(file, "ScanNetDataset")
    assert problems[0] == "scene0707_00.txt: 1 lines are no id of the 20 classes, such as '1191'"
    assert len(problems) == 100
    with pytest.raises(ValueError, match=r"scene0711_00.txt: 1 lines .* and 95 more"):
        invoke("submit", "--check", str(file), "-d", "scannet")


def test_damaged_and_missing_zips(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="there is no submission"):
        validate_submission(tmp_path / "a.zip")
    (tmp_path / "a.zip").write_bytes(b"scene0707_00")
    assert "is no whole zip file" in validate_submission(tmp_path / "a.zip")[0]
    content = bytearray(zipped(tmp_path / "b.zip", whole()).read_bytes())
    content[content.index(b"1\n2\n39\n")] = ord("2")
    (tmp_path / "b.zip").write_bytes(content)
    assert validate_submission(tmp_path / "b.zip") == [
        "scene0707_00.txt cannot be read (Bad CRC-32 for file 'scene0707_00.txt')",
    ]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_scene_that_is_there_twice(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name, text in [*whole().items(), ("scene0707_00.txt", b"1\n")]:
            archive.writestr(name, text)
    assert validate_submission(tmp_path / "a.zip") == ["1 is there twice: scene0707_00"]


@settings(max_examples=60, deadline=None)
@given(
    lines=st.lists(
        st.sampled_from([b"1", b"39", b"13", b"0", b"-1", b"1e1", b" 2", b"x" * 30]),
        min_size=1,
        max_size=9,
    ),
    end=st.sampled_from([b"", b"\n"]),
)
def test_only_lines_of_one_legal_id_pass(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], end: bytes
) -> None:
    text = b"\n".join(lines) + end * bool(lines)
    file = zipped(tmp_path_factory.mktemp("zip") / "a.zip", whole(scene0707_00=text))
    problems = validate_submission(file, "ScanNetDataset", {"scene0707_00": len(lines)})
    wrong = sum(line not in (b"1", b"39") for line in lines)
    expected = [f"scene0707_00.txt: {wrong} lines are no id of the 20 classes"] if wrong else []
    assert [problem.partition(", such as")[0] for problem in problems] == expected


def test_a_finished_test_is_submitted_without_predicting_again(tmp_path: Path) -> None:
    run = finished_run(tmp_path)
    assert submit_run(run).describe().endswith("it can be uploaded")
    run.config.unlink()
    assert submit_run(run, tmp_path / "scans").problems == ()
    with pytest.raises(ValueError, match="nowhere: no such folder, so that points cannot be counted"):
        submit_run(run, tmp_path / "nowhere")


def test_what_keeps_a_run_from_being_submitted(tmp_path: Path) -> None:
    run = finished_run(tmp_path)
    scene = tmp_path / "scans" / "test" / "scene0707_00"
    coord = np.load(scene / "coord.npy")
    np.save(scene / "coord.npy", np.zeros((len(coord) + 1, 3), np.float32))
    with pytest.raises(ValueError, match=f"scene0707_00 had {len(coord)} points when it was tested, and has"):
        submit_run(run)
    summary = json.loads(run.test_summary.read_text())
    run.test_summary.write_text(json.dumps({**summary, "classes": ["wall"]}))
    with pytest.raises(ValueError, match=r"test.json has 1 classes, the benchmark 20"):
        submit_run(run)
    run.test_summary.write_text(json.dumps({**summary, "provenance": {"dataset": "DefaultDataset"}}))
    with pytest.raises(ValueError, match="DefaultDataset has no benchmark"):
        submit_run(run)
    run.test_summary.unlink()
    with pytest.raises(ValueError, match=r"there is no .*test.json: .*first has no finished test"):
        submit_run(run)


def invoke(*words: str) -> str:
    """The command's output; ValueError as it raises it."""
    from ffnet3d import cli

    result = typer_testing.CliRunner().invoke(cli.app, words)
    if result.exception is not None:
        raise result.exception
    return str(result.output)


def test_the_command_makes_and_checks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = finished_run(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert "100 scenes" in invoke("submit", "-d", "scannet", "-n", "first")
    assert "it can be uploaded" in invoke("submit", str(run.root))
    file = str(run.result / "submission.zip")
    assert "can be uploaded: 100 scenes, lines not counted (-D ROOT does)" in invoke(
        "submit", "--check", file
    )
    named = invoke("submit", "--check", file, "-d", "scannet", "-D", "scans")
    assert named == f"{file} can be uploaded: 100 scenes, lines counted\n"
    zipped(run.result / "submission.zip", whole(scene0707_00=b"0\n"))
    with pytest.raises(ValueError, match=r"cannot be uploaded: .*scene0707_00.txt: 1 lines are no id"):
        invoke("submit", "--check", file)


def test_a_root_to_count_by_needs_all_test_scenes(tmp_path: Path) -> None:
    file = zipped(tmp_path / "a.zip", whole())
    check = ("submit", "--check", str(file), "-D", str(tmp_path / "root"))
    with pytest.raises(ValueError, match="root: no such folder, so that lines cannot be counted"):
        invoke(*check)
    (tmp_path / "root" / "test").mkdir(parents=True)
    with pytest.raises(ValueError, match=r"root has only 0 of the 100 test scenes .*; 100 are missing"):
        invoke(*check)
    (tmp_path / "root" / "test" / "scene0707_00").mkdir()
    np.save(tmp_path / "root" / "test" / "scene0707_00" / "coord.npy", np.zeros((4, 3)))
    with pytest.raises(ValueError, match=r"only 1 of .*0707_00.txt has 3 lines, but the scene has 4 points"):
        invoke(*check)


def test_an_empty_file_is_refused_without_points_and_a_folder_is_no_zip(tmp_path: Path) -> None:
    file = zipped(tmp_path / "a.zip", whole(scene0707_00=b""))
    assert validate_submission(file) == ["scene0707_00.txt is empty"]
    with pytest.raises(ValueError, match="is a folder: name the zip"):
        invoke("submit", "--check", str(tmp_path))


def test_the_data_set_that_was_guessed_is_said(tmp_path: Path) -> None:
    few = zipped(tmp_path / "a.zip", whole())
    assert "taken for scannet: 300 of its 300 lines are ids of the 20 classes" in invoke(
        "submit", "--check", str(few)
    )
    many = zipped(tmp_path / "b.zip", whole(scene0707_00=b"1191\n0\n"))
    with pytest.raises(
        ValueError,
        match=r"id of the 200 .*\(taken for scannet200: 298 of its 299 lines are .* the 200 classes",
    ):
        invoke("submit", "--check", str(many))


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ([], "name a tested run: its folder, or -d DATASET -n NAME"),
        (["run", "-n", "first"], "name a tested run"),
        (["-d", "scannet"], "name a tested run"),
        (["--check", "a.zip", "-d", "s3dis"], "-d s3dis: scannet and scannet200 have a benchmark"),
        (["run", "--check", "a.zip"], "--check takes a zip alone"),
        (["run"], "has no finished test"),
    ],
)
def test_the_commands_mistakes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], text: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=text):
        invoke("submit", *words)


def test_the_ids_are_those_of_the_benchmarks() -> None:
    assert (*range(1, 13), 14, 16, 24, 28, 33, 34, 36, 39) == SCANNET20_IDS
    assert (len(SCANNET200_IDS), SCANNET200_IDS[-1]) == (200, 1191)
    assert (len(TEST_SCENES), TEST_SCENES[0], TEST_SCENES[-1]) == (100, "scene0707_00", "scene0806_00")
