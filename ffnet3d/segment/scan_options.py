"""What a user says about a scan that its file does not: unit, up axis, columns, range of the colours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

UNITS = {"m": 1.0, "cm": 0.01, "mm": 0.001, "ft": 0.3048, "in": 0.0254, "km": 1000.0}
"""Unit -> metres."""

TURNS = {
    "z": ((0, 1, 2), (1, 1, 1)),
    "-z": ((0, 1, 2), (1, -1, -1)),
    "y": ((0, 2, 1), (1, -1, 1)),
    "-y": ((0, 2, 1), (1, 1, -1)),
    "x": ((1, 2, 0), (1, 1, 1)),
    "-x": ((2, 1, 0), (1, 1, -1)),
}
"""Up axis of a file -> its axes that become x, y and z, and their signs: rotations, no mirror among them."""


@dataclass(frozen=True)
class ScanOptions:
    """How to read a scan.

    Args:
        unit: of its coordinates, of `UNITS`; None: metres, unless they cannot be.
        up: the axis that points up, of `TURNS`.
        columns: names of the columns of a text file without a header.
        color_range: the value of a full red, green or blue (1, 255, 65535); None: by the file's colours.

    Raises:
        ValueError: for a value that is not known, with those that are.
    """

    unit: str | None = None
    up: str = "z"
    columns: tuple[str, ...] | None = None
    color_range: float | None = None

    def __post_init__(self) -> None:
        if self.unit is not None and self.unit not in UNITS:
            raise ValueError(f"unknown unit {self.unit!r}; known: {', '.join(UNITS)}")
        if self.up not in TURNS:
            raise ValueError(f"unknown up axis {self.up!r}; known: {', '.join(TURNS)}")
        if self.color_range is not None and not 0 < self.color_range < np.inf:
            raise ValueError(f"the colour range must be positive (1, 255 or 65535), got {self.color_range}")

    @property
    def scale(self) -> float:
        """Metres of a unit."""
        return UNITS[self.unit or "m"]

    @property
    def turned_back(self) -> NDArray[np.bool_]:
        """For each axis of the file [3], whether it runs the other way when z is up."""
        axes, signs = TURNS[self.up]
        backwards = np.zeros(3, dtype=bool)
        backwards[list(axes)] = np.array(signs) < 0
        return backwards

    def turn(self, vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        """Vectors [N, 3] of the file with z up; exact, since it moves and negates columns only."""
        axes, signs = TURNS[self.up]
        return vectors[:, axes] * np.array(signs, dtype=vectors.dtype)
