"""The alignment of S3DIS: each room turned about the vertical, so that its walls lie along the axes."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def alignment_file(area: Path) -> Path:
    """Where the download keeps the angles of an area's rooms; absent in the aligned version."""
    return area / f"{area.name}_alignmentAngle.txt"


def room_angle(file: Path, room: str) -> float:
    """The angle of a room in degrees, from lines `ROOM ANGLE`; ValueError where there is none."""
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    for number, line in enumerate(lines, start=1):
        words = line.partition("#")[0].split()
        if words[:1] != [room]:
            continue
        try:
            (angle,) = map(float, words[1:])
        except ValueError:
            raise ValueError(f"{file}:{number}: needs `ROOM ANGLE` (degrees), got {line.strip()!r}") from None
        return angle
    raise ValueError(f"{file}: no angle for {room}: add a line `{room} 0`, or prepare with --no-align")


def rotation(angle: float) -> Array:
    """Matrix [3, 3] that turns by `angle` degrees clockwise, seen from above."""
    radians = (2 - angle / 180) * math.pi  # 2 pi - angle, rounded as Pointcept does
    cos, sin = math.cos(radians), math.sin(radians)
    return np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])


def align(coord: Array, angle: float) -> Array:
    """Points [N, 3] turned about the middle of their bounding box."""
    middle = (coord.max(axis=0) + coord.min(axis=0)) / 2
    aligned: Array = (coord - middle) @ rotation(angle).T + middle
    return aligned
