"""Milliseconds of work on a GPU by CUDA events, or on a CPU by the host's clock (dry runs)."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

FLUSH_BYTES = 2**30  # far more than a level 2 cache: writing it takes as long as launching a few kernels
WARM_UP = 3  # runs: tiles are tuned, tables made, memory taken
LEAST, MOST = 7, 50  # measured runs


@dataclass(frozen=True)
class Times:
    """Milliseconds of several runs."""

    median: float
    least: float
    most: float
    runs: int

    def fields(self) -> dict[str, float]:
        """For a result."""
        return {
            "median_ms": self.median,
            "min_ms": self.least,
            "max_ms": self.most,
            "runs": self.runs,
        }


class Clock:
    """Measures on one device, each work for about `budget_ms` (at least LEAST runs; two in a dry run).

    The device is idle before each run, so that launching counts as it does in use. With `flush` the level 2
    cache is overwritten first, and the host launches while that is written: single operators are measured
    on cold data without most of the launching.
    """

    def __init__(self, device: torch.device, budget_ms: float = 400.0) -> None:
        self.device, self.budget_ms = device, budget_ms
        self.on_gpu = device.type == "cuda"
        size = FLUSH_BYTES if self.on_gpu else 0
        self.cache = torch.empty(size, dtype=torch.uint8, device=device)

    def measure(
        self, run: Callable[..., object], setup: Callable[[], tuple] = tuple, flush: bool = False
    ) -> Times:
        """Times of `run(*setup())`; the setup is not counted."""
        for _ in range(WARM_UP if self.on_gpu else 1):
            run(*setup())
        first = self._once(run, setup, flush)
        wanted = int(self.budget_ms / max(first, 1e-3))
        count = min(MOST, max(LEAST, wanted)) if self.on_gpu else 2
        times = [self._once(run, setup, flush) for _ in range(count)]
        return Times(statistics.median(times), min(times), max(times), count)

    def peak_bytes(self, run: Callable[..., object], setup: Callable[[], tuple] = tuple) -> int | None:
        """Bytes that a run takes at its peak beyond what was there before; None on a CPU."""
        if not self.on_gpu:
            return None
        arguments = setup()
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        run(*arguments)
        torch.cuda.synchronize()
        return torch.cuda.max_memory_allocated() - before

    def _once(self, run: Callable[..., object], setup: Callable[[], tuple], flush: bool) -> float:
        arguments = setup()
        if not self.on_gpu:
            begin = time.perf_counter()
            run(*arguments)
            return 1e3 * (time.perf_counter() - begin)
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        torch.cuda.synchronize()
        if flush:
            self.cache.zero_()
        start.record()
        run(*arguments)
        end.record()
        end.synchronize()
        return float(start.elapsed_time(end))
