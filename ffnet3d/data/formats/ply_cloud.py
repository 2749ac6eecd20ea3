"""PLY files of any size: their vertices in chunks, and the file written again with columns added."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ffnet3d.atomic import write_atomic
from ffnet3d.data.formats.cloud import CHUNK, Addition, Cloud, Column, Rows
from ffnet3d.data.formats.ply_binary_rows import BinaryRows
from ffnet3d.data.formats.ply_header import Element, read_header
from ffnet3d.data.formats.ply_text_rows import TextRows
from ffnet3d.data.formats.ply_write import NAMES, check_property
from ffnet3d.data.formats.records import copy_range

NARROW = {"b1": "u1", "f2": "f4", "i8": "i4", "u8": "u4"}
"""Types that PLY lacks -> those that stand in for them, where the values allow."""


class PlyCloud(Cloud):
    """The element "vertex" of a PLY file: text or binary of either byte order, alone or with faces.

    ValueError naming the file where its header is at fault, promises more than the file holds, or where the
    vertices hold lists.
    """

    def __init__(self, file: Path) -> None:
        self.header = read_header(file)
        self.vertex = self.header.element("vertex", file)
        _check_vertex(file, self.vertex)
        rows = TextRows if self.header.encoding == "ascii" else BinaryRows
        self.rows: TextRows | BinaryRows = rows(file, self.header, self.vertex)
        columns = [Column(one.name, one.dtype) for one in self.vertex.properties]
        super().__init__(file, self.vertex.count, columns)

    def chunks(self, rows: int = CHUNK) -> Iterator[Rows]:
        """The vertices in the file's order; ValueError naming the line, or the bytes that lack."""
        return self.rows.chunks(rows)

    def copy(self, out: Path, added: Addition, rows: int = CHUNK) -> None:
        """Write the file again with columns added to its vertices: same encoding, every other byte as it is.

        ValueError where an added name or type, or a value for a column that is there, cannot be held.
        """
        stored = Addition(tuple(self._storable(column) for column in added.columns), added.rows)

        def write(stream: BinaryIO) -> None:
            with self.file.open("rb") as source:
                stream.write(self._wider_header(source.read(self.header.size), stored))
                copy_range(source, stream, self.header.size, self.rows.start)
                stop = self.rows.rewrite(stream, stored, rows)
                copy_range(source, stream, stop)

        write_atomic(out, write)

    def _storable(self, column: Column) -> Column:
        """The column in a type of PLY."""
        check_property(self.file, column.name)
        code = column.dtype.str[1:]
        code = NARROW.get(code, code)
        if code not in NAMES:
            raise ValueError(f"{self.file}: PLY has no type for the column {column.name!r}, {column.dtype}")
        return Column(column.name, np.dtype(code))

    def _wider_header(self, header: bytes, added: Addition) -> bytes:
        """The header with a line more for each column that is new."""
        new = [column for column in added.columns if column.name not in self.names]
        newline = self.header.newline.encode()
        lines = header.split(newline[-1:])
        lines[self.vertex.line : self.vertex.line] = [
            f"property {NAMES[column.dtype.str[1:]]} {column.name}".encode() + newline[:-1] for column in new
        ]
        return newline[-1:].join(lines)


def _check_vertex(file: Path, vertex: Element) -> None:
    if not vertex.properties:
        raise ValueError(f"{file}: its element 'vertex' has no properties")
    if lists := [one.name for one in vertex.properties if one.length is not None]:
        raise ValueError(
            f"{file}: its element 'vertex' has lists ({', '.join(lists)}), but a point needs numbers; write "
            "the file again without them"
        )
