"""An array in `.npy` form, in a file or an archive, read row by row."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from ffnet3d.data.formats.npy_header import NpyHeader, npy_header, read_npy_header
from ffnet3d.data.formats.records import read_exactly

RUNS = 64  # stretches of the rows that a sample is made of


@dataclass(frozen=True)
class StoredArray:
    """An array whose rows are points.

    Args:
        where: file, or file and member, for errors.
        header: shape, order and type.
        open: gives its bytes from the header on, seekable.
    """

    where: Path
    header: NpyHeader
    open: Callable[[], IO[bytes]]

    def __len__(self) -> int:
        return self.header.shape[0] if self.header.shape else 0

    @property
    def width(self) -> int:
        """Numbers of a row: C of [N, C], 1 of [N]; 0 of other shapes."""
        shape = self.header.shape
        return 1 if len(shape) == 1 else shape[1] if len(shape) == 2 else 0

    @property
    def dtype(self) -> np.dtype:
        """Type of a number, or of a structured row."""
        return self.header.dtype

    def chunks(self, rows: int) -> Iterator[np.ndarray]:
        """The rows in order: [n, width], or [n] of a structured type; ValueError for a damaged file."""
        with RowReader(self) as reader:
            for start in range(0, len(self), rows):
                yield reader.read(min(rows, len(self) - start))

    def sample(self, rows: int) -> np.ndarray:
        """About so many rows, or all, in short runs from all over the array."""
        if len(self) <= rows:
            return next(self.chunks(rows))
        run = rows // RUNS
        step = (len(self) - run) // (RUNS - 1)
        with RowReader(self) as reader:
            parts = []
            for _ in range(RUNS):
                parts.append(reader.read(run))
                if len(parts) < RUNS:
                    reader.skip(step - run)
        return np.concatenate(parts)


class RowReader:
    """Reads an array's rows one run after another; columns that lie apart (Fortran's order) side by side."""

    def __init__(self, array: StoredArray) -> None:
        self.array = array
        self.apart = array.header.fortran_order and array.width > 1
        self.row = array.dtype.itemsize * (1 if self.apart else array.width)
        self.stack = ExitStack()
        self.streams: list[IO[bytes]] = []

    def __enter__(self) -> RowReader:
        with ExitStack() as stack:
            for column in range(self.array.width if self.apart else 1):
                stream = stack.enter_context(self.array.open())
                stream.seek(self.array.header.offset + column * len(self.array) * self.row)
                self.streams.append(stream)
            self.stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self.stack.close()

    def skip(self, rows: int) -> None:
        """Pass over rows."""
        for stream in self.streams:
            stream.seek(rows * self.row, 1)

    def read(self, rows: int) -> np.ndarray:
        """The next rows."""
        parts = [
            np.frombuffer(read_exactly(stream, rows * self.row, self.array.where), self.array.dtype)
            for stream in self.streams
        ]
        if self.apart:
            return np.stack(parts, axis=1)
        return parts[0] if self.array.dtype.names else parts[0].reshape(rows, self.array.width)


def stored_array(where: Path, size: int, open: Callable[[], IO[bytes]]) -> StoredArray:
    """The array of a `.npy` file of `size` bytes; ValueError as `read_npy_header`."""
    with open() as stream:
        return StoredArray(where, read_npy_header(stream, size, where), open)


def refuse_pickled(array: StoredArray) -> None:
    """ValueError for an array of Python objects."""
    if array.dtype.hasobject:
        raise ValueError(
            f"{array.where}: holds pickled Python objects, which are never read, since they can run code: "
            "save plain numbers"
        )


def write_array(
    stream: IO[bytes], dtype: np.dtype, shape: tuple[int, ...], blocks: Iterable[np.ndarray]
) -> None:
    """Write an array in `.npy` form from blocks of its rows."""
    stream.write(npy_header(dtype, shape))
    for block in blocks:
        stream.write(block.astype(dtype, copy=False).tobytes())  # NumPy stacks to the machine's byte order
