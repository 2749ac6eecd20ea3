"""Made-up rooms for the viewer: a floor, a wall and a box, labelled with some errors."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ffnet3d.data.formats import write_ply

FLOOR, WALL, BOX = 0, 1, 2
NAMES = "floor,wall,box"


def room(points: int = 6000, seed: int = 0) -> dict[str, np.ndarray]:
    """Columns of a room of 4 x 3 x 2 m: a part of the floor is labelled as wall, some truth is unknown."""
    rng = np.random.default_rng(seed)
    truth = np.arange(points) % 3
    coord = rng.random((points, 3)) * [4, 3, 2]
    coord[truth == FLOOR, 2] = 0
    coord[truth == WALL, 1] = 3
    coord[truth == BOX] = [2, 1.5, 0] + rng.random((int((truth == BOX).sum()), 3)) * [0.8, 0.8, 0.6]
    label = np.where((truth == FLOOR) & (coord[:, 0] < 1), WALL, truth)
    confidence = np.where(label == truth, 0.95, 0.2).astype(np.float32)
    color = (coord / [4, 3, 2] * 255).astype(np.uint8)
    segment = np.where((truth == WALL) & (coord[:, 0] > 3), -1, truth).astype(np.int32)
    columns = {axis: coord[:, i].astype(np.float32) for i, axis in enumerate("xyz")}
    columns |= {name: color[:, i] for i, name in enumerate(("red", "green", "blue"))}
    return columns | {"label": label.astype(np.uint8), "confidence": confidence, "segment": segment}


def write_room(file: Path, points: int = 6000, leave_out: tuple[str, ...] = ()) -> Path:
    columns = room(points)
    write_ply(file, {name: values for name, values in columns.items() if name not in leave_out})
    return file
