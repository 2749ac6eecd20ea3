"""The points of a scan on disk, brick by brick, after one pass through it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ffnet3d.segment.points import Points
from ffnet3d.segment.tiles.layout import Ints, Layout
from ffnet3d.segment.tiles.scratch import RecordFile

BUFFER = 2**21
"""Points that are gathered before they are sorted by brick and written; most that are read at once."""


def point_dtype(points: Points) -> np.dtype:
    """A record of what the points have, and of their numbers in the scan."""
    fields: list[tuple] = [("row", np.int64), ("coord", np.float32, (3,))]
    fields += [("color", points.color.dtype, (3,))] if points.color is not None else []
    fields += [("normal", np.float32, (3,))] if points.normal is not None else []
    return np.dtype(fields)


def to_records(points: Points, rows: Ints) -> NDArray:
    """Points [N] and their numbers as records of `point_dtype`."""
    records = np.empty(len(points), dtype=point_dtype(points))
    records["row"], records["coord"] = rows, points.coord
    if points.color is not None:
        records["color"] = points.color
    if points.normal is not None:
        records["normal"] = points.normal
    return records


class Spill:
    """The points, in one scratch file; each brick's lie there in a few runs.

    Args:
        folder: of the scratch file.
        layout: tells the bricks.
    """

    def __init__(self, folder: Path, layout: Layout) -> None:
        self.layout = layout
        self._folder = folder
        self._file: RecordFile | None = None
        self._runs: dict[int, list[tuple[int, int]]] = defaultdict(list)  # brick -> first record, count
        self._waiting: list[NDArray] = []

    def add(self, points: Points, rows: Ints) -> None:
        """Points with their numbers [N] in the scan."""
        self._waiting.append(to_records(points, rows))
        if sum(map(len, self._waiting)) >= BUFFER:
            self.flush()

    def flush(self) -> None:
        """Write what was gathered."""
        if not sum(map(len, self._waiting)):
            return
        records = np.concatenate(self._waiting)
        self._waiting.clear()
        if self._file is None:
            self._file = RecordFile(self._folder, records.dtype)
        keys, _ = self.layout.locate(records["coord"])
        order = np.argsort(keys, kind="stable")
        bricks, starts, counts = np.unique(keys[order], return_index=True, return_counts=True)
        first = self._file.append(records[order])
        for brick, start, count in zip(bricks.tolist(), starts.tolist(), counts.tolist(), strict=True):
            self._runs[brick].append((first + start, count))

    def bricks(self) -> Ints:
        """Keys [B] of the bricks that have points, ascending."""
        return np.array(sorted(self._runs), dtype=np.int64)

    def blocks(self, brick: int) -> Iterator[NDArray]:
        """The points of a brick, as records, at most BUFFER at a time."""
        assert self._file is not None  # since there is a brick
        gathered: list[NDArray] = []
        for start, count in self._runs[brick]:
            gathered.append(self._file.read(start, count))
            if sum(map(len, gathered)) >= BUFFER // 4:
                yield np.concatenate(gathered)
                gathered.clear()
        if gathered:
            yield np.concatenate(gathered)

    def close(self) -> None:
        """Give the disk's space back."""
        if self._file is not None:
            self._file.close()
