"""Points as several arrays, each under a name: an archive of them, or a scene folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from ffnet3d.data.formats.array_columns import (
    COORD,
    NUMBERS,
    SAMPLE,
    Part,
    guess_names,
    make_part,
    names_of,
)
from ffnet3d.data.formats.cloud import CHUNK, Addition, Cloud, Column, Rows
from ffnet3d.data.formats.records import fit, wanted
from ffnet3d.data.formats.stored_array import RowReader, StoredArray, refuse_pickled, write_array

MAX_WIDTH = 1024  # columns of an array; others are kept, but are not read as columns


@dataclass(frozen=True)
class NewArray:
    """An array that a copy gains: [N], or [N, 3] of three columns."""

    columns: tuple[Column, ...]

    @property
    def dtype(self) -> np.dtype:
        """The type that holds all its columns."""
        return np.result_type(*(column.dtype for column in self.columns))


class ArraysCloud(Cloud):
    """The arrays with as many rows as there are coordinates; others are not columns, but stay in a copy.

    Args:
        file: the archive or folder.
        arrays: by name; coordinates are `coord`, `xyz`, `points`, `pos` and the like [N, 3], or x, y and z
            [N], or else the only array [N, 3 or more].

    ValueError naming the arrays where there are no coordinates.
    """

    def __init__(self, file: Path, arrays: Mapping[str, StoredArray]) -> None:
        self.arrays = arrays
        first = _coordinates(file, arrays)
        num_points = len(arrays[first])
        if num_points == 0:
            raise ValueError(f"{file}: it holds no points: its array {first!r} is empty")
        self.parts: dict[str, Part] = {}
        taken: list[str] = []
        for name in [first, *(name for name in arrays if name != first)]:
            array = arrays[name]
            if len(array) == num_points and _is_columns(array):
                guessed = name == first and array.width > 3
                names = guess_names(array.sample(SAMPLE)) if guessed else names_of(name, array.width, taken)
                self.parts[name] = make_part(array, names)
                taken += names
        columns = [column for part in self.parts.values() for column in part.columns]
        super().__init__(file, num_points, columns)

    def chunks(self, rows: int = CHUNK) -> Iterator[Rows]:
        """All points; the arrays side by side."""
        with ExitStack() as stack:
            readers = {name: stack.enter_context(RowReader(part.array)) for name, part in self.parts.items()}
            for start in range(0, self.num_points, rows):
                count = min(rows, self.num_points - start)
                chunk: Rows = {}
                for name, part in self.parts.items():
                    chunk |= part.rows(readers[name].read(count))
                yield chunk

    def new_arrays(self, added: Addition) -> dict[str, NewArray]:
        """The arrays that new columns become: label_red, _green and _blue are label_color, others their own.

        ValueError for the name of an array that is there, but has no row for each point.
        """
        new = {column.name: column for column in added.columns if column.name not in self.names}
        arrays: dict[str, NewArray] = {}
        while new:
            name = next(iter(new))
            stem = next((name[: -len(end)] for end in ("red", "green", "blue") if name.endswith(end)), None)
            group = [f"{stem}{channel}" for channel in ("red", "green", "blue")]
            if stem is not None and all(one in new for one in group):
                arrays[f"{stem}color"] = NewArray(tuple(new.pop(one) for one in group))
            else:
                arrays[name] = NewArray((new.pop(name),))
        if clash := sorted(arrays.keys() & self.arrays.keys()):
            raise ValueError(
                f"{self.file}: its array {clash[0]!r} of the shape "
                f"{list(self.arrays[clash[0]].header.shape)} is in the way of a new one; rename it"
            )
        return arrays

    def is_replaced(self, name: str, added: Addition) -> bool:
        """Whether an addition replaces a column of an array."""
        columns = self.parts[name].columns if name in self.parts else ()
        return not {column.name for column in columns}.isdisjoint(column.name for column in added.columns)

    def write_replaced(self, stream: IO[bytes], name: str, added: Addition, rows: int) -> None:
        """Write an array again, with an addition's values in place of its own."""
        part = self.parts[name]

        def blocks() -> Iterator[np.ndarray]:
            start = 0
            for block in part.array.chunks(rows):
                yield part.replaced(block, wanted(added, start, start + len(block)), self.file)
                start += len(block)

        write_array(stream, part.array.dtype, part.array.header.shape, blocks())

    def write_new(self, stream: IO[bytes], array: NewArray, added: Addition, rows: int) -> None:
        """Write a new array."""

        def blocks() -> Iterator[np.ndarray]:
            for start in range(0, self.num_points, rows):
                values = wanted(added, start, min(start + rows, self.num_points))
                names = [column.name for column in array.columns]
                yield np.stack([fit(values[name], array.dtype, name, self.file) for name in names], axis=1)

        width = len(array.columns)
        shape = (self.num_points,) if width == 1 else (self.num_points, width)
        write_array(stream, array.dtype, shape, blocks())


def _is_columns(array: StoredArray) -> bool:
    return array.dtype.kind in NUMBERS and 0 < array.width <= MAX_WIDTH


def _coordinates(file: Path, arrays: Mapping[str, StoredArray]) -> str:
    """The array whose rows are the points."""
    for name, array in arrays.items():
        if name.lower() in COORD:
            refuse_pickled(array)
    wide = [name for name, array in arrays.items() if _is_columns(array) and array.width >= 3]
    for known in COORD:
        for name in wide:
            if name.lower() == known:
                return name
    flat = {name.lower(): name for name, array in arrays.items() if _is_columns(array) and array.width == 1}
    if {"x", "y", "z"} <= flat.keys():
        return flat["x"]
    if len(wide) == 1:
        return wide[0]
    there = ", ".join(f"{name} {list(array.header.shape)}" for name, array in arrays.items()) or "none"
    raise ValueError(
        f"{file}: no coordinates among its arrays ({there[:500]}); "
        "one needs the name coord and the shape [N, 3]"
    )
