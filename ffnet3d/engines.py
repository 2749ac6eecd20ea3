"""Which engine does the work: this package's own, or that of a Pointcept checkout."""

from __future__ import annotations

import importlib
import importlib.util
import logging
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import torch

from ffnet3d.engine.events import FILE as METRICS
from ffnet3d.engine.run_folder import RunFolder

logger = logging.getLogger(__name__)

STANDALONE, POINTCEPT = "standalone", "pointcept"
ENGINES = ("auto", STANDALONE, POINTCEPT)
LAUNCHERS = {STANDALONE: "ffnet3d.engine.launch", POINTCEPT: "ffnet3d.pointcept.run"}
INSTALL = "set POINTCEPT_ROOT to a checkout of Pointcept, or put it on PYTHONPATH (docs/pointcept.md)"


@dataclass(frozen=True)
class Choice:
    """An engine, and why it was taken; `why` is empty where there was nothing to choose between."""

    name: str
    why: str = ""

    def launcher(self) -> ModuleType:
        """The module whose `run_training` and `run_testing` take the command's requests."""
        return importlib.import_module(LAUNCHERS[self.name])


def choose_engine(asked: str, resumed: RunFolder | None = None) -> Choice:
    """The engine that `-e` asks for; "auto": that of the run to go on with, or Pointcept's where it can run.

    Pointcept's checkout is then on the import path. Raises ValueError for an unknown name, and where
    Pointcept is asked for by name and cannot run.
    """
    if asked not in ENGINES:
        raise ValueError(f"-e {asked}: choose one of {', '.join(ENGINES)}")
    if asked == STANDALONE:
        return Choice(STANDALONE)
    checkout = find_pointcept()
    if asked == POINTCEPT:
        require_pointcept(checkout)
        return Choice(POINTCEPT, f"that of {checkout}")
    if checkout is None:
        return Choice(STANDALONE)
    if resumed is not None and (resumed.root / METRICS).exists():
        return Choice(STANDALONE, f"{resumed.root} is a run of this engine; -e pointcept takes it over")
    obstacle = why_not(checkout)
    if obstacle:
        return Choice(STANDALONE, f"Pointcept is at {checkout}, but {obstacle}")
    return Choice(POINTCEPT, f"that of {checkout}; -e standalone takes this package's own")


def find_pointcept() -> Path | None:
    """The folder of the package `pointcept`: $POINTCEPT_ROOT, put on the import path, or one that is there.

    ValueError where $POINTCEPT_ROOT holds no such package.
    """
    root = os.environ.get("POINTCEPT_ROOT")
    if root:
        folder = Path(root).expanduser().resolve()
        if not (folder / "pointcept" / "__init__.py").is_file():
            raise ValueError(f"POINTCEPT_ROOT={root}: there is no package pointcept in that folder")
        if str(folder) not in sys.path:
            sys.path.insert(0, str(folder))
    spec = importlib.util.find_spec("pointcept")
    return None if spec is None or spec.origin is None else Path(spec.origin).parents[1]


def require_pointcept(checkout: Path | None) -> None:
    """ValueError unless Pointcept is there and can run."""
    if checkout is None:
        raise ValueError(f"-e pointcept: Pointcept is not importable here: {INSTALL}")
    obstacle = why_not(checkout)
    if obstacle:
        raise ValueError(f"-e pointcept: Pointcept is at {checkout}, but {obstacle}: use -e standalone")


def why_not(checkout: Path) -> str:
    """What keeps Pointcept's engine from running here; empty if nothing does."""
    if not torch.cuda.is_available():
        return "its engine runs on CUDA only, and no GPU can be used here"
    try:
        importlib.import_module(LAUNCHERS[POINTCEPT])
    except Exception as error:  # its dependencies are many, and fail in many ways
        logger.debug("%s cannot be imported", checkout, exc_info=error)
        return f"cannot be imported ({type(error).__name__}: {error})"
    return ""
