"""E57 files, read and written by libe57 as pye57 brings it (extra `io`)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ffnet3d.atomic import write_atomic
from ffnet3d.data.formats.additions import split_columns, stored_dtype
from ffnet3d.data.formats.cloud import CHUNK, Addition, Cloud, Column, Rows
from ffnet3d.data.formats.e57_copy import TreeCopy
from ffnet3d.data.formats.e57_header import check_header
from ffnet3d.data.formats.e57_scan import PREFIX, Field, Points, Scan, buffer_dtype, make_buffers
from ffnet3d.data.formats.faults import faults
from ffnet3d.data.formats.records import fit, wanted
from ffnet3d.registry import require

COORD = ("x", "y", "z")
URI = "urn:ffnet3d:points"  # of the namespace in which new columns stand
UNREADABLE = "libe57 cannot read it; perhaps a copy was damaged"
OTHER_FORMAT = "write another format (--format ply)"


class E57Cloud(Cloud):
    """All scans of an E57 file, one after another.

    Columns are x, y, z, float64 in the frame of the whole (poses applied, spherical coordinates converted,
    NaN where a point is marked invalid), then the fields that every scan has: red, green, blue, intensity ...

    ValueError naming the file where it is damaged or has no scan; ImportError where pye57 is not installed.
    """

    def __init__(self, file: Path) -> None:
        self.libe57 = require("pye57.libe57", "io")
        check_header(file)
        self.file = file
        with self._scans() as scans:
            if not scans:
                raise ValueError(f"{file}: it holds no scans")
            count = sum(scan.count for scan in scans)
            super().__init__(file, count, _common_columns(scans))

    def chunks(self, rows: int = CHUNK) -> Iterator[Rows]:
        """All points in the file's order, at most `rows` at a time; ValueError naming the file's fault."""
        with self._scans() as scans:
            for scan in scans:
                chunks = scan.rows(rows)
                while chunk := self._next(chunks):
                    yield {column.name: chunk[column.name].astype(column.dtype) for column in self.columns}

    def copy(self, out: Path, added: Addition, rows: int = CHUNK) -> None:
        """Write the file again to `out`: all scans, poses, pictures and other nodes, every number as it is.

        New columns are fields of a namespace of their own (ffnet3d:label), which other programs may skip.
        ValueError where coordinates would be replaced, a name is none of XML, or a field cannot hold a value.
        """
        replaced, new = split_columns(added, self.names)
        if not {column.name for column in replaced}.isdisjoint(COORD):
            raise ValueError(f"{self.file}: the coordinates of E57 cannot be replaced; {OTHER_FORMAT}")
        for column in new:
            if not re.fullmatch(r"[A-Za-z_][\w.-]*", column.name, re.ASCII):
                raise ValueError(f"{self.file}: {column.name!r} cannot be the name of a field of E57")
            if column.dtype.kind == "u" and column.dtype.itemsize == 8:
                raise ValueError(f"{self.file}: E57 has no type for {column.name!r}, uint64; {OTHER_FORMAT}")
        with self._scans() as scans:
            write_atomic(out, lambda stream: self._write(Path(stream.name), scans, new, added, rows))

    @contextmanager
    def _scans(self) -> Iterator[list[Scan]]:
        """The scans of the opened file."""
        lib = self.libe57
        with faults(self.file, UNREADABLE):
            image = lib.ImageFile(str(self.file), "r")
        try:
            with faults(self.file, UNREADABLE):
                nodes = lib.VectorNode(image.root().get("data3D"))
                structures = [lib.StructureNode(nodes.get(place)) for place in range(nodes.childCount())]
                scans = [Scan(self.file, lib, image, node) for node in structures if node.isDefined("points")]
            yield scans
        finally:
            image.close()

    def _next(self, chunks: Iterator[Rows]) -> Rows | None:
        with faults(self.file, UNREADABLE):
            return next(chunks, None)

    def _write(self, path: Path, scans: list[Scan], new: list[Column], added: Addition, rows: int) -> None:
        lib = self.libe57
        with faults(self.file, "libe57 cannot write it again"):
            image = lib.ImageFile(str(path), "w")
            try:
                self._add_extensions(image, scans[0].image, bool(new))
                paths = [scan.node.pathName() for scan in scans]
                tree = TreeCopy(lib, image, lambda: {_own(c): self._node(image, c) for c in new}, paths)
                tree.copy_children(scans[0].image.root(), image.root())
                tree.fill_blobs()
                targets = {old.pathName(): (old, target) for old, target in tree.points}
                done = 0
                for path, scan in zip(paths, scans, strict=True):
                    self._write_points(image, targets.pop(path)[1], scan, added, done, rows)
                    done += scan.count
                for old, target in targets.values():
                    records = Points(self.file, lib, scans[0].image, old)
                    self._write_points(image, target, records, Addition((), _nothing), 0, rows)
            finally:
                image.close()

    def _add_extensions(self, image: Any, old: Any, own: bool) -> None:
        """The namespaces of the old file, and the one of new columns."""
        known = {old.extensionsPrefix(i): old.extensionsUri(i) for i in range(old.extensionsCount())}
        known.setdefault("", self.libe57.E57_V1_0_URI)
        if own:
            known.setdefault(PREFIX, URI)
        for prefix, uri in known.items():
            image.extensionsAdd(prefix, uri)

    def _node(self, image: Any, column: Column) -> Any:
        """The description of a new field."""
        dtype = stored_dtype(self.file, column)
        if dtype.kind == "f":
            precision = self.libe57.E57_SINGLE if dtype.itemsize == 4 else self.libe57.E57_DOUBLE
            limit = float(np.finfo(dtype).max)
            return self.libe57.FloatNode(image, 0.0, precision, -limit, limit)
        limits = np.iinfo(dtype)
        return self.libe57.IntegerNode(image, 0, int(limits.min), int(limits.max))

    def _write_points(
        self, image: Any, target: Any, points: Points, added: Addition, done: int, rows: int
    ) -> None:
        """Write points, of which the first is point `done` of the whole."""
        if points.odd:
            raise ValueError(
                f"{self.file}: its fields {', '.join(points.odd)} are no numbers; {OTHER_FORMAT}"
            )
        fields = {field.column: field for field in points.fields}
        writer = None
        for raw in points.read(rows, scaled=False):
            count = len(next(iter(raw.values())))
            for column, (name, values) in zip(
                added.columns, wanted(added, done, done + count).items(), strict=True
            ):
                if name in self.names:
                    raw[fields[name].name] = self._fitted(fields[name], values)
                else:
                    raw[_own(column)] = values.astype(stored_dtype(self.file, column))
            if writer is None:
                arrays = {
                    name: np.empty(min(rows, points.count), buffer_dtype(v.dtype)) for name, v in raw.items()
                }
                writer = target.writer(make_buffers(self.libe57, image, arrays, False))
            for name, values in raw.items():
                arrays[name][:count] = values
            writer.write(count)
            done += count
        if writer is not None:
            writer.close()

    def _fitted(self, field: Field, values: np.ndarray) -> np.ndarray:
        """New values of a field as the file holds them."""
        if field.scale:
            scale, offset = field.scale
            values = np.round((values - offset) / scale)
        fitted = fit(values, field.stored, field.column, self.file)
        if field.stored.kind in "iu" and len(fitted):
            low, high = field.node.minimum(), field.node.maximum()
            if fitted.min() < low or fitted.max() > high:
                raise ValueError(f"{self.file}: its field {field.name!r} holds {low} to {high} only")
        return fitted


def _nothing(_start: int, _stop: int) -> Rows:
    return {}


def _own(column: Column) -> str:
    """The name of a new field."""
    return f"{PREFIX}:{column.name}"


def _common_columns(scans: list[Scan]) -> list[Column]:
    """The columns that all scans have, in types that hold all."""
    tables = [scan.columns() for scan in scans]
    names = [name for name in tables[0] if name not in COORD and all(name in table for table in tables)]
    common = [Column(name, np.result_type(*(table[name] for table in tables))) for name in names]
    return [*(Column(name, np.dtype(np.float64)) for name in COORD), *common]
