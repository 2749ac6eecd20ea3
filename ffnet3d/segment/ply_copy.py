"""A labelled scan of any format written as PLY, under the names that every viewer knows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ffnet3d.data.formats.cloud import CHUNK, Addition, Column, Rows
from ffnet3d.data.formats.ply_stream import ply_type, stream_ply
from ffnet3d.segment.label_columns import RGB, Paint, label_columns
from ffnet3d.segment.labels import Labels
from ffnet3d.segment.scan import Scan

EXACT = 1e-5  # metres that a coordinate may move by for being a float


@dataclass(frozen=True)
class Source:
    """A column of the scan and what it becomes.

    Args:
        name: in the scan.
        column: in the PLY file.
        color_full: of a colour, the value of a full red in the scan; None for other columns.
    """

    name: str
    column: Column
    color_full: float | None = None

    def convert(self, values: NDArray[np.generic]) -> NDArray[np.generic]:
        """The values as the PLY file has them."""
        if self.color_full is None:
            return values.astype(self.column.dtype)
        scaled = np.nan_to_num(values.astype(np.float64) * (255 / self.color_full), posinf=255)
        return np.rint(np.clip(scaled, 0, 255)).astype(np.uint8)


def write_ply_copy(scan: Scan, labels: Labels, num_classes: int, out: Path, paint: bool = False) -> None:
    """Write a binary PLY file of the scan's numbers, see `ply_sources`, and of `label_columns`."""
    sources = ply_sources(scan)
    names = [source.column.name for source in sources]
    if paint:
        added = label_columns(labels, num_classes, names, Paint(scan.cloud, None, 255.0))
        sources = _without_color(sources)
    else:
        added = label_columns(labels, num_classes, names)
    new = {column.name for column in added.columns}
    kept = [source for source in sources if source.column.name not in new]
    columns = [*(source.column for source in kept), *added.columns]
    stream_ply(out, columns, scan.num_points, _chunks(scan, added, kept))


def ply_sources(scan: Scan) -> list[Source]:
    """Every column of numbers: coordinates x, y, z, colours red, green, blue in 0-255, normals nx, ny, nz.

    The others keep their names, with `_` for what PLY does not take. Coordinates are doubles where floats
    would move a point by over 0.01 mm.
    """
    roles, full = scan.roles, scan.colors.full if scan.colors else 255.0
    fixed = {
        name: Source(name, Column(plain, _coordinate(scan)))
        for name, plain in zip(roles.coord, "xyz", strict=True)
    }
    for name, plain in zip(roles.color or (), RGB, strict=False):
        fixed[name] = Source(name, Column(plain, np.dtype("u1")), full)
    for name, plain in zip(roles.normal or (), ("nx", "ny", "nz"), strict=False):
        fixed[name] = Source(name, Column(plain, np.dtype("<f4")))
    used = {source.column.name for source in fixed.values()}
    sources = []
    for column in scan.cloud.columns:
        if column.name in fixed:
            sources.append(fixed[column.name])
        elif column.dtype.kind in "fiub":
            name = _unused(column.name, used)
            used.add(name)
            sources.append(Source(column.name, Column(name, ply_type(column.dtype))))
    return sources


def _chunks(scan: Scan, added: Addition, kept: list[Source]) -> Iterator[Rows]:
    start = 0
    for chunk in scan.cloud.chunks(CHUNK):
        stop = start + len(chunk[kept[0].name])
        rows = {source.column.name: source.convert(chunk[source.name]) for source in kept}
        yield rows | added.rows(start, stop)
        start = stop


def _without_color(sources: list[Source]) -> list[Source]:
    """The scan's own colours as `original_red` and so on, unless it has such columns from an earlier time."""
    names = {source.column.name for source in sources}
    if any(f"original_{color}" in names for color in RGB):
        return [source for source in sources if source.column.name not in RGB]
    return [
        replace(source, column=Column(f"original_{source.column.name}", source.column.dtype))
        if source.column.name in RGB
        else source
        for source in sources
    ]


def _coordinate(scan: Scan) -> np.dtype:
    """float32 where it is the file's own type, or good enough for the farthest point."""
    own = [column.dtype for column in scan.cloud.columns if column.name in scan.roles.coord]
    farthest = np.abs(scan.origin).max() * scan.options.scale + np.abs(scan.bounds).max()
    narrow = all(dtype.kind == "f" and dtype.itemsize <= 4 for dtype in own) or farthest * 2.0**-24 < EXACT
    return np.dtype("<f4" if narrow else "<f8")


def _unused(name: str, used: set[str]) -> str:
    """The name as one ASCII word that is not used yet."""
    word = "".join(letter if letter.isascii() and letter.isprintable() else "_" for letter in name)
    word = "_".join(word.split()) or "_"
    while word in used:
        word += "_"
    return word
