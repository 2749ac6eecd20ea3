"""Scans that a command line names: found, each with a place of its own for its answer."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ffnet3d.segment.job import Job, find_jobs


def touch(*files: Path) -> None:
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("1 2 3\n")


def places(jobs: list[Job], out: Path) -> dict[str, str]:
    return {job.scan.name: job.out.relative_to(out).as_posix() for job in jobs}


def test_a_file_and_a_scene_folder(tmp_path: Path) -> None:
    touch(tmp_path / "a.PLY", tmp_path / "room.v2/coord.npy", tmp_path / "room.v2/color.npy")
    jobs = find_jobs([tmp_path / "a.PLY", tmp_path / "room.v2"], tmp_path / "out")
    assert [job.scan.name for job in jobs] == ["a.PLY", "room.v2"]
    assert [job.summary.name for job in jobs] == ["a.json", "room.v2.json"]
    assert {job.out.parent for job in jobs} == {tmp_path / "out"}


def test_folders_are_searched_and_keep_their_paths(tmp_path: Path) -> None:
    root, out = tmp_path / "in", tmp_path / "in/out"
    touch(root / "a.ply", root / "b/a.ply", root / "b/c/d.pcd", root / "scene/coord.npy", root / "notes.md")
    touch(root / ".hidden/e.ply", root / "b/.f.ply", out / "a.ply", out / "b/z.ply")
    jobs = find_jobs([root], out)
    assert [job.scan.relative_to(root).as_posix() for job in jobs] == [
        "a.ply",
        "b/a.ply",
        "b/c/d.pcd",
        "scene",
    ]
    assert [job.out.parent.relative_to(out).as_posix() for job in jobs] == [".", "b", "b/c", "."]


def test_format_of_the_answers(tmp_path: Path) -> None:
    touch(tmp_path / "a.xyz", tmp_path / "b.las")
    jobs = find_jobs([tmp_path / "a.xyz", tmp_path / "b.las"], tmp_path / "out", "ply")
    assert places(jobs, tmp_path / "out") == {"a.xyz": "a.ply", "b.las": "b.ply"}


def test_one_scan_may_have_a_file_for_its_answer(tmp_path: Path) -> None:
    touch(tmp_path / "in/b/a.ply")
    out = tmp_path / "labels.ply"
    assert [job.out for job in find_jobs([tmp_path / "in"], out)] == [out]
    touch(tmp_path / "in/c.ply")
    with pytest.raises(ValueError, match=r"labels\.ply names a file, but there are 2 scans: name a folder"):
        find_jobs([tmp_path / "in"], out)


def test_scan_named_twice_counts_once(tmp_path: Path) -> None:
    touch(tmp_path / "in/a.ply")
    jobs = find_jobs([tmp_path / "in", tmp_path / "in/a.ply", tmp_path / "in/../in"], tmp_path / "out")
    assert len(jobs) == 1


@pytest.mark.parametrize(
    ("names", "place"),
    [(("one/a.ply", "two/a.ply"), "a.ply"), (("one/a.ply", "two/a.pcd"), "a.json")],
)
def test_two_scans_for_one_place_are_refused(tmp_path: Path, names: tuple[str, str], place: str) -> None:
    files = [tmp_path / name for name in names]
    touch(*files)
    message = f"{files[0]} and {files[1]} would both be written to {tmp_path / 'out' / place}: rename one"
    with pytest.raises(ValueError, match=re.escape(message)):
        find_jobs(files, tmp_path / "out")
    with pytest.raises(ValueError, match="would both be written to"):
        find_jobs([tmp_path / "one", tmp_path / "two"], tmp_path / "out")
    assert len(find_jobs([tmp_path], tmp_path / "out")) == 2  # below the folder above both


def test_scans_are_not_overwritten(tmp_path: Path) -> None:
    touch(tmp_path / "in/a.ply")
    with pytest.raises(ValueError, match=r"a\.ply: the answer would overwrite the scan"):
        find_jobs([tmp_path / "in/a.ply"], tmp_path / "in")
    with pytest.raises(ValueError, match="in is searched for scans, and the output folder too"):
        find_jobs([tmp_path / "in"], tmp_path / "in", "ply")
    touch(tmp_path / "in/b/a.ply", tmp_path / "other/b/a.ply")
    with pytest.raises(ValueError, match=r"a\.ply would overwrite a scan: name another output folder"):
        find_jobs([tmp_path / "in", tmp_path / "other/b/a.ply"], tmp_path / "other")
    touch(tmp_path / "failed.ply")
    with pytest.raises(ValueError, match=r"failed\.ply: its summary would be failed\.json"):
        find_jobs([tmp_path / "failed.ply"], tmp_path / "out")


def test_nothing_found(tmp_path: Path) -> None:
    touch(tmp_path / "in/readme.md")
    with pytest.raises(ValueError, match=r"in holds no scan: needed are files .*\.ply"):
        find_jobs([tmp_path / "in"], tmp_path / "out")
    with pytest.raises(ValueError, match="nowhere: no such file or folder"):
        find_jobs([tmp_path / "nowhere"], tmp_path / "out")
