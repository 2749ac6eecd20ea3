"""Columns of arrays: how those of [N, C] are called, found in a block of rows, and replaced there."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ffnet3d.data.formats.cloud import Column, Rows
from ffnet3d.data.formats.records import fit
from ffnet3d.data.formats.stored_array import StoredArray

COORD = ("coord", "coords", "coordinates", "xyz", "points", "pos", "position", "positions")
COLOR = ("color", "colors", "colour", "colours", "rgb")
NORMAL = ("normal", "normals")
"""Names of arrays, the likeliest first, compared without case."""

SAMPLE = 4096  # rows from which the columns of a nameless array are guessed
NUMBERS = "fiub"  # kinds of NumPy's types that can be a column


@dataclass(frozen=True)
class Part:
    """An array and its columns."""

    array: StoredArray
    columns: tuple[Column, ...]

    def rows(self, block: np.ndarray) -> Rows:
        """The columns of a block of the array's rows, in the machine's byte order."""
        views = column_views(block)
        return {
            column.name: view.astype(column.dtype) for column, view in zip(self.columns, views, strict=True)
        }

    def replaced(self, block: np.ndarray, values: Rows, file: Path) -> np.ndarray:
        """The block with other values in some columns; ValueError where their types cannot hold them."""
        if values.keys().isdisjoint(column.name for column in self.columns):
            return block
        block = block.copy()
        for column, view in zip(self.columns, column_views(block), strict=True):
            if column.name in values:
                view[...] = fit(values[column.name], view.dtype, column.name, file)
        return block


def make_part(array: StoredArray, names: list[str]) -> Part:
    """An array's columns under names; one for each of `column_views`."""
    views = column_views(np.empty((0, array.width) if array.dtype.names is None else 0, array.dtype))
    columns = [Column(name, view.dtype.newbyteorder("=")) for name, view in zip(names, views, strict=True)]
    return Part(array, tuple(columns))


def column_views(block: np.ndarray) -> list[np.ndarray]:
    """The columns [n] of a block [n, C], or of the number fields of a structured one [n]."""
    if block.dtype.names is None:
        return [block[:, column] for column in range(block.shape[1])]
    views = []
    for field in block.dtype.names:
        values = block[field]
        if values.dtype.kind in NUMBERS and values.ndim == 1:
            views.append(values)
        elif values.dtype.kind in NUMBERS and values.ndim == 2:
            views += [values[:, column] for column in range(values.shape[1])]
    return views


def names_of(array: str, width: int, taken: Collection[str] = ()) -> list[str]:
    """What the columns of a named array are called: x of coord, label_red of label_color, a_0 of a.

    None of them is `taken`.
    """
    stem, underscore, last = array.lower().rpartition("_")
    names = [f"{array}_{column}" for column in range(width)]
    if width == 1:
        names = [array]
    elif array.lower() in COORD and width == 3:
        names = ["x", "y", "z"]
    elif array.lower() in NORMAL and width == 3:
        names = ["nx", "ny", "nz"]
    elif last in COLOR and width in (3, 4):
        names = [f"{stem}{underscore}{channel}" for channel in ("red", "green", "blue", "alpha")[:width]]
    if not set(names).isdisjoint(taken):
        names = [f"{array}_{column}" for column in range(width)]
    while not set(names).isdisjoint(taken):
        names = [f"{name}_" for name in names]
    return names


def field_names(dtype: np.dtype) -> list[str]:
    """What the number fields of a structured type are called, as `column_views` has them."""
    names: list[str] = []
    for field in dtype.names or ():
        shape, base = dtype[field].shape, dtype[field].base
        if base.kind in NUMBERS and len(shape) < 2:
            names += names_of(field, shape[0], names) if shape else names_of(field, 1, names)
    return names


def guess_names(sample: np.ndarray) -> list[str]:
    """What the columns of a nameless array [n, C >= 3] seem to be.

    x, y, z; then three that look like colours or normals, and once more; the seventh, as others, is column_7.
    """
    names = ["x", "y", "z"]
    with np.errstate(all="ignore"):
        sample = sample.astype(np.float64)
    while len(names) + 3 <= min(sample.shape[1], 9):
        triple = sample[:, len(names) : len(names) + 3]
        if "nx" not in names and _is_normal(triple):
            names += ["nx", "ny", "nz"]
        elif "red" not in names and _is_color(triple):
            names += ["red", "green", "blue"]
        else:
            break
    return names + [f"column_{column + 1}" for column in range(len(names), sample.shape[1])]


def _is_normal(triple: np.ndarray) -> bool:
    """Whether nearly all rows have length 1 (or 0: unknown), some pointing backwards."""
    with np.errstate(all="ignore"):
        length = np.linalg.norm(triple, axis=1)
        unit = np.abs(length - 1) < 0.02
        return bool((unit | (length == 0)).mean() > 0.98 and unit.mean() > 0.5 and (triple < 0).any())


def _is_color(triple: np.ndarray) -> bool:
    """Whether the rows lie within 0-1 or 0-255, or are integers of 16 bits."""
    if not np.isfinite(triple).all() or triple.min() < 0:
        return False
    return bool(triple.max() <= 255 or (triple.max() < 2**16 and (triple == np.floor(triple)).all()))
