"""Points as text: a line for each, with blanks, commas, semicolons or tabs between its numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ffnet3d.atomic import write_atomic
from ffnet3d.data.formats.additions import split_columns
from ffnet3d.data.formats.cloud import CHUNK, Addition, Cloud, Column, Rows
from ffnet3d.data.formats.records import wanted
from ffnet3d.data.formats.renamed import state_names
from ffnet3d.data.formats.text_layout import BOM, find_layout
from ffnet3d.data.formats.text_rows import Lines, as_words, extend_rows, parse_rows, read_lines


class TextCloud(Cloud):
    """A text file of points: `.xyz`, `.txt`, `.asc`, `.csv`, `.pts`; every column is float64.

    Empty lines and comments (# or //) may stand anywhere. The columns' names come from a first line, or from
    a comment before the rows; else they are guessed. `names` states those of the first columns instead. A
    line with nothing but the count of points, as `.pts` has it, is checked.

    ValueError naming file and line where a row has another number of columns, or a word is no number.
    """

    def __init__(self, file: Path, names: Sequence[str] | None = None) -> None:
        self.layout = find_layout(file)
        stated = state_names(file, self.layout.names, names or ())
        self.row = np.dtype([(name, np.float64) for name in stated])
        count = sum(len(rows) for rows, _ in map(self._rows, read_lines(file, self.layout.skip)))
        if self.layout.promise and self.layout.promise[1] != count:
            number, promised = self.layout.promise
            raise ValueError(f"{file}:{number}: {promised} points are promised, but the file holds {count}")
        super().__init__(file, count, [Column(name, np.dtype(np.float64)) for name in stated])

    def chunks(self, rows: int = CHUNK) -> Iterator[Rows]:
        """All points in the file's order, at most `rows` at a time; ValueError naming the file's fault."""
        for block in read_lines(self.file, self.layout.skip):
            lines, numbers = self._rows(block)
            for start in range(0, len(lines), rows):
                part, where = lines[start : start + rows], numbers[start : start + rows]
                table = parse_rows(self.file, part, where, self.row, self.layout.delimiter)
                yield {name: np.ascontiguousarray(table[name]) for name in self.names}

    def copy(self, out: Path, added: Addition, rows: int = CHUNK) -> None:
        """Write the file again to `out`, new values at the end of each line, behind the file's separator.

        All other text stays as it is; a column that is there gets its words replaced. New names go to the end
        of the line that names the columns, if there is one.
        """
        _, new = split_columns(added, self.names)
        for column in new:
            if column.name.split(self.layout.delimiter) != [column.name] or "\n" in column.name:
                raise ValueError(f"{self.file}: {column.name!r} cannot be the name of a column of its text")

        def write(stream: BinaryIO) -> None:
            stream.write(BOM[: self.layout.skip])
            done = 0
            for block in read_lines(self.file, self.layout.skip):
                lines = list(block.lines)
                self._extend_header(block, lines, [column.name for column in new])
                _, numbers = self._rows(block)
                for start in range(0, len(numbers), rows):
                    where = [number - block.first for number in numbers[start : start + rows]]
                    values = wanted(added, done, done + len(where))
                    longer = self._longer([lines[place] for place in where], values)
                    done += len(where)
                    for place, line in zip(where, longer, strict=True):
                        lines[place] = line
                stream.writelines(lines)

        write_atomic(out, write)

    def _rows(self, block: Lines) -> tuple[Sequence[bytes], Sequence[int]]:
        """The rows of a block and their line numbers; neither the header nor the count is among them."""
        rows, numbers = block.rows()
        early = sum(number < self.layout.first for number in numbers[:2])
        return rows[early:], numbers[early:]

    def _longer(self, lines: Sequence[bytes], values: Rows) -> list[bytes]:
        places = {name: place for place, name in enumerate(self.names)}
        replaced = {places[name]: as_words(array) for name, array in values.items() if name in places}
        appended = [as_words(array) for name, array in values.items() if name not in places]
        return extend_rows(lines, replaced, appended, self.layout.delimiter, self.layout.glue)

    def _extend_header(self, block: Lines, lines: list[bytes], names: Sequence[str]) -> None:
        """Put names to the end of the header, where it is in the block."""
        if self.layout.header is None or block.first != 1:
            return
        place = self.layout.header - 1
        glue = self.layout.glue if self.layout.glue.encode() in lines[place] else " "
        words = [[name.encode("utf-8").decode("latin-1")] for name in names]
        lines[place : place + 1] = extend_rows([lines[place]], {}, words, None, glue)
