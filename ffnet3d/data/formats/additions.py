"""What a format makes of the columns that are added to it."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np

from ffnet3d.data.formats.cloud import Addition, Column


def split_columns(added: Addition, names: Collection[str]) -> tuple[list[Column], list[Column]]:
    """The columns of an addition that the file has already, and those that are new."""
    replaced = [column for column in added.columns if column.name in names]
    return replaced, [column for column in added.columns if column.name not in names]


def stored_dtype(file: Path, column: Column) -> np.dtype:
    """The little-endian type in which a new column is stored: booleans as uint8, float16 as float32."""
    kind, size = column.dtype.kind, column.dtype.itemsize
    if kind == "b":
        return np.dtype("u1")
    if kind == "f" and size in (2, 4, 8):
        return np.dtype("<f8" if size == 8 else "<f4")
    if kind in "iu":
        return column.dtype.newbyteorder("<")
    raise ValueError(f"{file}: the format has no type for the column {column.name!r}, {column.dtype}")
