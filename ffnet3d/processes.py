"""Work in several processes, of which any may be killed: the item it had in hand is named, others go on.

(`concurrent.futures` breaks the whole pool when a process dies, and cannot say over which item.)
"""

from __future__ import annotations

import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import connection, get_context, parent_process
from typing import Any, Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Lost:
    """The process that worked on an item ended without an answer; negative exit codes are signals."""

    exitcode: int | None

    def __str__(self) -> str:
        code = self.exitcode or 0
        how = f"was killed by signal {-code}" if code < 0 else f"ended with status {code}"
        return f"its process {how}; where memory ran out, use fewer --workers"


def usable_cores() -> int:
    """Cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def run_each(
    work: Callable[[T], R], items: Sequence[T], workers: int, threads: int = 1, fresh: bool = False
) -> Iterator[tuple[T, R | Lost]]:
    """Yield (item, work(item)) as they are ready, or (item, Lost) where the process died over it.

    `work` and `items` are pickled; `work` must not raise. A process gets one copy of `work` for all its
    items, and `threads` threads for numerical work, where OMP_NUM_THREADS does not say otherwise. With
    `fresh` each item has a process of its own, which nothing but this item has warmed up or filled. With
    `workers` 0 all is done in this process, in order. ValueError for fewer.
    """
    if workers < 0:
        raise ValueError(f"workers must be 0 or more, got {workers}")
    if workers == 0:
        yield from ((item, work(item)) for item in items)
        return
    waiting = deque(items)
    idle: list[_Worker[T, R]] = []
    busy: dict[Any, _Worker[T, R]] = {}
    try:
        while waiting or busy:
            while waiting and len(busy) < workers:
                worker = _handed(waiting.popleft(), idle, work, threads)
                busy[worker.pipe] = worker
            for pipe in connection.wait(list(busy)):
                worker = busy.pop(pipe)
                result = worker.answer()
                if fresh:
                    worker.stop()
                elif not isinstance(result, Lost):
                    idle.append(worker)
                yield worker.item, result
    finally:
        for worker in [*idle, *busy.values()]:
            worker.stop()


class _Worker(Generic[T, R]):
    """A process that waits for items at the other end of a pipe."""

    def __init__(self, work: Callable[[T], R], threads: int) -> None:
        context = get_context("spawn")  # a forked copy of a threaded process may hang
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(work, theirs), daemon=True)
        with _thread_limit(threads):
            self.process.start()
        theirs.close()  # so that the pipe ends when the process does
        self.item: T

    def hand(self, item: T) -> None:
        self.item = item
        self.pipe.send(item)

    def answer(self) -> R | Lost:
        try:
            result: R = self.pipe.recv()
        except (EOFError, OSError):
            self.process.join()
            return Lost(self.process.exitcode)
        return result

    def stop(self) -> None:
        self.process.kill()
        self.process.join()
        self.pipe.close()


def _handed(item: T, idle: list[_Worker[T, R]], work: Callable[[T], R], threads: int) -> _Worker[T, R]:
    """A worker that has `item` in hand: an idle one, or a new one where none of them lives."""
    while idle:
        worker = idle.pop()
        try:
            worker.hand(item)
        except OSError:
            worker.stop()
        else:
            return worker
    worker = _Worker(work, threads)
    worker.hand(item)
    return worker


@contextmanager
def _thread_limit(threads: int) -> Iterator[None]:
    """What is started meanwhile reads the limit when it loads its numerical libraries."""
    if "OMP_NUM_THREADS" in os.environ:
        yield
        return
    os.environ["OMP_NUM_THREADS"] = str(threads)
    try:
        yield
    finally:
        del os.environ["OMP_NUM_THREADS"]


def _serve(work: Callable[[T], R], pipe: Any) -> None:
    """A worker's main function."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent, which stops us
    threading.Thread(target=_die_with_parent, daemon=True).start()
    while True:
        pipe.send(work(pipe.recv()))


def _die_with_parent() -> None:
    """Write nothing any more once the parent is gone: a run started again may be at the same item."""
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)
