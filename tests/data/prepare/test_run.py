"""The runner: whole scenes or none, nothing made twice, nothing stale, one broken scan stops no other."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tqdm", reason="pip install 'ffnet3d[train]'")
from toy_scans import list_jobs, make, run, write_scans

from ffnet3d.data.prepare import prepare
from ffnet3d.data.splits import list_scenes

TESTS = Path(__file__).parents[2]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    write_scans(tmp_path / "raw", 5)
    return tmp_path / "raw"


def names(outcomes: list) -> list[str]:
    return [outcome.job.name for outcome in outcomes]


def test_scenes_records_and_manifest(source: Path, tmp_path: Path) -> None:
    summary = run(source, tmp_path / "out")
    assert names(summary.of("prepared")) == [f"scan{number}" for number in range(5)]
    assert names(summary.of("prepared", "val")) == ["scan0", "scan3"]
    assert summary.splits == ["train", "val"]
    rows = np.loadtxt(source / "scan1.txt")
    coord = np.load(tmp_path / "out/train/scan1/coord.npy")
    np.testing.assert_array_equal(coord, rows[:, :3].astype(np.float32))

    manifest = json.loads(summary.manifest.read_text())
    scene = manifest["scenes"]["train/scan1"]
    assert scene["points"] == 200
    assert scene["labels"]["segment"] == {
        str(label): int((rows[:, 3] == label).sum()) for label in range(-1, 4)
    }
    digest = hashlib.sha256((tmp_path / "out/train/scan1/coord.npy").read_bytes()).hexdigest()
    assert scene["files"]["coord.npy"]["sha256"] == digest
    assert scene["repairs"] == ["scan1.txt:1: a made-up defect"]
    assert manifest["totals"]["points"] == 1000
    assert manifest["totals"]["splits"]["val"]["scenes"] == 2
    assert str(tmp_path) not in summary.manifest.read_text()


def test_the_readers_of_data_roots_see_scenes_only(source: Path, tmp_path: Path) -> None:
    run(source, tmp_path / "out")
    assert [folder.name for folder in list_scenes(tmp_path / "out", "train")] == ["scan1", "scan2", "scan4"]


def test_a_second_run_keeps_everything(source: Path, tmp_path: Path) -> None:
    first = run(source, tmp_path / "out")
    times = {file: file.stat().st_mtime_ns for file in (tmp_path / "out").rglob("*.npy")}
    second = run(source, tmp_path / "out")
    assert len(second.of("skipped")) == 5
    assert [one.repairs for one in second.outcomes] == [one.repairs for one in first.outcomes]
    assert {file: file.stat().st_mtime_ns for file in times} == times


def test_changed_sources_versions_and_damage_are_made_again(source: Path, tmp_path: Path) -> None:
    run(source, tmp_path / "out")
    write_scans(source, 1)  # scan0 anew: another time
    (tmp_path / "out/train/scan2/coord.npy").unlink()
    (tmp_path / "out/train/scan4/coord.npy").write_bytes(b"cut off")
    assert names(run(source, tmp_path / "out").of("prepared")) == ["scan0", "scan2", "scan4"]
    coord = tmp_path / "out/train/scan1/coord.npy"
    coord.write_bytes(coord.read_bytes()[::-1])  # damage of the same size
    assert names(run(source, tmp_path / "out").of("prepared")) == ["scan1"]
    assert len(run(source, tmp_path / "out", version=2).of("prepared")) == 5
    other = prepare(
        list_jobs(source), make, tmp_path / "out", dataset="toys", version=2, options={"a": 1}, workers=0
    )
    assert len(other.of("prepared")) == 5


def test_broken_scans_are_named_and_stop_nothing(source: Path, tmp_path: Path) -> None:
    (source / "scan1.txt").write_text("broken")
    (source / "scan2.txt").write_text("bug")
    summary = run(source, tmp_path / "out")
    assert names(summary.of("prepared")) == ["scan0", "scan3", "scan4"]
    broken, bug = summary.of("failed")
    assert broken.message == f"{source / 'scan1.txt'}:1: not a number: 'broken'"
    assert bug.message == f"KeyError: 'unforeseen' (in {source / 'scan2.txt'})"
    manifest = json.loads(summary.manifest.read_text())
    assert list(manifest["scenes"]) == ["train/scan4", "val/scan0", "val/scan3"]
    assert manifest["failed"] == {
        "train/scan1": "scan1.txt:1: not a number: 'broken'",
        "train/scan2": "KeyError: 'unforeseen' (in scan2.txt)",
    }


def test_a_scan_that_broke_since_is_not_vouched_for(source: Path, tmp_path: Path) -> None:
    run(source, tmp_path / "out")
    (source / "scan1.txt").write_text("broken")
    summary = run(source, tmp_path / "out")
    assert "train/scan1, of an earlier preparation, stays as it was" in summary.of("failed")[0].message
    manifest = json.loads(summary.manifest.read_text())
    assert "train/scan1" not in manifest["scenes"]
    assert manifest["failed"] == {"train/scan1": "scan1.txt:1: not a number: 'broken'"}


def test_a_scan_that_vanished_is_named(source: Path, tmp_path: Path) -> None:
    jobs = list_jobs(source)
    prepare(jobs[:2], make, tmp_path / "out", dataset="toys", version=1, workers=0)
    (source / "scan1.txt").unlink()
    summary = prepare(jobs, make, tmp_path / "out", dataset="toys", version=1, workers=0)
    message = f"{source}: there is no scan1.txt: download it again; {tmp_path}/out/train/scan1, of an earlier"
    assert summary.of("failed")[0].message.startswith(message)
    assert [len(summary.of(state)) for state in ("prepared", "skipped")] == [3, 1]
    manifest = json.loads(summary.manifest.read_text())
    assert (len(manifest["scenes"]), list(manifest["failed"])) == (4, ["train/scan1"])


def test_workers_change_nothing_and_may_be_killed(source: Path, tmp_path: Path) -> None:
    alone = run(source, tmp_path / "alone")
    (source / "scan5.txt").write_text("die")
    summary = run(source, tmp_path / "out", workers=2)
    assert names(summary.of("failed")) == ["scan5"]
    assert "its process was killed by signal 9; where memory ran out" in summary.of("failed")[0].message
    manifest, expected = (json.loads(one.manifest.read_text()) for one in (summary, alone))
    assert list(manifest.pop("failed")) == ["train/scan5"]
    assert expected.pop("failed") == {}
    assert manifest == expected


def test_killed_and_started_again_it_ends_the_same(source: Path, tmp_path: Path) -> None:
    whole = run(source, tmp_path / "whole")
    target = tmp_path / "out"
    environment = {**os.environ, "PYTHONPATH": str(TESTS), "TOY_SCANS_SECONDS": "0.3"}
    command = [sys.executable, "-m", "toy_scans", str(source), str(target), "1"]
    with subprocess.Popen(command, env=environment) as process:
        while process.poll() is None and not list((target / ".prepared").rglob("scan*.json")):
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    (target / "train").mkdir(exist_ok=True)
    (target / "train/.scan4.abcd_123").mkdir()  # as write_scene leaves it when killed
    assert not (target / "manifest.json").exists()

    summary = run(source, target)
    assert summary.of("skipped")
    assert summary.of("prepared")
    assert summary.manifest.read_bytes() == whole.manifest.read_bytes()
    ours, theirs = (
        {file.relative_to(root): file.read_bytes() for file in root.rglob("*.npy")}
        for root in (target, tmp_path / "whole")
    )
    assert ours == theirs
    assert not (target / "train/.scan4.abcd_123").exists()


def test_a_later_part_joins_the_manifest(source: Path, tmp_path: Path) -> None:
    jobs = list_jobs(source)
    for part in (jobs[:2], jobs[2:]):
        summary = prepare(part, make, tmp_path / "parts", dataset="toys", version=1, workers=0)
    assert summary.manifest.read_bytes() == run(source, tmp_path / "out").manifest.read_bytes()


def test_targets_of_others_are_refused(source: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/notes.txt").write_text("keep")
    with pytest.raises(ValueError, match=r"mine exists and was not begun by ffnet3d prepare: name a new"):
        run(source, tmp_path / "mine")
    run(source, tmp_path / "out")
    (tmp_path / "out/.prepared").rename(tmp_path / "gone")
    with pytest.raises(ValueError, match=r"out holds a manifest\.json but no \.prepared/, which .*delete it"):
        run(source, tmp_path / "out")
    (tmp_path / "gone").rename(tmp_path / "out/.prepared")
    with pytest.raises(ValueError, match="out holds toys, not scannet: name another folder"):
        prepare(list_jobs(source), make, tmp_path / "out", dataset="scannet", version=1, workers=0)


def test_what_is_to_do_is_said_first(source: Path, tmp_path: Path) -> None:
    said: list[str] = []
    jobs = list_jobs(source)
    for part in (jobs[:2], jobs):
        prepare(part, make, tmp_path / "out", dataset="toys", version=1, workers=0, say=said.append)
    assert said == [
        "toys: 2 scenes to prepare, 0 there already",
        "toys: 3 scenes to prepare, 2 there already",
    ]


def test_two_scans_for_one_target_and_negative_workers_are_refused(source: Path, tmp_path: Path) -> None:
    first, second, *_ = list_jobs(source)
    with pytest.raises(ValueError, match="two scans would be written to val/scan0"):
        prepare([first, replace(second, target=first.target)], make, tmp_path, dataset="toys", version=1)
    with pytest.raises(ValueError, match="workers must be 0 or more, got -1"):
        run(source, tmp_path / "out", workers=-1)
