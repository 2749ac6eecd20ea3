"""What the instruments' pictures share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ffnet3d.atomic import write_atomic

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def save_figure(figure: Figure, file: Path) -> None:
    """Write a figure as PNG, whole or not at all."""
    write_atomic(file, lambda stream: figure.savefig(stream, format="png"))


def slug(name: str) -> str:
    """A name as a part of a file's name: letters, digits, dots, hyphens and underscores."""
    return "".join(letter if letter.isalnum() or letter in ".-_" else "-" for letter in name)
