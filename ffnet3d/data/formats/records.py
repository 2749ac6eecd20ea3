"""Rows of bytes, made wider by columns; what is there already stays bit for bit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, BinaryIO

import numpy as np

from ffnet3d.data.formats.cloud import Addition, Column, Rows

BLOCK = 1 << 20  # bytes copied at a time


def extended(record: np.dtype, added: Sequence[Column]) -> np.dtype:
    """A structured type with the fields that it lacks behind its own; those that it has stay as they are."""
    fields: Mapping[str, Any] = record.fields or {}
    new = [column for column in added if column.name not in fields]
    ends = np.cumsum([record.itemsize, *(column.dtype.itemsize for column in new)]).tolist()
    return np.dtype(
        {
            "names": [*fields, *(column.name for column in new)],
            "formats": [*(field[0] for field in fields.values()), *(column.dtype for column in new)],
            "offsets": [*(field[1] for field in fields.values()), *ends[:-1]],
            "itemsize": ends[-1],
        }
    )


def widened(raw: bytes, record: np.dtype, wider: np.dtype, values: Rows, file: Path) -> np.ndarray:
    """Rows of `record`, as bytes, with `values` in their fields of the type `wider`; [n] of that type."""
    count = len(raw) // record.itemsize
    table = np.zeros((count, wider.itemsize), dtype=np.uint8)
    table[:, : record.itemsize] = np.frombuffer(raw, np.uint8).reshape(count, record.itemsize)
    rows = table.view(wider)[:, 0]
    for name, array in values.items():
        rows[name] = fit(array, rows.dtype[name], name, file)
    return rows


def wanted(added: Addition, start: int, stop: int) -> Rows:
    """The values of an addition for some points, its columns only."""
    rows = added.rows(start, stop)
    return {column.name: np.asarray(rows[column.name]) for column in added.columns}


def fit(values: np.ndarray, dtype: np.dtype, name: str, file: Path) -> np.ndarray:
    """The values in another type: floats rounded, integers exact; ValueError where they do not fit."""
    if dtype.kind == "f" and values.dtype.kind == "f":
        with np.errstate(over="ignore", invalid="ignore"):
            return values.astype(dtype)
    with np.errstate(invalid="ignore", over="ignore"):
        cast = values.astype(dtype)
    wrong = cast.astype(values.dtype) != values
    if dtype.kind in "iu" and values.dtype.kind in "iu":
        wrong |= (cast < 0) != (values < 0)  # wrapped around, and back
    if wrong.any():
        value = values[int(wrong.argmax())]
        raise ValueError(f"{file}: its column {name!r} is of type {dtype.name}, which cannot hold {value}")
    return cast


def read_exactly(stream: IO[bytes], size: int, file: Path) -> bytes:
    """The next `size` bytes; ValueError where the file ends before."""
    data = stream.read(size)
    if len(data) < size:
        raise ValueError(f"{file}: {size - len(data)} bytes lack at its end; perhaps a copy was cut off")
    return data


def copy_range(source: BinaryIO, out: BinaryIO, start: int, stop: int | None = None) -> None:
    """Copy the bytes from `start` on, to `stop` or the end."""
    source.seek(start)
    left = BLOCK if stop is None else stop - start
    while data := source.read(min(left, BLOCK)):
        out.write(data)
        left -= 0 if stop is None else len(data)
