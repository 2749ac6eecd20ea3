"""Colours of points in the four views of a scene: input, truth, prediction, errors."""

from __future__ import annotations

import numpy as np

from ffnet3d.data.classes import palette
from ffnet3d.engine.report.results import SceneResult

UNLABELLED = (150, 150, 150)
RIGHT = (205, 210, 214)
WRONG = (214, 39, 40)
VIEWS = ("input", "truth", "prediction", "errors")


def label_colors(labels: np.ndarray, num_classes: int) -> np.ndarray:
    """Class colours uint8 [N, 3] of labels int [N]; -1 is grey."""
    table = np.vstack([palette(num_classes), [UNLABELLED]]).astype(np.uint8)
    colors: np.ndarray = table[labels]  # -1 picks the last row
    return colors


def error_colors(scene: SceneResult) -> np.ndarray:
    """uint8 [N, 3]: red where the prediction is wrong, pale where it is right, grey where nobody knows."""
    wrong = (scene.segment >= 0) & (scene.segment != scene.pred)
    colors = np.where(wrong[:, None], WRONG, RIGHT)
    return np.where((scene.segment < 0)[:, None], UNLABELLED, colors).astype(np.uint8)


def view_colors(scene: SceneResult, num_classes: int) -> dict[str, np.ndarray]:
    """uint8 [N, 3] for each of the four views."""
    return {
        "input": scene.color,
        "truth": label_colors(scene.segment, num_classes),
        "prediction": label_colors(scene.pred, num_classes),
        "errors": error_colors(scene),
    }
