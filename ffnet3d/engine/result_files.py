"""What a test leaves in result/: labels of every point, the summary, and the scenes that the report shows."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from ffnet3d.atomic import write_atomic
from ffnet3d.data.fragments import TestScene
from ffnet3d.engine.config import Config
from ffnet3d.engine.metrics import ConfusionMatrix
from ffnet3d.engine.run_folder import RunFolder

DISPLAY_POINTS = 60_000


@dataclass(frozen=True)
class SceneRecord:
    """One of test.json's `scenes`."""

    name: str
    points: int
    views: int
    mIoU_present: float
    allAcc: float
    seconds: float


def discard_results(folder: RunFolder) -> None:
    """Remove the results of a former test: from here on they would stand among those of another."""
    folder.test_summary.unlink(missing_ok=True)
    for file in (*folder.shown_scenes.glob("*.npz"), *folder.result.glob("*_pred.npy")):
        file.unlink()


def save_labels(folder: RunFolder, scene: TestScene, labels: np.ndarray) -> None:
    """Write a scene's predictions."""
    write_atomic(folder.predictions(scene.name), lambda file: np.save(file, labels.astype(np.int64)))


def save_display(folder: RunFolder, scene: TestScene, labels: np.ndarray, ignore_index: int) -> None:
    """Write the arrays by which the report shows a scene."""
    arrays = display_arrays(scene, labels, ignore_index)
    file = folder.shown_scenes / f"{scene.name}.npz"
    write_atomic(file, lambda handle: np.savez(handle, allow_pickle=False, **arrays))


def display_arrays(scene: TestScene, labels: np.ndarray, ignore_index: int) -> dict[str, np.ndarray]:
    """At most DISPLAY_POINTS points, drawn at random: coord f32, color u8 (or grey), segment and pred i16.

    Unlabelled points have the segment -1, whatever `ignore_index` is.
    """
    count = len(scene.coord)
    rows = np.random.default_rng(0).permutation(count)[:DISPLAY_POINTS]
    rows.sort()
    color = np.full((count, 3), 160) if scene.color is None else scene.color
    segment = np.where(scene.segment == ignore_index, -1, scene.segment)
    return {
        "coord": scene.coord[rows].astype(np.float32),
        "color": color[rows].astype(np.uint8),
        "segment": segment[rows].astype(np.int16),
        "pred": labels[rows].astype(np.int16),
    }


def write_summary(
    folder: RunFolder, config: Config, weight: Path, confusion: ConfusionMatrix, records: list[SceneRecord]
) -> None:
    """Write result/test.json; in its `confusion` rows are the truth, columns the prediction."""
    summary = {
        "classes": class_names(config),
        "confusion": confusion.matrix.tolist(),
        "scores": confusion.scores().as_dict(),
        "scenes": [asdict(record) for record in records],
        "weight": str(weight),
        "views": records[0].views,
    }
    write_atomic(folder.test_summary, lambda file: file.write(json.dumps(summary, indent=1).encode()))


def class_names(config: Config) -> list[str]:
    """Names of the classes; their numbers where the config has no `data.names`."""
    return list(config.data.get("names") or map(str, range(config.data.num_classes)))
