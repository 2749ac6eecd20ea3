"""LAS and LAZ files, read and written by laspy (extra `io`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ffnet3d.atomic import write_atomic
from ffnet3d.data.formats.additions import split_columns, stored_dtype
from ffnet3d.data.formats.cloud import CHUNK, Addition, Cloud, Column, Rows
from ffnet3d.data.formats.faults import faults
from ffnet3d.data.formats.las_header import check_header
from ffnet3d.data.formats.records import fit, wanted
from ffnet3d.registry import require

COORD = ("x", "y", "z")
MAX_NAME = 32  # bytes
UNREADABLE = "laspy cannot read it; perhaps a copy was damaged"


class LasCloud(Cloud):
    """A LAS or LAZ file of any version and point format.

    Columns are x, y, z, scaled to float64, and all other dimensions under laspy's names, extra bytes among
    them; red, green, blue are of 16 bits. A dimension of several numbers appears as name_0, name_1, ...

    ValueError naming the file where it is damaged, or promises more points than it can hold; ImportError
    where laspy is not installed.
    """

    def __init__(self, file: Path) -> None:
        self.laspy = require("laspy", "io")
        check_header(file)
        self.file = file
        with self._reader() as reader, faults(file, UNREADABLE):
            self.compressed = bool(reader.header.are_points_compressed)
            empty = self.laspy.ScaleAwarePointRecord.zeros(0, header=reader.header)
            columns = [Column(name, values.dtype) for name, values in self._columns(empty).items()]
            count = int(reader.header.point_count)
        super().__init__(file, count, columns)

    def chunks(self, rows: int = CHUNK) -> Iterator[Rows]:
        """All points in the file's order, at most `rows` at a time; ValueError naming the file's fault."""
        with self._reader() as reader:
            for points in self._points(reader, rows):
                yield self._columns(points)

    def copy(self, out: Path, added: Addition, rows: int = CHUNK) -> None:
        """Write the file again to `out`: version, point format, scales, offsets, records and values stay.

        New columns are extra bytes, under their names. The tree of a COPC file is left out: the copy is a
        plain LAZ. ValueError where a name is too long, or a dimension cannot hold a value.
        """
        _, new = split_columns(added, self.names)
        with self._reader(read_evlrs=True) as reader:
            header = self._extended(reader.header, new)
            evlrs = _without_copc(reader.evlrs or [])

            def write(stream: BinaryIO) -> None:
                backend = self.laspy.LazBackend.Lazrs if self.compressed else None
                writer = self.laspy.LasWriter(
                    stream, header, self.compressed, backend, closefd=False, encoding_errors="ignore"
                )
                done = 0
                for points in self._points(reader, rows):
                    values = wanted(added, done, done + len(points))
                    writer.write_points(self._wider(points, header, values))
                    done += len(points)
                if evlrs:
                    writer.write_evlrs(type(header.vlrs)(evlrs))
                writer.close()

            write_atomic(out, write)

    @contextmanager
    def _reader(self, read_evlrs: bool = False) -> Iterator[Any]:
        """laspy's reader, single-threaded: the parallel one takes memory for what a damaged file says."""
        with self.file.open("rb") as stream:
            with faults(self.file, UNREADABLE):
                reader = self.laspy.LasReader(
                    stream, closefd=False, laz_backend=self.laspy.LazBackend.Lazrs, read_evlrs=read_evlrs
                )
            yield reader

    def _points(self, reader: Any, rows: int) -> Iterator[Any]:
        """The points in laspy's records; ValueError where they are fewer than the header says."""
        left = int(reader.header.point_count)
        while left:
            with faults(self.file, UNREADABLE):
                points = reader.read_points(min(rows, left))
            if len(points) != min(rows, left):
                raise ValueError(f"{self.file}: the file ends {left - len(points)} points too early")
            left -= len(points)
            yield points

    def _columns(self, points: Any) -> Rows:
        with np.errstate(over="ignore", invalid="ignore"):  # odd scales: infinity, or no number
            columns: Rows = {name: np.asarray(points[name], np.float64) for name in COORD}
        for name in points.point_format.dimension_names:
            if name in ("X", "Y", "Z"):
                continue
            values = np.asarray(points[name])
            parts = {name: values} if values.ndim == 1 else _parts(name, values)
            columns |= {part: column for part, column in parts.items() if part not in columns}
        return columns

    def _extended(self, old: Any, new: list[Column]) -> Any:
        """The header of the copy."""
        header = old.copy()
        header.vlrs = _without_copc(header.vlrs)
        dimensions = set(header.point_format.dimension_names)
        for column in new:
            size = len(column.name.encode())
            if not 0 < size <= MAX_NAME or not column.name.isascii() or column.name in dimensions:
                raise ValueError(
                    f"{self.file}: {column.name!r} cannot be the name of a new dimension: up to {MAX_NAME} "
                    "ASCII characters are needed, and none that is there"
                )
            params = self.laspy.ExtraBytesParams(column.name, stored_dtype(self.file, column))
            header.add_extra_dim(params)
        return header

    def _wider(self, points: Any, header: Any, values: Mapping[str, np.ndarray]) -> Any:
        """The points as the copy's header has them, with new values."""
        wider = self.laspy.ScaleAwarePointRecord.zeros(len(points), header=header)
        for name in points.array.dtype.names:
            wider.array[name] = points.array[name]
        current = self._columns(wider)
        for name, array in values.items():
            stem, _, place = name.rpartition("_")
            with faults(self.file, f"the values do not go into its dimension {name!r}"):
                if name in wider.point_format.dimension_names or name in COORD:
                    wider[name] = fit(array, current[name].dtype, name, self.file)
                else:
                    wider[stem][:, int(place)] = fit(array, current[name].dtype, name, self.file)
        return wider


def _parts(name: str, values: np.ndarray) -> Rows:
    return {f"{name}_{i}": values[:, i] for i in range(values.shape[1])}


def _without_copc(records: Any) -> list[Any]:
    return [record for record in records if record.user_id != "copc"]
