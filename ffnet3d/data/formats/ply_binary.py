"""The data of a binary PLY file, element by element."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ffnet3d.data.formats.ply_columns import Columns, join_lists
from ffnet3d.data.formats.ply_header import Element, Header

MAX_ROW = 1 << 20  # bytes; rows beyond this are read one by one


class BinaryBody:
    """The bytes behind the header, read in the order of the elements."""

    def __init__(self, file: Path, header: Header) -> None:
        self.file = file
        self.big_endian = header.encoding == "binary_big_endian"
        self.data = np.asarray(np.memmap(file, dtype=np.uint8, mode="r"))
        self.position = header.size

    def read(self, element: Element) -> Columns:
        """The next element's columns; ValueError where the file ends too early."""
        self._check(element)
        if not element.properties:
            return {}
        table = self._even(element) if element.count else None
        if table is None:
            return self._read_uneven(element)
        return {one.name: table[one.name].astype(one.dtype) for one in element.properties}

    def skip(self, element: Element) -> None:
        """Pass over the next element; ValueError where the file ends too early."""
        self._check(element)
        if not element.has_lists:
            self.position += element.count * element.smallest
        elif element.count and self._even(element) is None:
            for _ in self._rows(element):
                pass

    def _check(self, element: Element) -> None:
        smallest = element.smallest
        if smallest and element.count * smallest > self._left():
            raise self._cut_off(element, f"{self._left() // smallest} at most")

    def _even(self, element: Element) -> np.ndarray | None:
        """The rows, passed over at once, if every one is built like the first (all triangles); else None."""
        lengths = self._lengths(element, 0, self.position)
        fields: list[Any] = []
        for one, length in zip(element.properties, lengths, strict=True):
            if one.length is not None:
                fields.append((f"length of {one.name}", self._ordered(one.length)))
            fields.append((one.name, self._ordered(one.dtype), () if one.length is None else (length,)))
        row = _row_size(element, lengths)
        stop = self.position + element.count * row
        if row > MAX_ROW or stop > len(self.data):
            return None
        table = self.data[self.position : stop].view(np.dtype(fields))
        for one, length in zip(element.properties, lengths, strict=True):
            if one.length is not None and (table[f"length of {one.name}"] != length).any():
                return None
        self.position = stop
        return table

    def _rows(self, element: Element) -> Iterator[tuple[int, list[int]]]:
        """(First byte, number of values of each property) of the rows, passed over one by one."""
        for row in range(element.count):
            found = self._lengths(element, row, self.position)
            size = _row_size(element, found)
            if size > self._left():
                raise self._cut_off(element, f"{row}, the next has {size} bytes")
            yield self.position, found
            self.position += size

    def _read_uneven(self, element: Element) -> Columns:
        """The columns where lists differ in length: one pass to find the rows, one to gather their values."""
        lengths = np.empty((element.count, len(element.properties)), dtype=np.int64)
        starts = np.empty(element.count, dtype=np.int64)
        for row, (start, found) in enumerate(self._rows(element)):
            starts[row] = start
            lengths[row] = found
        columns: Columns = {}
        for number, one in enumerate(element.properties):
            starts += 0 if one.length is None else one.length.itemsize
            values = self._gather(starts, lengths[:, number], one.dtype)
            columns[one.name] = values if one.length is None else join_lists(values, lengths[:, number])
            starts += lengths[:, number] * one.dtype.itemsize
        return columns

    def _lengths(self, element: Element, row: int, position: int) -> list[int]:
        """Number of values of each property in the row that begins at a byte."""
        lengths = []
        for one in element.properties:
            length = 1
            if one.length is not None:
                stop = position + one.length.itemsize
                if stop > len(self.data):
                    raise self._cut_off(element, str(row))
                length = int(self.data[position:stop].view(self._ordered(one.length))[0])
                if length < 0:
                    where = f"{self.file}: byte {position}: row {row} of the element {element.name!r}"
                    raise ValueError(f"{where} has a list {one.name!r} of {length} values")
                position = stop
            lengths.append(length)
            position += length * one.dtype.itemsize
        return lengths

    def _gather(self, starts: np.ndarray, lengths: np.ndarray, dtype: np.dtype) -> np.ndarray:
        """The values of lists that begin at the bytes `starts` [N], one list after another."""
        firsts = np.cumsum(lengths) - lengths
        within = np.arange(lengths.sum()) - np.repeat(firsts, lengths)
        byte = np.repeat(starts, lengths) + within * dtype.itemsize
        raw = self.data[byte[:, None] + np.arange(dtype.itemsize)]
        values: np.ndarray = raw.reshape(-1).view(self._ordered(dtype)).astype(dtype)
        return values

    def _ordered(self, dtype: np.dtype) -> np.dtype:
        return dtype.newbyteorder(">" if self.big_endian else "<")

    def _left(self) -> int:
        """Bytes that are not read yet."""
        return max(len(self.data) - self.position, 0)

    def _cut_off(self, element: Element, held: str) -> ValueError:
        return ValueError(
            f"{self.file}: the header promises {element.count} rows of the element {element.name!r}, "
            f"the file holds {held}; {self._left()} bytes are left; perhaps a copy was cut off, download it "
            "again"
        )


def _row_size(element: Element, lengths: Sequence[int]) -> int:
    """Bytes of a row whose properties have so many values."""
    rows = zip(element.properties, lengths, strict=True)
    return sum(
        (one.length.itemsize if one.length else 0) + length * one.dtype.itemsize for one, length in rows
    )
