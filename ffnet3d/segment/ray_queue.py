"""The queue on Ray: cores of this machine, or of a cluster whose machines see the same files."""

from __future__ import annotations

import logging
import re
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ffnet3d.segment.job import Job
from ffnet3d.segment.queue import Answers, QueueResult, follow
from ffnet3d.segment.queue_worker import Answer, RemoteWorker, Start
from ffnet3d.segment.ray_cluster import core_share, joined

logger = logging.getLogger(__name__)

TRIES = 3
"""How often a scan is begun whose workers are lost, and how many workers in turn may die while they load."""

PATIENCE = 60.0
"""Seconds without any worker, after which that is said."""


def run_on_ray(
    jobs: Sequence[Job],
    start: Start,
    key: str,
    out: Path,
    *,
    address: str | None = None,
    workers: int | None = None,
    gpus: float = 0.0,
) -> QueueResult:
    """What `run_queue` does, with Ray's workers. Paths must lead to the same files on every machine.

    A worker loads the network once. When it is lost (killed, out of memory, its machine gone), a new one
    begins its scan again, `TRIES` times in all; a scan that was finished before the worker could say so is
    kept. An output is moved to its place by the worker that finishes it, and counts once.

    Args:
        jobs, start, key, out: as for `run_queue`; `start` must be importable on every machine.
        address: of a Ray cluster (`auto`, `host:6379`); None starts Ray on this machine's cores.
        workers: how many share the cores; None: one for each machine.
        gpus: Ray's share of a GPU for each worker; it sees no GPU at 0.

    Raises ImportError without Ray, ConnectionError for an address where none is, and ValueError where the
    network cannot be loaded, where workers die while they load it, and for more workers than cores.
    """
    with joined(address) as ray:
        cores = [int(node["Resources"].get("CPU", 0)) for node in ray.nodes() if node["Alive"]]
        share = core_share(cores, workers or sum(count > 0 for count in cores))
        number = workers or sum(count // share for count in cores)
        crew = _Crew(ray, RemoteWorker(start, key), {"num_cpus": share, "num_gpus": gpus})
        return follow(jobs, key, out, lambda todo: crew.work_off(todo, number))


class _Crew:
    """Workers on Ray, of which any may be lost."""

    def __init__(self, ray: Any, worker: RemoteWorker, resources: Mapping[str, float]) -> None:
        self._ray = ray
        self._actor = ray.remote(_Actor).options(**resources)
        self._worker = worker
        self._busy: dict[Any, tuple[Any, Job | None]] = {}  # answer to come -> who works, and at what
        self._waiting: deque[Job] = deque()
        self._begun: Counter[Job] = Counter()
        self._stillborn = 0

    def work_off(self, jobs: Sequence[Job], number: int) -> Answers:
        """Do the jobs with at most `number` workers."""
        self._waiting.extend(jobs)
        try:
            for _ in range(min(number, len(jobs))):
                self._hire()
            while self._waiting or any(job for _, job in self._busy.values()):
                yield from self._one_answer()
        finally:
            for actor, _ in self._busy.values():
                self._ray.kill(actor)

    def _one_answer(self) -> Iterator[tuple[Job, Answer]]:
        """Wait for one worker, give it or its successor the next job, and yield what is settled by that."""
        coming = self._wait()
        actor, job = self._busy.pop(coming)
        try:
            answer: Answer = self._ray.get(coming)
        except self._ray.exceptions.RayError as error:
            self._ray.kill(actor)  # it may be alive, and only out of reach
            yield from self._lost(job, _brief(error))
            return
        self._stillborn = 0
        if job is not None:
            yield job, answer
        elif answer.error is not None:
            raise ValueError(answer.error)
        self._hand(actor)

    def _wait(self) -> Any:
        while True:
            ready, _ = self._ray.wait(list(self._busy), num_returns=1, timeout=PATIENCE)
            if ready:
                return ready[0]
            if not any(job for _, job in self._busy.values()):
                logger.info("no worker has started yet: are there free cores in the Ray cluster?")

    def _hire(self) -> None:
        actor = self._actor.remote(self._worker)
        self._busy[actor.load.remote()] = (actor, None)

    def _hand(self, actor: Any) -> None:
        """Give a free worker the next job, or its leave."""
        if not self._waiting:
            self._ray.kill(actor)
            return
        job = self._waiting.popleft()
        self._begun[job] += 1
        self._busy[actor.do.remote(_absolute(job))] = (actor, job)

    def _lost(self, job: Job | None, how: str) -> Iterator[tuple[Job, Answer]]:
        """A worker is gone, with the job that it had in hand: the job is for another one, within limits."""
        if job is None:
            self._stillborn += 1
            if self._stillborn >= TRIES:
                raise ValueError(f"{TRIES} workers in turn were lost while they loaded the network: {how}")
        elif self._begun[job] >= TRIES:
            yield job, Answer(f"its worker was lost, {TRIES} times: {how}")
        else:
            logger.warning("%s: its worker was lost; it is begun again", job.scan)
            self._waiting.append(job)
        if self._waiting:
            self._hire()


class _Actor:
    """A worker as Ray makes it, in a process of its own."""

    def __init__(self, worker: RemoteWorker) -> None:
        self._worker = worker

    def load(self) -> Answer:
        return self._worker.load()

    def do(self, job: Job) -> Answer:
        return self._worker.do(job)


def _brief(error: Exception) -> str:
    """Ray's first line, and its last, which tells of an error while a worker was made."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", str(error))  # colours
    lines = [line.strip() for line in text.splitlines() if line.strip()] or [type(error).__name__]
    return " ... ".join(dict.fromkeys((lines[0], lines[-1])))


def _absolute(job: Job) -> Job:
    """A worker's working directory may be another."""
    return Job(job.scan.absolute(), job.out.absolute())
