"""What the preparation of a data set is made of: scenes to prepare, and what became of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np


@dataclass(frozen=True)
class SceneJob:
    """One scene to prepare.

    Args:
        name: of the scene, as messages show it.
        split: under which the manifest counts it (`train`, `Area_1`).
        target: folder to write, relative to the target root (`train/scene0000_00`).
        source_root: folder of the raw data set; records and manifests name files relative to it.
        sources: every file that is read for this scene alone. When one changes, the scene is made again.
    """

    name: str
    split: str
    target: Path
    source_root: Path
    sources: tuple[Path, ...]

    def shown(self, file: Path) -> str:
        """`file` relative to the source root, with forward slashes, as repairs name it."""
        path = (
            file.relative_to(self.source_root) if file.is_relative_to(self.source_root) else Path(file.name)
        )
        return path.as_posix()


@dataclass(frozen=True)
class Prepared:
    """A scene that can be written: arrays of one length, and the defects that were repaired on the way.

    Args:
        arrays: file stem -> array; `coord` [N, 3] float32 metres, `color` [N, 3] uint8, `normal` [N, 3]
            float32, labels `segment*` and `instance` integers, -1 where there is none.
        repairs: a line each, `FILE:LINE: what was wrong, what was done`, with FILE as `SceneJob.shown` gives
            it (no LINE where the defect has none).
    """

    arrays: Mapping[str, np.ndarray]
    repairs: tuple[str, ...] = ()


Make: TypeAlias = Callable[[SceneJob], Prepared]
"""Turns a job into arrays, in another process: picklable. ValueError or OSError, naming the file, for a scan
that is broken beyond repair."""

Options: TypeAlias = Mapping[str, "str | int | float | bool | None"]
"""What else the result depends on, without paths of this machine: a changed value makes every scene again."""
