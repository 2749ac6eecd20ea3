"""A tested scene's record: what was counted in it, and what that follows from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ffnet3d.atomic import write_atomic
from ffnet3d.engine.records import Record


@dataclass(frozen=True, eq=False)
class SceneRecord:
    """One file in result/records/."""

    name: str
    points: int  # on disk
    views: int
    seconds: float
    confusion: np.ndarray  # int64 [C, C]: rows are the truth, columns the prediction
    device: str  # that predicted it
    labels: str  # hash of the file of labels
    key: Mapping[str, str]  # a SceneKey

    def summary(self) -> dict[str, Any]:
        """The scene's line in test.json."""
        scores = Record.from_confusion(self.confusion).scores()
        return {
            "name": self.name,
            "points": self.points,
            "views": self.views,
            "mIoU_present": scores.miou_present,
            "allAcc": scores.allacc,
            "seconds": self.seconds,
        }


def write_scene_record(file: Path, record: SceneRecord) -> None:
    """Write a record as JSON."""
    text = json.dumps({**asdict(record), "confusion": record.confusion.tolist()})
    write_atomic(file, lambda stream: stream.write(text.encode()))


def read_scene_record(file: Path) -> SceneRecord | None:
    """The record in a file; None where there is none that can be read."""
    try:
        values = json.loads(file.read_text())
        return SceneRecord(**{**values, "confusion": np.array(values["confusion"], dtype=np.int64)})
    except (OSError, ValueError, TypeError, KeyError):
        return None
