"""The vertices of a PLY file in text, some at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from ffnet3d.data.formats.cloud import Addition, Rows
from ffnet3d.data.formats.ply_header import Element, Header
from ffnet3d.data.formats.ply_text import BLOCK, Block, TextBody
from ffnet3d.data.formats.records import fit, wanted


class TextRows:
    """Lines of numbers, from the byte `start`; ValueError where the file is too short for them."""

    def __init__(self, file: Path, header: Header, vertex: Element) -> None:
        self.file, self.header, self.vertex = file, header, vertex
        body = self._body()
        self.start = body.position
        body.check(vertex)

    def chunks(self, rows: int) -> Iterator[Rows]:
        """The values in the types that the header states."""
        body = self._body()
        for block in body.blocks(self.vertex, min(rows, BLOCK)):
            yield body.columns(self.vertex, block)

    def rewrite(self, out: BinaryIO, added: Addition, rows: int) -> int:
        """Write the lines with the added columns, the others as they stand; the byte behind them here."""
        body, start = self._body(), 0
        for block in body.blocks(self.vertex, min(rows, BLOCK)):
            texts = self._texts(added, start, start + len(block))
            lines = self._widened(body, block, texts)
            out.write("".join(lines).encode("latin-1"))
            start += len(block)
        return body.position

    def _body(self) -> TextBody:
        """The lines, read up to the vertices."""
        body = TextBody(self.file, self.header)
        for element in self.header.elements[: self.header.elements.index(self.vertex)]:
            body.skip(element)
        return body

    def _texts(self, added: Addition, start: int, stop: int) -> dict[str, list[str]]:
        """The shortest texts that stand for the values in the types of the columns, old or new."""
        types = {column.name: column.dtype for column in added.columns}
        types |= {one.name: one.dtype for one in self.vertex.properties}
        return {
            name: fit(array, types[name], name, self.file).astype(str).tolist()
            for name, array in wanted(added, start, stop).items()
        }

    def _widened(self, body: TextBody, block: Block, texts: dict[str, list[str]]) -> Iterator[str]:
        """The lines with new words behind their own, and in place of some."""
        names = [one.name for one in self.vertex.properties]
        replaced = [(names.index(name), column) for name, column in texts.items() if name in names]
        new = [column for name, column in texts.items() if name not in names]
        for row, (number, line) in enumerate(block):
            words = body.words(self.vertex, number, line)
            for place, column in replaced:
                words[place] = column[row]
            kept = " ".join(words) if replaced else line.rstrip()
            yield " ".join([kept, *(column[row] for column in new)]) + line[len(line.rstrip("\r\n")) :]
