"""Which tile sizes a kernel runs with: measured once for each kind of problem, and kept on disk.

The key of a choice holds the number of rows to the next power of two, so that batches of other sizes do not
measure again. The file lies in `$FFNET3D_CACHE`, else `$XDG_CACHE_HOME/ffnet3d`, else `~/.cache/ffnet3d`.

Nothing is measured, and the default taken, where `torch.use_deterministic_algorithms(True)` asks for it (two
configs differ in rounding, and the clock would choose between them), and under Triton's interpreter. While
a CUDA graph is recorded nothing can be measured, and what was found before is taken.
"""

from __future__ import annotations

import contextlib
import functools
import json
import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, astuple
from pathlib import Path

import torch
import triton
from triton.runtime.errors import OutOfResources
from triton.testing import do_bench

from ffnet3d.atomic import write_atomic
from ffnet3d.ops.triton_backend.configs import INTERPRETER, Config, Problem, candidates
from ffnet3d.version import __version__

logger = logging.getLogger(__name__)

Run = Callable[[Config], object]
Measure = Callable[[Callable[[], object]], float]


def cache_folder() -> Path:
    """Where this package keeps what it has measured on this machine."""
    if chosen := os.environ.get("FFNET3D_CACHE"):
        return Path(chosen)
    general = os.environ.get("XDG_CACHE_HOME")
    return (Path(general) if general else Path.home() / ".cache") / "ffnet3d"


class Tuner:
    """Measures configs, and remembers the fastest of each problem in memory and in a JSON file.

    Processes that share the file take turns to add to it. A file of another version of Triton or of this
    package is replaced; so is a damaged one, with a warning. Where it cannot be written, a warning says so.
    """

    def __init__(self, path: Path, version: str, measure: Measure) -> None:
        self.path = path
        self.version = version
        self.measure = measure
        self.chosen: dict[Problem, Config] = {}

    def choose(self, problem: Problem, configs: Sequence[Config], run: Run) -> Config:
        """The fastest of `configs`, found by `run(config)` unless it is known."""
        config = self.chosen.get(problem)
        if config is None:
            key = _key(problem)
            config = self._read().get(key)
            if config is None or config not in configs:
                config = self._fastest(key, configs, run)
                self._keep(key, config)
            self.chosen[problem] = config
        return config

    def known(self, problem: Problem, configs: Sequence[Config]) -> Config | None:
        """The one of `configs` that was found before, by this process or another; nothing is measured."""
        config = self.chosen.get(problem) or self._read().get(_key(problem))
        return config if config in configs else None

    def _fastest(self, key: str, configs: Sequence[Config], run: Run) -> Config:
        times = {}
        for config in configs:
            try:
                times[config] = self.measure(functools.partial(run, config))
            except OutOfResources as error:
                logger.debug("%s: %s does not fit this GPU: %s", key, config, error)
        if not times:
            raise ValueError(f"no tile size of {key} fits this GPU: take backend 'torch'")
        fastest = min(times, key=times.__getitem__)
        logger.info("Tuned %s: %s, %.3f ms (%d tried)", key, fastest, times[fastest], len(configs))
        return fastest

    def _keep(self, key: str, config: Config) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with _alone(self.path.with_suffix(".lock")):
                known = {**self._read(), key: config}
                choices = {name: asdict(choice) for name, choice in sorted(known.items())}
                text = json.dumps({"version": self.version, "choices": choices}, indent=1)
                write_atomic(self.path, lambda file: file.write(text.encode()))
        except OSError as error:
            logger.warning("What was tuned is lost when this process ends: %s", error)

    def _read(self) -> dict[str, Config]:
        try:
            content = json.loads(self.path.read_text())
            if content["version"] != self.version:
                return {}
            return {str(key): Config(**choice) for key, choice in content["choices"].items()}
        except FileNotFoundError:
            return {}
        except OSError as error:
            logger.warning("Tile sizes that were tuned before are not used: %s", error)
            return {}
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            logger.warning("%s is damaged and is replaced: %s: %s", self.path, type(error).__name__, error)
            self.path.unlink(missing_ok=True)
            return {}


def choose(problem: Problem, run: Run) -> Config:
    """The config to run a problem with, on this machine."""
    configs = candidates(problem)
    if problem.device == INTERPRETER or torch.are_deterministic_algorithms_enabled():
        return configs[0]
    if torch.cuda.is_current_stream_capturing():
        return _tuner().known(problem, configs) or configs[0]
    return _tuner().choose(problem, configs, run)


@functools.cache
def _tuner() -> Tuner:
    version = f"triton {triton.__version__}, ffnet3d {__version__}"
    return Tuner(cache_folder() / "triton_tiles.json", version, _milliseconds)


def _milliseconds(run: Callable[[], object]) -> float:
    return float(do_bench(run, warmup=5, rep=20, return_mode="median"))


def _key(problem: Problem) -> str:
    return " ".join(str(value) for value in astuple(problem))


@contextlib.contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Hold a file's lock, so that no two processes are here at a time (where the system has such locks)."""
    if sys.platform == "win32":
        yield
        return
    import fcntl

    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
