"""Points written as a PLY file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ffnet3d.atomic import write_atomic
from ffnet3d.data.formats.ply_header import TYPES

NAMES = {code: name for name, code in TYPES.items() if not name[-1].isdigit()}
"""NumPy's type -> the name that every reader knows."""


def write_ply(file: str | Path, vertex: Mapping[str, np.ndarray], comments: Sequence[str] = ()) -> None:
    """Write points as a binary little-endian PLY file, whole or not at all.

    `vertex` maps property names to values [N]: integers of up to 32 bits, float32 or float64. Wider integers
    and booleans are narrowed where their values allow, float16 becomes float32. ValueError for names with
    spaces, and for other shapes, types and values.
    """
    file = Path(file)
    columns = {name: _storable(file, name, np.asarray(values)) for name, values in vertex.items()}
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) != 1:
        raise ValueError(f"{file}: the properties of points need one common length, got {lengths}")
    fields = [(name, array.dtype) for name, array in columns.items()]
    table = np.empty(lengths.popitem()[1], dtype=fields)
    for name, values in columns.items():
        table[name] = values
    lines = [
        "ply",
        "format binary_little_endian 1.0",
        *(f"comment {' '.join(comment.split())}" for comment in comments),
        f"element vertex {len(table)}",
        *(f"property {NAMES[array.dtype.str[1:]]} {name}" for name, array in columns.items()),
        "end_header\n",
    ]

    def write(stream: BinaryIO) -> None:
        stream.write("\n".join(lines).encode("latin-1", "replace"))
        stream.write(table.view(np.uint8).data)

    write_atomic(file, write)


def _storable(file: Path, name: str, values: np.ndarray) -> np.ndarray:
    """The values in a little-endian type of PLY."""
    check_property(file, name)
    if values.ndim != 1:
        raise ValueError(f"{file}: the property {name!r} needs the shape [N], got {list(values.shape)}")
    kind, size = values.dtype.kind, values.dtype.itemsize
    if kind == "b":
        return values.astype("u1")
    if kind == "f" and size in (2, 4, 8):
        return values.astype("<f8" if size == 8 else "<f4")
    if kind in "iu" and size <= 4:
        return values.astype(values.dtype.newbyteorder("<"))
    if kind in "iu":
        narrow = np.dtype("<i4" if len(values) == 0 or values.max() < 2**31 else "<u4")
        if len(values) == 0 or (
            np.iinfo(narrow).min <= values.min() and values.max() <= np.iinfo(narrow).max
        ):
            return values.astype(narrow)
        raise ValueError(
            f"{file}: the property {name!r} holds {values.min()} to {values.max()}, beyond 32 bits"
        )
    raise ValueError(f"{file}: PLY has no type for the property {name!r}, {values.dtype}")


def check_property(file: Path, name: str) -> None:
    """ValueError where a name cannot stand in a PLY header."""
    if not name.isascii() or len(name.split()) != 1:
        raise ValueError(f"{file}: {name!r} cannot be the name of a property: one ASCII word is needed")
