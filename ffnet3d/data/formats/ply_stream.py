"""Points of any number written as a PLY file, a chunk at a time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ffnet3d.atomic import write_atomic
from ffnet3d.data.formats.cloud import Column, Rows
from ffnet3d.data.formats.ply_write import NAMES, check_property
from ffnet3d.data.formats.records import fit

STAND_INS = {"b1": "u1", "f2": "f4", "i8": "f8", "u8": "f8", "f16": "f8"}
"""Types that PLY lacks -> those that hold their values (integers of up to 53 bits)."""


def stream_ply(file: Path, columns: Sequence[Column], num_points: int, chunks: Iterable[Rows]) -> None:
    """Write a binary little-endian PLY file of `num_points` points, whole or not at all.

    columns: names and types, of those that PLY has (`ply_type`). chunks: their values, run by run. ValueError
    for names that are no single word, types that PLY lacks, values that do not fit, and another number of
    points than was promised.
    """
    for column in columns:
        check_property(file, column.name)
    table = np.dtype([(column.name, _type(file, column)) for column in columns])
    lines = ["ply", "format binary_little_endian 1.0", f"element vertex {num_points}"]
    lines += [f"property {NAMES[table[name].str[1:]]} {name}" for name in table.names or ()]

    def write(stream: BinaryIO) -> None:
        stream.write("\n".join([*lines, "end_header\n"]).encode("ascii"))
        written = 0
        for chunk in chunks:
            written += _write_rows(stream, table, chunk, file)
        if written != num_points:
            raise ValueError(f"{file}: {num_points} points were to be written, but {written} came")

    write_atomic(file, write)


def ply_type(dtype: np.dtype) -> np.dtype:
    """The little-endian type of PLY that holds values of `dtype`, a number."""
    code = dtype.str[1:]
    return np.dtype(f"<{STAND_INS.get(code, code)}")


def _type(file: Path, column: Column) -> np.dtype:
    if column.dtype.str[1:] not in NAMES:
        raise ValueError(f"{file}: PLY has no type for the column {column.name!r}, {column.dtype}")
    return column.dtype.newbyteorder("<")


def _write_rows(stream: BinaryIO, table: np.dtype, chunk: Rows, file: Path) -> int:
    names = table.names or ()
    rows = np.empty(len(chunk[names[0]]), dtype=table)
    for name in names:
        rows[name] = fit(chunk[name], table[name], name, file)
    stream.write(rows.view(np.uint8).data)
    return len(rows)
