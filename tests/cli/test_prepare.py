"""`ffnet3d prepare`: what it says, and its exit status."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("typer", reason="pip install 'ffnet3d[cli]'")
pytest.importorskip("tqdm", reason="pip install 'ffnet3d[train]'")
from toy_scans import list_jobs, make, run, write_scans
from typer import Exit
from typer.testing import CliRunner

from ffnet3d import cli
from ffnet3d.cli.prepare import chosen_workers, report
from ffnet3d.data.prepare import Prepared, SceneJob, prepare, scannet


def many_repairs(job: SceneJob) -> Prepared:
    return Prepared(make(job).arrays, tuple(f"{job.name}.txt:{line}: {line} mended" for line in range(9)))


def kinds_of_repairs(job: SceneJob) -> Prepared:
    return Prepared(make(job).arrays, tuple(f"a/b.txt: {'x' * number}" for number in range(23)))


def test_a_summary_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_scans(tmp_path / "raw", 4)
    jobs = list_jobs(tmp_path / "raw")
    prepare(jobs[:1], many_repairs, tmp_path / "out", dataset="toys", version=1, workers=0)
    report(prepare(jobs, many_repairs, tmp_path / "out", dataset="toys", version=1, workers=0))
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        "train: 2 prepared, 0 skipped, 0 failed",
        "val: 1 prepared, 1 skipped, 0 failed",
        "Repairs (36, all in the manifest):",
        "  scan0.txt:0: 0 mended (and 35 alike)",
        f"Manifest: {tmp_path / 'out/manifest.json'}",
    ]


def test_notes_and_many_kinds_of_repairs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_scans(tmp_path / "raw", 1)
    jobs = list_jobs(tmp_path / "raw")
    summary = prepare(jobs, kinds_of_repairs, tmp_path / "out", dataset="toys", version=1, workers=0)
    report(replace(summary, notes=("all is well",)))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + 1 + 20 + 3
    assert lines[-3] == "  ... and 3 kinds more"
    assert lines[-1] == "NOTE: all is well"


def test_broken_scans_end_in_status_2(tmp_path: Path) -> None:
    scan = tmp_path / "raw/scans/scene0000_00"
    scan.mkdir(parents=True)
    (scan / "scene0000_00_vh_clean_2.ply").write_text("no mesh")
    words = ["prepare", "scannet", str(tmp_path / "raw"), str(tmp_path / "out"), "--workers", "1"]
    result = CliRunner().invoke(cli.app, words)
    assert result.exit_code == 2
    assert "train: 0 prepared, 0 skipped, 1 failed" in result.output
    assert "Failed (1):" in result.output
    assert "scene0000_00_vh_clean_2.ply: not a PLY file" in result.output


def test_failures_beside_whole_scenes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_scans(tmp_path / "raw", 2)
    (tmp_path / "raw/scan0.txt").write_text("broken")
    with pytest.raises(Exit):
        report(run(tmp_path / "raw", tmp_path / "out"))
    assert "Failed (1), all others are whole:\n  scan0: " in capsys.readouterr().err


@pytest.mark.parametrize("name", ["scannet", "scannet200", "ScanNet200"])
def test_both_words_are_one_preparation(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[object, ...]] = []

    def stand_in(*folders: Path, **options: object) -> object:
        asked.append((*folders, options["labels"], options["workers"]))
        return prepare([], make, tmp_path / "out", dataset="toys", version=1)

    monkeypatch.setattr(scannet, "prepare_scannet", stand_in)
    result = CliRunner().invoke(
        cli.app, ["prepare", name, "raw", "out", "--labels", "a.tsv", "--workers", "3"]
    )
    assert result.exit_code == 0, result.output
    assert asked == [(Path("raw"), Path("out"), Path("a.tsv"), 3)]


def test_workers() -> None:
    assert chosen_workers(None) >= 1
    assert chosen_workers(5) == 5
    with pytest.raises(ValueError, match="--workers must be 1 or more, got 0"):
        chosen_workers(0)
