"""Made-up rooms as S3DIS has them: text files of objects in `Area_N/ROOM/Annotations`."""

from __future__ import annotations

from pathlib import Path

import numpy as np

CORNER = np.array([12.0, -7.0, 0.0])  # metres: rooms lie far from the origin


def write_room(area: Path, room: str, seed: int = 0, **counts: int) -> Path:
    """A room of objects with that many points, `chair_1=40`; returns its `Annotations`."""
    rng = np.random.default_rng((seed, len(room)))
    folder = area / room / "Annotations"
    folder.mkdir(parents=True)
    for name, count in (counts or {"ceiling_1": 90, "chair_1": 40, "chair_2": 30, "floor_1": 120}).items():
        coord = rng.uniform(0, [4.0, 3.0, 2.5], (count, 3)) + CORNER
        table = np.column_stack([coord, rng.integers(0, 256, (count, 3))])
        np.savetxt(folder / f"{name}.txt", table, fmt=["%.3f"] * 3 + ["%d"] * 3)
    return folder


def write_angles(area: Path, **angles: int) -> Path:
    """The area's file of alignment angles, in degrees."""
    file = area / f"{area.name}_alignmentAngle.txt"
    lines = [f"## Global alignment angle per disjoint space in {area.name} ##"]
    file.write_text("\n".join([*lines, *(f"{room} {angle}" for room, angle in angles.items()), ""]))
    return file


def edit_line(file: Path, number: int, line: bytes) -> None:
    """Replace a line (from 1) of a file."""
    lines = file.read_bytes().split(b"\n")
    lines[number - 1] = line
    file.write_bytes(b"\n".join(lines))
