"""The queue: nothing done twice, nothing stale, no half outputs, one bad scan stops no other."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

pytest.importorskip("tqdm", reason="pip install 'ffnet3d[train]'")
import queue_toys
from queue_toys import run, write_scans

from ffnet3d.segment.job import Job
from ffnet3d.segment.queue import QueueResult, run_queue
from ffnet3d.segment.queue_record import settings_key

TESTS = Path(__file__).parents[1]


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    write_scans(tmp_path / "in", 6)
    return tmp_path / "in"


def counts(result: QueueResult) -> tuple[int, int, int]:
    return len(result.done), len(result.kept), len(result.failed)


def stems(jobs: tuple[Job, ...]) -> list[str]:
    return [job.scan.stem for job in jobs]


def listed(out: Path) -> list[str]:
    """What failed.json lists."""
    return [Path(entry["scan"]).stem for entry in json.loads((out / "failed.json").read_text())]


def hidden(out: Path) -> list[Path]:
    return list(out.rglob(".*"))


def test_outputs_and_summaries(scans: Path, tmp_path: Path) -> None:
    assert counts(run(scans, tmp_path / "out")) == (6, 0, 0)
    assert (tmp_path / "out/scan004.xyz").read_text() == "7.0\n"
    summary = json.loads((tmp_path / "out/scan004.json").read_text())
    assert summary["sum"] == 7
    assert summary["output"] == str(tmp_path / "out/scan004.xyz")
    assert summary["queue"]["bytes"] == 4
    assert not hidden(tmp_path / "out")
    assert not (tmp_path / "out/failed.json").exists()


def test_a_second_call_keeps_everything(scans: Path, tmp_path: Path) -> None:
    run(scans, tmp_path / "out")
    times = {file: file.stat().st_mtime_ns for file in (tmp_path / "out").iterdir()}
    assert counts(run(scans, tmp_path / "out", log=tmp_path / "log")) == (0, 6, 0)
    assert {file: file.stat().st_mtime_ns for file in (tmp_path / "out").iterdir()} == times
    assert not (tmp_path / "log").exists()  # not even the network was loaded


def test_what_changed_is_done_again(scans: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(scans, out)
    (scans / "scan001.xyz").write_text("9 1 2\n")
    (out / "scan003.xyz").unlink()
    (out / "scan004.xyz").write_text("cut")
    (out / "scan005.json").write_text("{")
    result = run(scans, out)
    assert stems(result.done) == ["scan001", "scan003", "scan004", "scan005"]
    assert (out / "scan001.xyz").read_text() == "12.0\n"
    assert counts(run(scans, out, key="other options")) == (6, 0, 0)


def test_scan_with_the_size_it_had_but_another_time_is_done_again(scans: Path, tmp_path: Path) -> None:
    run(scans, tmp_path / "out")
    (scans / "scan001.xyz").write_text("7 1 2\n")
    assert stems(run(scans, tmp_path / "out").done) == ["scan001"]


def test_two_hundred_scans_some_of_them_bad(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    files = write_scans(tmp_path / "in", 200)
    for number, word in ((3, "bad"), (50, "huge"), (51, "bug"), (120, "full"), (199, "bad")):
        files[number].write_text(word)
    out = tmp_path / "out"
    with caplog.at_level(logging.INFO, "ffnet3d"):
        result = run(tmp_path / "in", out)
    assert counts(result) == (195, 0, 5)
    assert listed(out) == ["scan003", "scan050", "scan051", "scan120", "scan199"]
    assert [file.stem for file in sorted(out.glob("*.xyz"))] == stems(result.done)
    errors = {one.job.scan.stem: one.error for one in result.failed}
    assert errors["scan003"] == f"{files[3]}: not a number: 'bad'"
    assert "out of memory" in errors["scan050"]
    assert errors["scan051"] == "KeyError: 'unforeseen'"
    assert errors["scan120"].endswith(f"cannot write {out / 'scan120.xyz'}: No space left on device")
    said = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert len(said) == 5
    assert all("scan" in line for line in said)
    assert caplog.messages[-1] == f"195 scans segmented, 0 kept, 5 failed (listed in {out / 'failed.json'})"
    assert not hidden(out)


def test_failures_are_tried_again_and_leave_the_list(scans: Path, tmp_path: Path) -> None:
    for number in (1, 2):
        (scans / f"scan00{number}.xyz").write_text("bad")
    run(scans, tmp_path / "out")
    (scans / "scan001.xyz").write_text("1 1 1")
    assert counts(run(scans, tmp_path / "out")) == (1, 4, 1)
    assert listed(tmp_path / "out") == ["scan002"]
    (scans / "scan002.xyz").write_text("1 1 1")
    assert counts(run(scans, tmp_path / "out")) == (1, 5, 0)
    assert not (tmp_path / "out/failed.json").exists()


def test_answers_of_other_scans_stay_listed(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_scans(tmp_path / name, 1)[0].write_text("bad")
        run(tmp_path / name, tmp_path / "out")
    assert len(listed(tmp_path / "out")) == 2


def test_former_answer_of_a_scan_that_now_fails_stays(scans: Path, tmp_path: Path) -> None:
    run(scans, tmp_path / "out")
    (scans / "scan001.xyz").write_text("bad")
    assert counts(run(scans, tmp_path / "out")) == (0, 5, 1)
    assert (tmp_path / "out/scan001.xyz").read_text() == "4.0\n"


def test_equal_names_in_different_folders(tmp_path: Path) -> None:
    for name in ("a", "a/b", "c"):
        write_scans(tmp_path / "in" / name, 1)
    (tmp_path / "in/a/b/scan000.xyz").write_text("bad")
    result = run(tmp_path / "in", tmp_path / "out")
    assert counts(result) == (2, 0, 1)
    assert (tmp_path / "out/a/scan000.json").exists()
    assert (tmp_path / "out/c/scan000.xyz").exists()


def test_scene_folders_are_replaced_whole(tmp_path: Path) -> None:
    scene = tmp_path / "room"
    scene.mkdir()
    (scene / "coord.npy").write_text("1")

    def work(job: Job) -> dict[str, int]:
        job.out.mkdir()
        for name in json.loads((scene / "coord.npy").read_text()) if "[" in _text(scene) else ["segment"]:
            (job.out / f"{name}.npy").write_text("labels")
        (job.out.parent / "legend.txt").write_text("wall floor")
        return {}

    job = Job(scene, tmp_path / "out/room")
    again = partial(run_queue, [job], lambda: work, "key", tmp_path / "out")
    assert counts(again()) == (1, 0, 0)
    assert counts(again()) == (0, 1, 0)
    assert (tmp_path / "out/legend.txt").exists()  # written beside the output
    assert (tmp_path / "out/room.json").exists()
    (scene / "coord.npy").write_text('["other"]')
    assert counts(again()) == (1, 0, 0)
    assert [file.name for file in (tmp_path / "out/room").iterdir()] == ["other.npy"]
    (tmp_path / "out/room/other.npy").write_text("cut")
    assert counts(again()) == (1, 0, 0)


def _text(scene: Path) -> str:
    return (scene / "coord.npy").read_text()


def test_work_that_writes_nothing_has_failed(scans: Path, tmp_path: Path) -> None:
    jobs = queue_toys.jobs_of(scans, tmp_path / "out")[:1]
    result = run_queue(jobs, lambda: lambda _: {}, "key", tmp_path / "out")
    assert "nothing was written to" in result.failed[0].error
    assert not jobs[0].summary.exists()


@pytest.mark.parametrize("workers", [1, 2])
def test_network_that_cannot_be_loaded_stops_the_queue(scans: Path, tmp_path: Path, workers: int) -> None:
    jobs = queue_toys.jobs_of(scans, tmp_path / "out")
    with pytest.raises(ValueError, match=r"weights\.pth: not a checkpoint"):
        run_queue(jobs, queue_toys.broken_start, "key", tmp_path / "out", workers)
    assert not (tmp_path / "out/failed.json").exists()
    with pytest.raises(ValueError, match="workers must be 1 or more, got 0"):
        run_queue(jobs, queue_toys.start, "key", tmp_path / "out", 0)


def test_several_processes(
    scans: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One load a process, its share of the cores, log lines here; a killed process costs its scan only."""
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr("ffnet3d.segment.queue.usable_cores", lambda: 6)
    (scans / "scan000.xyz").write_text("dies")
    (scans / "scan001.xyz").write_text("dies-once 4 1 2")
    (scans / "scan002.xyz").write_text("bad")
    out, log = tmp_path / "out", tmp_path / "log"
    with caplog.at_level(logging.INFO, "ffnet3d"):
        result = run(scans, out, workers=2, log=log)
    assert sorted(stems(result.done)) == ["scan001", "scan003", "scan004", "scan005"]
    assert listed(out) == ["scan000", "scan002"]
    errors = {one.job.scan.stem: one.error for one in result.failed}
    assert "its process was killed by signal 9" in errors["scan000"]
    assert len((log / "scan000").read_text().splitlines()) == 2  # tried once more
    assert (out / "scan001.xyz").read_text() == "7.0\n"
    assert "scan003.xyz: 3 numbers" in caplog.messages
    begun = [line.split() for name in ("scan003", "scan004", "scan005") for line in _lines(log / name)]
    assert {threads for _, threads in begun} == {"3"}
    assert _lines(log / "scan000")[1].split()[1] == "6"  # alone, with all cores
    processes = [line.split()[0] for line in _lines(log / "loaded")]
    assert len(set(processes)) == len(processes)
    assert "OMP_NUM_THREADS" not in os.environ
    assert not hidden(out)


def _lines(file: Path) -> list[str]:
    return file.read_text().splitlines()


def _start_slowly(scans: Path, out: Path, workers: int, seconds: str) -> subprocess.Popen:
    """A queue in a process of its own, once its first outputs are there."""
    search = [str(TESTS), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(search), "QUEUE_TOYS_SECONDS": seconds}
    command = [sys.executable, "-m", "queue_toys", str(scans), str(out), str(workers)]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while len(list(out.glob("*.json"))) < 3 and time.monotonic() < deadline:
        assert process.poll() is None, process.stderr and process.stderr.read()
        time.sleep(0.02)
    return process


@pytest.mark.parametrize("workers", [1, 2])
def test_killed_queue_goes_on_where_it_was(tmp_path: Path, workers: int) -> None:
    scans, out = tmp_path / "in", tmp_path / "out"
    write_scans(scans, 40)
    process = _start_slowly(scans, out, workers, "0.1")
    process.kill()
    process.communicate()  # returns when its children, which have the pipe too, are gone
    there = {file.stem for file in out.glob("*.json")}
    assert 3 <= len(there) < 40
    result = run(scans, out)
    assert set(stems(result.kept)) == there
    assert counts(result) == (40 - len(there), len(there), 0)
    assert (out / "scan039.xyz").read_text() == "42.0\n"
    assert not hidden(out)


@pytest.mark.parametrize("workers", [1, 2])
def test_interrupted_queue_says_how_to_go_on(tmp_path: Path, workers: int) -> None:
    scans, out = tmp_path / "in", tmp_path / "out"
    write_scans(scans, 40)
    process = _start_slowly(scans, out, workers, "0.1")
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode != 0
    there = len(list(out.glob("*.json")))
    assert "of 40 scans are done; the same command goes on from there" in said
    assert counts(run(scans, out))[1] == there


def test_settings_key_follows_weights_and_options(tmp_path: Path) -> None:
    weights = tmp_path / "weights.pth"
    weights.write_bytes(b"one")
    key = settings_key([weights], {"unit": "m"})
    assert settings_key([weights], {"unit": "m"}) == key
    assert settings_key([weights], {"unit": "mm"}) != key
    weights.write_bytes(b"two")
    assert settings_key([weights], {"unit": "m"}) != key


def test_imports_without_torch() -> None:
    code = "import sys, ffnet3d.segment.queue, ffnet3d.segment.ray_queue; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
