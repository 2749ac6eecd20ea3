"""A queue of scans: resumable, each output whole or not there, and one bad scan stops no other."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from ffnet3d.processes import Lost, run_each, usable_cores
from ffnet3d.registry import require
from ffnet3d.segment.job import Job
from ffnet3d.segment.queue_failures import Failures
from ffnet3d.segment.queue_record import is_finished
from ffnet3d.segment.queue_worker import Answer, RemoteWorker, Start, Worker, clear_leftovers

logger = logging.getLogger(__name__)

Answers: TypeAlias = Generator[tuple[Job, Answer], None, None]
"""Each job once, with what became of it, as they are ready."""


@dataclass(frozen=True)
class Failed:
    """A job that could not be done, and why."""

    job: Job
    error: str

    def __str__(self) -> str:
        scan = str(self.job.scan)
        return self.error if scan in self.error else f"{scan}: {self.error}"


@dataclass(frozen=True)
class QueueResult:
    """What became of the jobs: done now, kept as they were done before, or failed."""

    done: tuple[Job, ...]
    kept: tuple[Job, ...]
    failed: tuple[Failed, ...]


def run_queue(jobs: Sequence[Job], start: Start, key: str, out: Path, workers: int = 1) -> QueueResult:
    """Do all jobs that are not done yet, and return when each is done or has failed.

    Args:
        jobs: as `find_jobs` gives them.
        start: loads the network, once in each process.
        key: `settings_key` of weights and options; another one, and all jobs are done again.
        out: folder for `failed.json`.
        workers: processes, which share the cores; 1 works in this one. A scan whose process dies is tried
            once more at the end, alone; with one worker the command dies with it.

    Raises ValueError where the network cannot be loaded, and for fewer than 1 workers.
    """
    if workers < 1:
        raise ValueError(f"workers must be 1 or more, got {workers}")
    return follow(jobs, key, out, partial(_in_processes, start=start, key=key, workers=workers))


def follow(jobs: Sequence[Job], key: str, out: Path, run: Callable[[Sequence[Job]], Answers]) -> QueueResult:
    """Have `run` do the jobs that are not done yet; keep the count, the progress bar and `failed.json`."""
    failures = Failures(out)
    kept = tuple(job for job in jobs if is_finished(job, key))
    for job in kept:
        failures.remove(job.scan)
    already = set(kept)
    todo = [job for job in jobs if job not in already]
    done: list[Job] = []
    failed: list[Failed] = []
    bar = require("tqdm", "train").tqdm(
        total=len(jobs), initial=len(kept), desc="segment", unit="scan", disable=None
    )
    try:
        with bar, closing(run(todo)) as answers:
            for job, answer in answers:
                _log_lines(answer)
                if answer.error is None or is_finished(job, key):  # or lost with the answer, not the work
                    done.append(job)
                    failures.remove(job.scan)
                else:
                    failed.append(_failed(job, answer, failures))
                bar.update()
                if bar.disable:
                    logger.info("%d of %d: %s", len(kept) + len(done) + len(failed), len(jobs), job.scan)
    except KeyboardInterrupt:
        there = len(kept) + len(done)
        logger.warning(
            "stopped: %d of %d scans are done; the same command goes on from there", there, len(jobs)
        )
        raise
    _log_end(done, kept, failed, failures.file)
    return QueueResult(tuple(done), kept, tuple(failed))


def _failed(job: Job, answer: Answer, failures: Failures) -> Failed:
    """Say and record a failure; ValueError where it is one of all jobs."""
    error = answer.error or ""
    if answer.fatal:
        raise ValueError(error)
    failed = Failed(job, error)
    logger.error("%s", failed)
    failures.add(job.scan, error)
    clear_leftovers(job)
    return failed


def _log_lines(answer: Answer) -> None:
    for name, level, text in answer.lines:
        logging.getLogger(name).log(level, "%s", text)


def _log_end(done: Sequence[Job], kept: Sequence[Job], failed: Sequence[Failed], file: Path) -> None:
    listed = f" (listed in {file})" if failed else ""
    logger.info("%d scans segmented, %d kept, %d failed%s", len(done), len(kept), len(failed), listed)


def _in_processes(jobs: Sequence[Job], start: Start, key: str, workers: int) -> Answers:
    if workers == 1:
        yield from _answered(run_each(Worker(start, key).do, jobs, 0))
        return
    work = RemoteWorker(start, key).do
    lost = []
    for job, answer in run_each(work, jobs, min(workers, len(jobs)), max(1, usable_cores() // workers)):
        if isinstance(answer, Lost):
            logger.warning("%s: %s; it is tried once more at the end, alone", job.scan, answer)
            lost.append(job)
        else:
            yield job, answer
    yield from _answered(run_each(work, lost, min(1, len(lost)), usable_cores()))


def _answered(results: Iterator[tuple[Job, Any]]) -> Answers:
    """The results, with a lost process as the error that it is."""
    for job, answer in results:
        yield job, Answer(str(answer)) if isinstance(answer, Lost) else answer
