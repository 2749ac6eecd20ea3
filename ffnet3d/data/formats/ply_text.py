"""The data of a PLY file in text: a line a row."""

from __future__ import annotations

from collections.abc import Iterator
from io import TextIOWrapper
from itertools import islice
from pathlib import Path

import numpy as np

from ffnet3d.data.formats.ply_columns import Columns, join_lists
from ffnet3d.data.formats.ply_header import Element, Header, Property

BLOCK = 65536  # rows converted at a time


class TextBody:
    """The lines behind the header, read in the order of the elements; empty ones count for nothing."""

    def __init__(self, file: Path, header: Header) -> None:
        self.file = file
        self.left = file.stat().st_size - header.size  # bytes
        self.lines = self._numbered(header)

    def read(self, element: Element) -> Columns:
        """The next element's columns; ValueError naming the line where a row is not as the header says."""
        smallest = 2 * len(element.properties)  # a digit and a space each; the last line may lack its end
        if element.count * smallest - 1 > self.left:
            raise self._cut_off(element, f"but {self.left} bytes are left")
        if not element.properties:
            return {}
        plain = all(one.length is None for one in element.properties)
        blocks = self._blocks(element)
        return self._read_scalars(element, blocks) if plain else self._read_lists(element, blocks)

    def _read_scalars(self, element: Element, blocks: Iterator[list[tuple[int, str]]]) -> Columns:
        parts: list[list[np.ndarray]] = [[] for _ in element.properties]
        for block in blocks:
            table = self._table(element, block)
            for number, one in enumerate(element.properties):
                parts[number].append(self._cast(table[:, number], one, [line for line, _ in block]))
        return {
            one.name: np.concatenate(part) if part else np.empty(0, one.dtype)
            for one, part in zip(element.properties, parts, strict=True)
        }

    def _table(self, element: Element, block: list[tuple[int, str]]) -> np.ndarray:
        """Numbers [rows, properties] float64, which holds every value of PLY's types."""
        width = len(element.properties)
        try:
            table = np.loadtxt([text for _, text in block], dtype=np.float64, ndmin=2, comments=None)
            if table.shape == (len(block), width):
                return table
        except ValueError:
            pass  # the rows one by one tell which
        return np.array([self._numbers(element, line, text, width) for line, text in block])

    def _numbers(self, element: Element, line: int, text: str, width: int | None = None) -> list[float]:
        words = text.split()
        if width is not None and len(words) != width:
            raise ValueError(
                f"{self.file}:{line}: {len(words)} values, but a row of {element.name!r} has {width}"
            )
        try:
            return [float(word) for word in words]
        except ValueError as error:
            raise ValueError(f"{self.file}:{line}: {error} in the element {element.name!r}") from error

    def _read_lists(self, element: Element, blocks: Iterator[list[tuple[int, str]]]) -> Columns:
        values: list[list[float]] = [[] for _ in element.properties]
        lengths: list[list[int]] = [[] for _ in element.properties]
        owners: list[list[int]] = [[] for _ in element.properties]
        for block in blocks:
            for line, text in block:
                for number, row in enumerate(self._split(element, line, self._numbers(element, line, text))):
                    values[number] += row
                    lengths[number].append(len(row))
                    owners[number] += [line] * len(row)
        columns: Columns = {}
        for number, one in enumerate(element.properties):
            array = self._cast(np.array(values[number], dtype=np.float64), one, owners[number])
            columns[one.name] = (
                array if one.length is None else join_lists(array, np.array(lengths[number], int))
            )
        return columns

    def _split(self, element: Element, line: int, row: list[float]) -> Iterator[list[float]]:
        """The values of each property in a row with lists."""
        position = 0
        for one in element.properties:
            length = 1
            if one.length is not None:
                said = row[position] if position < len(row) else 0.0
                if said < 0 or not said.is_integer():
                    raise ValueError(f"{self.file}:{line}: a list of {said:g} values")
                length = int(said)
                position += 1
            yield row[position : position + length]
            position += length
        if position != len(row):
            raise ValueError(
                f"{self.file}:{line}: {len(row)} values, but the lists of {element.name!r} ask for {position}"
            )

    def _cast(self, values: np.ndarray, one: Property, lines: list[int]) -> np.ndarray:
        """Values in the property's type; ValueError naming the line of one that it cannot hold."""
        if one.dtype.kind in "iu":
            limits = np.iinfo(one.dtype)
            wrong = ~((values >= limits.min) & (values <= limits.max) & (values == np.floor(values)))
            if wrong.any():
                row = int(wrong.argmax())
                raise ValueError(
                    f"{self.file}:{lines[row]}: {one.name} is {values[row]:g}, but the header promises an "
                    f"integer from {limits.min} to {limits.max}"
                )
        with np.errstate(over="ignore"):  # beyond float32's range: infinity
            return values.astype(one.dtype)

    def _blocks(self, element: Element) -> Iterator[list[tuple[int, str]]]:
        """The element's rows with their line numbers, some at a time."""
        for start in range(0, element.count, BLOCK):
            wanted = min(BLOCK, element.count - start)
            block = list(islice(self.lines, wanted))
            if len(block) < wanted:
                raise self._cut_off(element, f"the file holds {start + len(block)}")
            yield block

    def _numbered(self, header: Header) -> Iterator[tuple[int, str]]:
        """(Line number, text) of the lines that hold something."""
        with self.file.open("rb") as raw:
            raw.seek(header.size)
            for number, line in enumerate(TextIOWrapper(raw, "latin-1"), start=header.lines + 1):
                if not line.isspace():
                    yield number, line

    def _cut_off(self, element: Element, left: str) -> ValueError:
        return ValueError(
            f"{self.file}: the header promises {element.count} rows of the element {element.name!r}, {left}; "
            "perhaps a copy was cut off, download it again"
        )
