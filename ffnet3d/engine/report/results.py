"""What a run left in its folder, read back for the report."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np


@dataclass(frozen=True)
class SceneResult:
    """One tested scene, thinned for display.

    coord: float32 [N, 3] metres; color: uint8 [N, 3]; segment and pred: int16 [N], -1 = unlabelled.
    """

    name: str
    coord: np.ndarray
    color: np.ndarray
    segment: np.ndarray
    pred: np.ndarray


@dataclass(frozen=True)
class RunResults:
    """Everything the report shows of a run.

    train and evaluations: the lines of metrics.jsonl by kind; test: result/test.json, empty before a test.
    """

    folder: Path
    train: list[dict[str, Any]]
    evaluations: list[dict[str, Any]]
    test: dict[str, Any]
    scenes: list[SceneResult] = field(default_factory=list)

    @property
    def classes(self) -> list[str]:
        """Class names in the order of their ids."""
        return list(self.test.get("classes", []))

    @property
    def has_truth(self) -> bool:
        """Whether any tested point is labelled."""
        return any(map(any, self.test.get("confusion", [])))


def read_results(folder: Path) -> RunResults:
    """Read metrics.jsonl, test.json and the scenes of a run's folder; absent parts are empty."""
    metrics = folder / "metrics.jsonl"
    lines = [json.loads(line) for line in metrics.read_text().splitlines()] if metrics.exists() else []
    tested = folder / "result" / "test.json"
    return RunResults(
        folder=folder,
        train=[line for line in lines if line["kind"] == "train"],
        evaluations=[line for line in lines if line["kind"] == "eval"],
        test=json.loads(tested.read_text()) if tested.exists() else {},
        scenes=[read_scene(path) for path in sorted((folder / "result" / "scenes").glob("*.npz"))],
    )


def read_scene(path: Path) -> SceneResult:
    """One display scene that the tester wrote."""
    with np.load(path) as arrays:
        return SceneResult(path.stem, arrays["coord"], arrays["color"], arrays["segment"], arrays["pred"])
