"""What the instruments' pictures share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ffnet3d.atomic import write_atomic

if TYPE_CHECKING:
    from matplotlib.figure import Figure


TURNED = " The room is turned by a quarter, so that its longer side lies across."
"""For the caption of a picture of a room that `is_turned`."""


def is_turned(coord: NDArray[np.number]) -> bool:
    """Whether points [N, 3] reach farther along y than along x: y then runs to the right, and x downwards."""
    x, y, _ = np.ptp(coord, axis=0)
    return bool(y > x)


def middle_of(coord: NDArray[np.number]) -> NDArray[np.float64]:
    """Half way between the ends of points [N, 3] along each axis: where pictures count metres from."""
    middle: NDArray[np.float64] = (coord.min(axis=0) + coord.max(axis=0)) / 2.0
    return middle


def save_figure(figure: Figure, file: Path) -> None:
    """Write a figure as PNG, whole or not at all."""
    write_atomic(file, lambda stream: figure.savefig(stream, format="png"))


def slug(name: str) -> str:
    """A name as a part of a file's name: letters, digits, dots, hyphens and underscores."""
    return "".join(letter if letter.isalnum() or letter in ".-_" else "-" for letter in name)
