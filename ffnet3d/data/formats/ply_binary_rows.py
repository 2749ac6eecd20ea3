"""The vertices of a binary PLY file, some at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np

from ffnet3d.data.formats.cloud import Addition, Rows
from ffnet3d.data.formats.ply_binary import BinaryBody
from ffnet3d.data.formats.ply_header import Element, Header
from ffnet3d.data.formats.records import extended, read_exactly, wanted, widened


class BinaryRows:
    """Rows of one size, from the byte `start`; ValueError where the file is too short for them."""

    def __init__(self, file: Path, header: Header, vertex: Element) -> None:
        self.file, self.count = file, vertex.count
        self.order: Literal["<", ">"] = ">" if header.encoding == "binary_big_endian" else "<"
        body = BinaryBody(file, header)
        for element in header.elements[: header.elements.index(vertex)]:
            body.skip(element)
        self.start = body.position
        body.skip(vertex)
        self.record = np.dtype([(one.name, one.dtype.newbyteorder(self.order)) for one in vertex.properties])

    def chunks(self, rows: int) -> Iterator[Rows]:
        """The values in the machine's byte order."""
        for _, raw in self._raw(rows):
            table = np.frombuffer(raw, self.record)
            yield {
                name: table[name].astype(self.record[name].newbyteorder("="))
                for name in self.record.names or ()
            }

    def rewrite(self, out: BinaryIO, added: Addition, rows: int) -> int:
        """Write the rows with the added columns; the byte behind them in this file."""
        wider = extended(self.record, added.columns).newbyteorder(self.order)
        for start, raw in self._raw(rows):
            values = wanted(added, start, start + len(raw) // self.record.itemsize)
            out.write(widened(raw, self.record, wider, values, self.file).view(np.uint8).data)
        return self.start + self.count * self.record.itemsize

    def _raw(self, rows: int) -> Iterator[tuple[int, bytes]]:
        """(First row, bytes) of runs of rows."""
        with self.file.open("rb") as stream:
            stream.seek(self.start)
            for start in range(0, self.count, rows):
                size = min(rows, self.count - start) * self.record.itemsize
                yield start, read_exactly(stream, size, self.file)
