"""Runs that nobody trained: folders with a config and a test.json of made-up counts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from ffnet3d.engine.checkpoint_origin import CheckpointOrigin
from ffnet3d.engine.metrics import ConfusionMatrix
from ffnet3d.engine.provenance import Provenance

CLASSES = ("wall", "floor", "chair")


def made_up_provenance(split: str, seed: int, chosen_on: int = 2, **changes: Any) -> Provenance:
    """How a made-up test came about."""
    origin = CheckpointOrigin(
        "model_best.pth", f"best of 3 evaluations on split {split}", 2, seed, "Area_9", chosen_on
    )
    facts = {
        "protocol": "full",
        "views": 10,
        "dataset": "S3DISDataset",
        "split": split,
        "grid_size": 0.02,
        "scenes": 2,
        "points": 1000,
        "scored": 900,
        "checkpoint": origin,
        "seed": seed,
        "device": "Some Processor, 2 threads a process",
        "processes": 1,
        "machines": 1,
        "precision": "float32",
        "versions": {"ffnet3d": "9.9"},
        "code": "abc",
        "date": "2026-01-02T03:04:05+00:00",
    }
    return Provenance(**(facts | changes))


def write_test(folder: Path, split: str, seed: int, provenance: Provenance | None = None) -> np.ndarray:
    """A test.json of a run; the last class is absent. Returns its confusion matrix [3, 3]."""
    confusion = np.random.default_rng(seed).integers(1, 100, (3, 3))
    confusion[2] = 0
    matrix = ConfusionMatrix(3)
    matrix.matrix += confusion
    summary = {
        "classes": CLASSES,
        "confusion": confusion.tolist(),
        "scores": matrix.scores().as_dict(),
        "provenance": (provenance or made_up_provenance(split, seed)).as_dict(),
    }
    (folder / "result").mkdir(parents=True, exist_ok=True)
    (folder / "result" / "test.json").write_text(json.dumps(summary))
    return confusion
