"""A worker of the queue: loads the network once, and does one scan after the other.

An output is made in a hidden folder of its own beside its place, and moved there when it is whole: workers
that are killed leave nothing half.
"""

from __future__ import annotations

import glob
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

from ffnet3d.segment.job import Job
from ffnet3d.segment.queue_record import is_finished, job_key, write_summary

PACKAGE = "ffnet3d"  # the logger whose lines a remote worker hands over
logger = logging.getLogger(__name__)

Work: TypeAlias = Callable[[Job], Mapping[str, Any]]
"""Segments `job.scan`, writes `job.out` and returns the summary, for JSON; the queue writes that. Other files
that it writes beside `job.out` are kept too. ValueError or OSError for a scan that cannot be segmented."""

Start: TypeAlias = Callable[[], Work]
"""Loads the network; picklable, as it runs in every worker."""


@dataclass(frozen=True)
class Answer:
    """What became of a job.

    Args:
        error: why it is not done; None where it is.
        fatal: no other job can be done either.
        lines: (logger, level, text) logged in another process on the way.
    """

    error: str | None = None
    fatal: bool = False
    lines: tuple[tuple[str, int, str], ...] = ()


class Worker:
    """Does jobs in this process."""

    def __init__(self, start: Start, key: str) -> None:
        self._start = start
        self._key = key
        self._work: Work | None = None

    def load(self) -> Answer:
        """Load the network, where that is not done yet."""
        try:
            if self._work is None:
                self._work = self._start()
        except Exception as error:
            logger.debug("the network cannot be loaded", exc_info=error)
            return Answer(_reason(error), fatal=True)
        return Answer()

    def do(self, job: Job) -> Answer:
        """Write the job's output, then its summary; an error of whatever kind is this job's alone."""
        loaded = self.load()
        if loaded.error is not None or self._work is None:
            return loaded
        if is_finished(job, self._key):  # by a worker that was lost before it could say so
            return Answer()
        try:
            _make(job, self._work, self._key)
        except Exception as error:
            logger.debug("%s failed", job.scan, exc_info=error)
            return Answer(_reason(error))
        return Answer()


class RemoteWorker(Worker):
    """Does jobs in another process, and hands its log lines over with the answers."""

    def load(self) -> Answer:
        """See Worker."""
        with _collected() as lines:
            answer = super().load()
        return replace(answer, lines=tuple(lines))

    def do(self, job: Job) -> Answer:
        """See Worker."""
        with _collected() as lines:
            answer = super().do(job)
        return replace(answer, lines=tuple(lines))


def clear_leftovers(job: Job) -> None:
    """Remove what killed workers have left of this job."""
    for path in job.out.parent.glob(f".{glob.escape(job.out.name)}.????????"):
        shutil.rmtree(path, ignore_errors=True)


def _make(job: Job, work: Work, key: str) -> None:
    own_key = job_key(job, key)  # taken first: a scan that changes meanwhile shows later
    clear_leftovers(job)
    job.out.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{job.out.name}.", dir=job.out.parent))
    try:
        summary = _told_of(job.out.parent, staging, work(replace(job, out=staging / job.out.name)))
        job.summary.unlink(missing_ok=True)  # it would tell of another output
        _move(staging, job.out)
    except (ValueError, OSError) as error:
        raise ValueError(str(error).replace(str(staging), str(job.out.parent))) from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    write_summary(job, summary, own_key)


def _told_of(place: Path, staging: Path, summary: Mapping[str, Any]) -> dict[str, Any]:
    """The summary with the output's place for that where it was made."""
    made, moved = (json.dumps(str(path))[1:-1] for path in (staging, place))
    told: dict[str, Any] = json.loads(json.dumps(dict(summary)).replace(made, moved))
    return told


def _move(staging: Path, out: Path) -> None:
    """Bring what is in `staging` to its place, `out` itself last."""
    if not (staging / out.name).exists():
        raise RuntimeError(f"nothing was written to {out}")
    for path in sorted(staging.iterdir(), key=lambda path: path.name == out.name):
        place = out.parent / path.name
        if place.is_dir():
            os.replace(place, staging / f"{place.name}.former")
        os.replace(path, place)


def _reason(error: Exception) -> str:
    if isinstance(error, MemoryError):
        return "out of memory; where several --workers share it, use fewer"
    if isinstance(error, (ValueError, OSError, ImportError)):
        return str(error)
    return f"{type(error).__name__}: {error}"


@contextmanager
def _collected() -> Iterator[list[tuple[str, int, str]]]:
    """The package's log lines, from INFO up, in place of any output."""
    lines: list[tuple[str, int, str]] = []
    package, handler = logging.getLogger(PACKAGE), logging.Handler(logging.INFO)
    handler.emit = lambda record: lines.append((record.name, record.levelno, record.getMessage()))  # type: ignore[method-assign]
    package.setLevel(logging.INFO)
    package.propagate = False
    package.addHandler(handler)
    try:
        yield lines
    finally:
        package.removeHandler(handler)
