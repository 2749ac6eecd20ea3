"""Times with their noise, peak memory in a process of its own, and the machine that they were taken on."""

from __future__ import annotations

import ctypes
import gc
import multiprocessing
import os
import platform
import resource
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch

from ffnet3d.engine.environment import cpuinfo, installed_version, processor_name
from ffnet3d.engine.provenance import counted
from ffnet3d.version import __version__

T = TypeVar("T")
STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")  # of Linux
PACKAGES = ("torch", "numpy", "spconv", "ocnn")
FEATURES = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")  # names in /proc/cpuinfo that decide speed


@dataclass(frozen=True)
class Timing:
    """Seconds of several calls."""

    median: float
    minimum: float
    maximum: float
    repeats: int

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Timing:
        """The timing of calls that took so many seconds each; ValueError without any."""
        if not seconds:
            raise ValueError("a timing needs one call or more")
        return cls(statistics.median(seconds), min(seconds), max(seconds), len(seconds))


def seconds_of(function: Callable[[], object]) -> float:
    """Seconds of one call."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def time_call(function: Callable[[], object], repeats: int = 5, warmup: int = 1) -> Timing:
    """Time `repeats` calls of a function, after `warmup` calls that do not count."""
    for _ in range(warmup):
        function()
    return Timing.of([seconds_of(function) for _ in range(repeats)])


def in_own_process(function: Callable[..., T], *arguments: object) -> T:
    """`function(*arguments)` in a fresh process, which nothing but this call has filled or warmed up.

    Function, arguments and result travel by pickle. What the function raises is raised here.
    """
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=context) as pool:
        return pool.submit(function, *arguments).result()


def peak_bytes() -> int:
    """The largest resident size of this process so far, or since `restart_peak`.

    On Linux from /proc: `getrusage` there also counts what the process that started this one had.
    """
    if STATUS.is_file():
        return _status("VmHWM")
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def restart_peak() -> int:
    """Give freed memory back, let `peak_bytes` start anew, and return what this process holds now.

    Only Linux can do so; elsewhere the peak so far is returned, and stays.
    """
    if not STATUS.is_file():
        return peak_bytes()
    gc.collect()
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).malloc_trim(0)
    CLEAR.write_text("5")
    return _status("VmRSS")


def _status(key: str) -> int:
    return 1024 * int(STATUS.read_text().partition(f"{key}:")[2].split()[0])


def memory_bytes() -> int:
    """The memory of this machine."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


@dataclass(frozen=True)
class Machine:
    """What the figures depend on."""

    processor: str
    cores: int  # that the system shows
    threads: int  # that the work may use
    capability: str  # what PyTorch's own kernels use, such as "AVX512"
    features: tuple[str, ...]  # of `FEATURES`, those that the processor names
    memory: int  # bytes
    system: str
    python: str
    versions: dict[str, str]  # of ffnet3d and `PACKAGES`

    def describe(self) -> str:
        """Two lines: processor and threads, then versions."""
        names = ", ".join(self.features) or "no vector extensions known"
        versions = ", ".join(f"{name} {version}" for name, version in self.versions.items())
        return (
            f"{self.processor}, {counted(self.cores, 'core')}, {counted(self.threads, 'thread')}, "
            f"{self.memory / 2**30:.0f} GiB; {names}; PyTorch's kernels: {self.capability}.\n"
            f"{versions}, Python {self.python}, {self.system}."
        )


def describe_machine() -> Machine:
    """The machine, with the number of threads that PyTorch now uses."""
    versions = {"ffnet3d": __version__} | {name: installed_version(name) for name in PACKAGES}
    flags = set(cpuinfo("flags").split())
    return Machine(
        processor=processor_name(),
        cores=os.cpu_count() or 1,
        threads=torch.get_num_threads(),
        capability=torch.backends.cpu.get_cpu_capability(),
        features=tuple(name for name in FEATURES if name in flags),
        memory=memory_bytes(),
        system=platform.system(),
        python=platform.python_version(),
        versions=versions,
    )
