"""Point files behind one face: read in chunks, and copied with columns added.

A reader never holds more than a chunk of the points, so that a file may be larger than the memory.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np

CHUNK = 2**18  # points

Rows: TypeAlias = "dict[str, np.ndarray]"
"""Column name -> its values for a run of points, [n]."""


@dataclass(frozen=True)
class Column:
    """One number of each point, as the file names it."""

    name: str
    dtype: np.dtype


@dataclass(frozen=True)
class Addition:
    """New columns for every point of a file, in its order.

    A column that the file has already is replaced, and keeps its type and place there.

    Args:
        columns: names and dtypes.
        rows: (start, stop) -> the values of all these columns for the points start..stop - 1.
    """

    columns: tuple[Column, ...]
    rows: Callable[[int, int], Rows]


class Cloud(ABC):
    """A file (or scene folder) of points.

    Attributes:
        file: where it is.
        num_points: N, known before any point is read.
        columns: of each point, under the file's own names; what a format packs (`rgb` of PCD) or scales (LAS
            coordinates) appears unpacked (red, green, blue) and scaled (x, y, z in float64).
    """

    def __init__(self, file: Path, num_points: int, columns: Sequence[Column]) -> None:
        self.file = file
        self.num_points = num_points
        self.columns = tuple(columns)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(column.name for column in self.columns)

    @abstractmethod
    def chunks(self, rows: int = CHUNK) -> Iterator[Rows]:
        """All points in the file's order, at most `rows` at a time; ValueError naming the file's fault."""

    @abstractmethod
    def copy(self, out: Path, added: Addition, rows: int = CHUNK) -> None:
        """Write the file again to `out`, in its own format, whole or not at all.

        Every point, column and order stays, and so does what is not points (faces, comments, headers).
        """
