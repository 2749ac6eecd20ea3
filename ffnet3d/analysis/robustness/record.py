"""What was measured: a record for each corruption and severity, kept in a file with what it follows from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ffnet3d.analysis.robustness.corruptions import CLEAN, Corruption
from ffnet3d.atomic import write_atomic
from ffnet3d.data.datasets import SceneDataset
from ffnet3d.engine.code_version import PACKAGES, hash_sources
from ffnet3d.engine.config import Config
from ffnet3d.engine.testing.keys import DIGITS, WITHOUT_EFFECT, hash_scene


@dataclass(frozen=True)
class Condition:
    """What the scenes are put through: nothing, or one corruption at one severity."""

    corruption: Corruption | None = None  # None: the clean scenes
    severity: int = 0

    @property
    def name(self) -> str:
        """Name of the corruption, or "clean"."""
        return CLEAN if self.corruption is None else self.corruption.name

    @property
    def level(self) -> float | None:
        """Level of the severity; None for the clean scenes."""
        return None if self.corruption is None else self.corruption.level(self.severity)

    def file(self, folder: Path) -> Path:
        """Where its record lies in a folder of records."""
        return folder / f"{self.name}-{self.severity}.json"


@dataclass(frozen=True)
class Measurement:
    """The scores of a network on the scenes under one condition."""

    corruption: str
    severity: int
    level: float | None
    scores: Mapping[str, Any]  # as `Scores.as_dict`
    seconds: float
    key: Mapping[str, str]  # hashes of all that the scores follow from, by kind

    @property
    def miou(self) -> float:
        """Mean IoU over all classes, 0 to 1."""
        return float(self.scores["mIoU"])


def write_measurement(file: Path, measurement: Measurement) -> None:
    """Write a record as JSON, whole or not at all."""
    text = json.dumps(asdict(measurement))
    write_atomic(file, lambda stream: stream.write(text.encode()))


def read_measurement(file: Path) -> Measurement | None:
    """The record in a file; None where there is none that can be read."""
    try:
        measurement = Measurement(**json.loads(file.read_text(encoding="utf-8")))
        return measurement if 0 <= measurement.miou <= 1 else None
    except (OSError, ValueError, TypeError, KeyError):
        return None


def shared_key(weights: str, config: Config, dataset: SceneDataset) -> dict[str, str]:
    """What all conditions of a run depend on, hashed by kind; `weights` is the hash of the network's."""
    scenes = range(len(dataset.scenes))
    return {
        "weights": weights,
        "config": digest(settings_that_count(config)),
        "code": hash_sources(Path(__file__).parents[2], (*PACKAGES, "analysis/robustness")),
        "scenes": digest([hash_scene(dataset, number) for number in scenes]),
    }


def condition_key(shared: Mapping[str, str], condition: Condition, seed: int) -> dict[str, str]:
    """The whole key of a condition: the seed of the corruptions does not count for the clean scenes."""
    drawn = None if condition.corruption is None else seed
    return {**shared, "corruption": digest([condition.name, condition.level, drawn])}


def settings_that_count(config: Config) -> dict[str, Any]:
    """The settings that a validation reads."""
    val = {name: value for name, value in config.data.val.items() if name not in (*WITHOUT_EFFECT, "split")}
    return {
        "val": val,
        "batch_size_val": config.batch_size_val,
        "model": config.model,
        "num_classes": config.data.num_classes,
        "ignore_index": config.data.ignore_index,
        "seed": config.seed,
    }


def digest(value: Any) -> str:
    """A hash of plain values."""
    text = json.dumps(value, sort_keys=True, default=repr)
    return hashlib.sha256(text.encode()).hexdigest()[:DIGITS]


def changes(key: Mapping[str, str], former: Mapping[str, str]) -> list[str]:
    """The kinds in which the key of a former record differs."""
    return [kind for kind, value in key.items() if former.get(kind) != value]
