"""PCD files of the Point Cloud Library, versions 0.5 to 0.7: text, binary and compressed."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ffnet3d.atomic import write_atomic
from ffnet3d.data.formats.additions import split_columns, stored_dtype
from ffnet3d.data.formats.cloud import CHUNK, Addition, Cloud, Column, Rows
from ffnet3d.data.formats.pcd_body import (
    check_size,
    compress,
    decompressed,
    map_fields,
    read_binary,
    read_text,
)
from ffnet3d.data.formats.pcd_color import pack, packed_names, unpack, without_alpha
from ffnet3d.data.formats.pcd_header import Field, Header, read_header
from ffnet3d.data.formats.records import fit, wanted
from ffnet3d.data.formats.text_rows import as_words, extend_rows


class PcdCloud(Cloud):
    """A PCD file.

    A field of several numbers appears as columns name_0, name_1, ...; packed colours (`rgb`, `rgba`) as red,
    green, blue (and alpha), uint8. Compressed data, which hold field after field, pass through a temporary
    file. ValueError naming the file (and line) where it is not whole or not as its header says.
    """

    def __init__(self, file: Path) -> None:
        self.header = read_header(file)
        check_size(file, self.header)
        self.packed = packed_names(self.header.stored)
        super().__init__(file, self.header.num_points, self._columns())

    def chunks(self, rows: int = CHUNK) -> Iterator[Rows]:
        """All points in the file's order, at most `rows` at a time; ValueError naming the file's fault."""
        if self.header.encoding == "ascii":
            yield from (self._unpacked(table) for _, table in read_text(self.file, self.header, rows))
        elif self.header.encoding == "binary":
            yield from (self._unpacked(table) for table in read_binary(self.file, self.header, rows))
        else:
            with decompressed(self.file, self.header) as columns:
                for start in range(0, self.num_points, rows):
                    part = {name: values[start : start + rows] for name, values in columns.items()}
                    yield self._unpacked(part)

    def copy(self, out: Path, added: Addition, rows: int = CHUNK) -> None:
        """Write the file again to `out` in its own encoding, the new columns as fields at the end.

        Lines of text, comments, padding and the viewpoint stay as they are. New colours are packed into the
        old field. Compressed data are written as literal runs of LZF: valid, but not smaller. ValueError
        where a name has blanks, or a value does not go into the field that it replaces.
        """
        _, new = split_columns(added, self.names)
        fields = [Field(column.name, stored_dtype(self.file, column)) for column in new]
        held = {name for field in self.header.stored for name in (field.name, *field.columns)}
        for field in fields:
            if not field.name.isascii() or len(field.name.split()) != 1 or field.name in (*held, "_"):
                raise ValueError(f"{self.file}: {field.name!r} cannot be the name of a new field of PCD")
        header = self.header.extended(fields)
        writer = {"ascii": self._copy_text, "binary": self._copy_binary}
        write = writer.get(header.encoding, self._copy_compressed)

        def write_all(stream: BinaryIO) -> None:
            stream.write(b"".join(header.lines))
            write(stream, header, added, rows)

        write_atomic(out, write_all)

    def _columns(self) -> list[Column]:
        columns = list[Column]()
        for field in self.header.stored:
            unpacked = [Column(name, np.dtype("u1")) for name in self.packed.get(field.name, ())]
            columns += unpacked or [Column(name, field.dtype.newbyteorder("=")) for name in field.columns]
        return columns

    def _unpacked(self, table: np.ndarray | Rows) -> Rows:
        """The columns of a table, in the machine's byte order."""
        columns: Rows = {}
        for field in self.header.stored:
            if names := self.packed.get(field.name):
                columns |= {name: unpack(table[field.name], name) for name in names}
            else:
                columns |= {n: np.array(table[n], field.dtype.newbyteorder("=")) for n in field.columns}
        return columns

    def _values(self, table: np.ndarray | Rows, added: Addition, start: int, stop: int) -> Rows:
        """Stored column -> its values for the points start..stop - 1, new ones and those that change."""
        packed = {name: field for field, names in self.packed.items() for name in names}
        columns = {column.name: column.dtype for column in self.columns}
        values: Rows = {}
        for column, given in zip(added.columns, wanted(added, start, stop).values(), strict=True):
            name = column.name
            dtype = columns[name] if name in columns else stored_dtype(self.file, column)
            fitted = fit(given, dtype, name, self.file)
            if name in packed:
                field = packed[name]
                values[field] = pack(values.get(field, table[field]), name, fitted)
            else:
                values[name] = fitted
        return values

    def _copy_text(self, stream: BinaryIO, _: Header, added: Addition, rows: int) -> None:
        """Lines that stand among the points without being one are left out."""
        places = {name: place for place, name in enumerate(self.header.row.names or ())}
        done = 0
        for lines, table in read_text(self.file, self.header, rows):
            values = self._values(table, added, done, done + len(lines))
            done += len(lines)
            for name in values.keys() & self.packed.keys():
                values[name] = without_alpha(values[name])
            replaced = {places[name]: as_words(values[name]) for name in values if name in places}
            appended = [as_words(v) for name, v in values.items() if name not in places]
            stream.writelines(extend_rows(lines, replaced, appended, None))

    def _copy_binary(self, stream: BinaryIO, header: Header, added: Addition, rows: int) -> None:
        done, old = 0, self.header.row.itemsize
        for table in read_binary(self.file, self.header, rows):
            raw = np.empty((len(table), header.row.itemsize), np.uint8)
            raw[:, :old] = table.view(np.uint8).reshape(len(table), old)
            whole = raw.view(header.row)[:, 0]
            for name, values in self._values(table, added, done, done + len(table)).items():
                whole[name] = values
            stream.write(raw.data)
            done += len(table)

    def _copy_compressed(self, stream: BinaryIO, header: Header, added: Addition, rows: int) -> None:
        size = header.num_points * header.row.itemsize
        with decompressed(self.file, self.header) as old, tempfile.TemporaryFile() as unpacked:
            unpacked.truncate(size)
            whole = map_fields(unpacked, header, "r+")
            for start in range(0, self.num_points, rows):
                part = slice(start, min(start + rows, self.num_points))
                table = {name: values[part] for name, values in old.items()}
                for name, values in {**table, **self._values(table, added, start, part.stop)}.items():
                    whole[name][part] = values
            compress(self.file, unpacked, size, stream)
