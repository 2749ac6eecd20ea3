"""Made-up scans and a made-up network for the tests of the queue, importable in worker processes.

A scan is a text file of numbers; its answer is their sum. A word in place of the numbers plays its part.
`python -m queue_toys SCANS OUT WORKERS` runs a queue.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from ffnet3d.segment.job import Job
from ffnet3d.segment.queue import QueueResult, run_queue
from ffnet3d.segment.queue_worker import Work, Worker

logger = logging.getLogger("ffnet3d.toys")


def write_scans(folder: Path, count: int) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"scan{number:03}.xyz" for number in range(count)]
    for number, file in enumerate(files):
        file.write_text(f"{number} 1 2\n")
    return files


def jobs_of(folder: Path, out: Path) -> list[Job]:
    files = sorted(folder.rglob("*.xyz"))
    return [Job(file, out / file.relative_to(folder)) for file in files]


def start(log: Path | None = None) -> Work:
    """Load the "network", and note in the folder `log` that it was loaded, and later each scan begun."""
    if log is not None:
        log.mkdir(exist_ok=True)
        _note(log / "loaded")
    return partial(work, log=log)


def broken_start() -> Work:
    raise ValueError("weights.pth: not a checkpoint")


def dying_start() -> Work:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def work(job: Job, log: Path | None) -> Mapping[str, Any]:
    if log is not None:
        _note(log / job.scan.stem)
    time.sleep(float(os.environ.get("QUEUE_TOYS_SECONDS", "0")))
    text = job.scan.read_text()
    job.out.write_text("half of it")
    _play(text.split()[0], job)
    numbers = [float(word) for word in text.split()[-3:]]
    job.out.write_text(f"{sum(numbers)}\n")
    logger.info("%s: %d numbers", job.scan.name, len(numbers))
    return {"sum": sum(numbers), "output": str(job.out)}


def _play(word: str, job: Job) -> None:
    flag = job.scan.with_suffix(".died")
    if word == "bad":
        raise ValueError(f"{job.scan}: not a number: 'bad'")
    if word == "huge":
        raise MemoryError
    if word == "bug":
        raise KeyError("unforeseen")
    if word == "full":
        raise OSError(28, f"cannot write {job.out}: No space left on device")
    if word == "dies-finished" and not flag.exists():
        flag.touch()
        Worker(start, "key").do(replace(job, out=job.out.parents[1] / job.out.name))
        os.kill(os.getpid(), signal.SIGKILL)
    if word == "dies" or (word == "dies-once" and not flag.exists()):
        flag.touch()
        os.kill(os.getpid(), signal.SIGKILL)


def _note(file: Path) -> None:
    with file.open("a") as stream:
        stream.write(f"{os.getpid()} {os.environ.get('OMP_NUM_THREADS')}\n")


def run(scans: Path, out: Path, workers: int = 1, key: str = "key", log: Path | None = None) -> QueueResult:
    return run_queue(jobs_of(scans, out), partial(start, log), key, out, workers)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    run(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
