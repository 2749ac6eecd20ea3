"""The data of a PLY file in text: a line a row."""

from __future__ import annotations

from collections.abc import Iterator
from io import TextIOWrapper
from itertools import islice
from pathlib import Path
from typing import TypeAlias

import numpy as np

from ffnet3d.data.formats.ply_columns import Columns, join_lists
from ffnet3d.data.formats.ply_header import Element, Header, Property

BLOCK = 65536  # rows converted at a time

Block: TypeAlias = "list[tuple[int, str]]"
"""Lines with their numbers."""


class TextBody:
    """The lines behind the header, read in the order of the elements; empty ones count for nothing."""

    def __init__(self, file: Path, header: Header) -> None:
        self.file = file
        self.position = header.size  # bytes passed
        self.size = file.stat().st_size
        self.lines = self._numbered(header)

    def read(self, element: Element) -> Columns:
        """The next element's columns; ValueError naming the line where a row is not as the header says."""
        blocks = self.blocks(element)
        return self._read_lists(element, blocks) if element.has_lists else self._read_scalars(element, blocks)

    def skip(self, element: Element) -> None:
        """Pass over the lines of the next element; ValueError where the file ends too early."""
        for _ in self.blocks(element):
            pass

    def blocks(self, element: Element, rows: int = BLOCK) -> Iterator[Block]:
        """The next element's lines, at most `rows` at a time; ValueError where the file ends too early."""
        self.check(element)
        for start in range(0, element.count if element.properties else 0, rows):
            wanted = min(rows, element.count - start)
            block = list(islice(self.lines, wanted))
            if len(block) < wanted:
                raise self._cut_off(element, f"the file holds {start + len(block)}")
            yield block

    def check(self, element: Element) -> None:
        """ValueError where the bytes left are too few for the next element."""
        smallest = 2 * len(element.properties)  # a digit and a space each; the last line may lack its end
        left = max(self.size - self.position, 0)
        if element.count * smallest - 1 > left:
            raise self._cut_off(element, f"but {left} bytes are left")

    def columns(self, element: Element, block: Block) -> dict[str, np.ndarray]:
        """The values of lines without lists; ValueError naming the line that is not as the header says."""
        table = self._table(element, block)
        lines = [line for line, _ in block]
        return {
            one.name: self._cast(table[:, number], one, lines)
            for number, one in enumerate(element.properties)
        }

    def words(self, element: Element, line: int, text: str) -> list[str]:
        """The numbers of a line without lists, as they stand there; ValueError if there are more or fewer."""
        words = text.split()
        if len(words) != len(element.properties):
            raise ValueError(
                f"{self.file}:{line}: {len(words)} values, but a row of {element.name!r} has "
                f"{len(element.properties)}"
            )
        return words

    def _read_scalars(self, element: Element, blocks: Iterator[Block]) -> Columns:
        parts = [self.columns(element, block) for block in blocks]
        return {
            one.name: np.concatenate([part[one.name] for part in parts]) if parts else np.empty(0, one.dtype)
            for one in element.properties
        }

    def _table(self, element: Element, block: Block) -> np.ndarray:
        """Numbers [rows, properties] float64, which holds every value of PLY's types."""
        width = len(element.properties)
        try:
            table = np.loadtxt([text for _, text in block], dtype=np.float64, ndmin=2, comments=None)
            if table.shape == (len(block), width):
                return table
        except ValueError:
            pass  # the rows one by one tell which
        rows = [self._numbers(element, line, self.words(element, line, text)) for line, text in block]
        return np.array(rows, dtype=np.float64)

    def _numbers(self, element: Element, line: int, words: list[str]) -> list[float]:
        try:
            return [float(word) for word in words]
        except ValueError as error:
            raise ValueError(f"{self.file}:{line}: {error} in the element {element.name!r}") from error

    def _read_lists(self, element: Element, blocks: Iterator[Block]) -> Columns:
        parts = [self._lists(element, block) for block in blocks]
        columns: Columns = {}
        for number, one in enumerate(element.properties):
            values = np.concatenate([np.empty(0, one.dtype), *(part[number][0] for part in parts)])
            lengths = np.concatenate([np.empty(0, np.int64), *(part[number][1] for part in parts)])
            columns[one.name] = values if one.length is None else join_lists(values, lengths)
        return columns

    def _lists(self, element: Element, block: Block) -> list[tuple[np.ndarray, np.ndarray]]:
        """(Values one after another, number of values of each row) of each property."""
        values: list[list[float]] = [[] for _ in element.properties]
        lengths: list[list[int]] = [[] for _ in element.properties]
        owners: list[list[int]] = [[] for _ in element.properties]
        for line, text in block:
            row = self._numbers(element, line, text.split())
            for number, own in enumerate(self._split(element, line, row)):
                values[number] += own
                lengths[number].append(len(own))
                owners[number] += [line] * len(own)
        return [
            (self._cast(np.array(values[number], np.float64), one, owners[number]), np.array(lengths[number]))
            for number, one in enumerate(element.properties)
        ]

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

    def _numbered(self, header: Header) -> Iterator[tuple[int, str]]:
        """(Line number, text) of the lines that hold something."""
        with self.file.open("rb") as raw:
            raw.seek(header.size)
            lines = TextIOWrapper(raw, "latin-1", newline="")  # a character a byte, line ends as they are
            for number, line in enumerate(lines, start=header.lines + 1):
                self.position += len(line)
                if not line.isspace():
                    yield number, line

    def _cut_off(self, element: Element, left: str) -> ValueError:
        return ValueError(
            f"{self.file}: the header promises {element.count} rows of the element {element.name!r}, {left}; "
            "perhaps a copy was cut off, download it again"
        )
