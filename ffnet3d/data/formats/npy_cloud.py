"""A `.npy` file of points: a plain array [N, C], or one with named fields."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ffnet3d.atomic import write_atomic
from ffnet3d.data.formats.array_columns import SAMPLE, field_names, guess_names, make_part
from ffnet3d.data.formats.cloud import CHUNK, Addition, Cloud, Column, Rows
from ffnet3d.data.formats.records import extended, fit, wanted, widened
from ffnet3d.data.formats.renamed import state_names
from ffnet3d.data.formats.stored_array import StoredArray, refuse_pickled, stored_array, write_array

MAX_WIDTH = 1024  # columns; beyond, the array is hardly one of points


class NpyCloud(Cloud):
    """The rows of an array.

    Columns of a plain array are x, y, z, then what they look like (red, green, blue; nx, ny, nz), then
    column_7 and so on; `names` states those of the first columns instead. Pickled arrays are never read.
    """

    def __init__(self, file: Path, names: Sequence[str] | None = None) -> None:
        array = stored_array(file, file.stat().st_size, lambda: file.open("rb"))
        refuse_pickled(array)
        _check_shape(array)
        self.part = make_part(array, _names(array, names))
        super().__init__(file, len(array), self.part.columns)

    def chunks(self, rows: int = CHUNK) -> Iterator[Rows]:
        """The rows in the file's order."""
        for block in self.part.array.chunks(rows):
            yield self.part.rows(block)

    def copy(self, out: Path, added: Addition, rows: int = CHUNK) -> None:
        """Write the array again with columns added.

        A plain array keeps its type where that holds the added values (floats may be rounded, integers not);
        else all become the type that does. ValueError where that loses a value.
        """
        new = [column for column in added.columns if column.name not in self.names]
        array = self.part.array
        structured = array.dtype.names is not None
        if structured and (taken := [one.name for one in new if one.name in (array.dtype.names or ())]):
            raise ValueError(
                f"{self.file}: it has a field {', '.join(taken)} already, under another name here"
            )
        dtype = extended(array.dtype, new) if structured else self._common(new, added, rows)
        shape = (len(array),) if structured else (len(array), array.width + len(new))

        def write(stream: BinaryIO) -> None:
            write_array(stream, dtype, shape, self._wider(dtype, new, added, rows))

        write_atomic(out, write)

    def _common(self, new: list[Column], added: Addition, rows: int) -> np.dtype:
        """The type for the numbers of a plain array and new ones: its own where their values allow."""
        own = self.part.array.dtype
        common = common_type(own, new)
        if own.kind != "f" or common == own:
            return common
        names = [column.name for column in new if column.dtype.kind != "f"]
        for start in range(0, self.num_points, rows):
            values = wanted(added, start, min(start + rows, self.num_points))
            if any((values[name].astype(own) != values[name]).any() for name in names):
                return common
        return own

    def _wider(self, dtype: np.dtype, new: list[Column], added: Addition, rows: int) -> Iterator[np.ndarray]:
        """The array's rows with the added columns."""
        start = 0
        for block in self.part.array.chunks(rows):
            values = wanted(added, start, start + len(block))
            fresh = {column.name: values.pop(column.name) for column in new}
            block = self.part.replaced(block, values, self.file)
            if block.dtype.names is not None:
                yield widened(block.tobytes(), block.dtype, dtype, fresh, self.file)
            else:
                columns = {**{one.name: block[:, i] for i, one in enumerate(self.columns)}, **fresh}
                fitted = [fit(column, dtype, name, self.file) for name, column in columns.items()]
                yield np.stack(fitted, axis=1)
            start += len(block)


def common_type(dtype: np.dtype, added: Sequence[Column]) -> np.dtype:
    """The type of an array that holds its own numbers and the added: floats may be rounded, integers not."""
    common = dtype
    for column in added:
        if column.dtype.kind == "f" and common.kind != "f":
            common = np.result_type(common, np.float32)
        elif column.dtype.kind != "f" and not np.can_cast(column.dtype, common, "safe"):
            common = np.result_type(common, column.dtype)
    return common


def _names(array: StoredArray, stated: Sequence[str] | None) -> list[str]:
    """Names of the columns: fields', stated or guessed."""
    if array.dtype.names is not None:
        own = field_names(array.dtype)
    elif stated:
        own = [f"column_{column + 1}" for column in range(array.width)]
    else:
        own = guess_names(array.sample(SAMPLE))
    return state_names(array.where, own, stated or ())


def _check_shape(array: StoredArray) -> None:
    """ValueError unless there are points, in rows of numbers or of named fields."""
    shape = array.header.shape
    width = sum(math.prod(array.dtype[field].shape) for field in array.dtype.names or ())
    if width > MAX_WIDTH:
        raise ValueError(f"{array.where}: {width} numbers in a row, more than points have")
    if 0 in shape:
        raise ValueError(f"{array.where}: it holds no points: its shape is {list(shape)}")
    if array.dtype.names is not None:
        if len(shape) == 1:
            return
        raise ValueError(f"{array.where}: an array with fields needs the shape [N], got {list(shape)}")
    if len(shape) != 2 or not 3 <= shape[1] <= MAX_WIDTH:
        turned = "; are its rows its columns?" if len(shape) == 2 and 3 <= shape[0] < shape[1] else ""
        raise ValueError(f"{array.where}: needs the shape [N, 3 or more], got {list(shape)}{turned}")
    if array.dtype.kind not in "fiu":
        raise ValueError(f"{array.where}: needs real numbers, got dtype {array.dtype}")
