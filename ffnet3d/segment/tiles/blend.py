"""Votes of several tiles on the same voxels become one answer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ffnet3d.segment.tiles.layout import Ints
from ffnet3d.segment.tiles.plan import Bricks, Tile
from ffnet3d.segment.tiles.predict import Vote
from ffnet3d.segment.tiles.scratch import RecordFile, check_space

Floats = NDArray[np.float32]


def ramp(tile: Tile, cells: Ints, width: int) -> Floats:
    """Weights [V] of a tile's votes on the voxels `cells` [V, 3].

    On each axis 1 from `width` voxels inside the tile's border, 1/2 on it, 0 from `width` voxels outside: the
    weights of two tiles that share a face add up to 1.
    """
    inside = np.minimum(cells + 0.5 - tile.low, tile.high - 0.5 - cells)
    if width == 0:
        return np.asarray((inside > 0).all(axis=1), dtype=np.float32)
    weight = np.clip(0.5 + inside / (2 * width), 0, 1).prod(axis=1)
    return np.asarray(weight, dtype=np.float32)


class Blender:
    """Weighted sums of probabilities, on disk for those bricks alone that several tiles vote on.

    Args:
        folder: of the scratch file.
        bricks: of the scan.
        tiles: that will vote.
        classes: number of classes.

    Raises:
        ValueError: a disk that is too small for them.
    """

    def __init__(self, folder: Path, bricks: Bricks, tiles: list[Tile], classes: int) -> None:
        self.width = bricks.layout.blend
        self.missing = np.zeros(len(bricks.keys), dtype=np.int64)  # votes to come, of each brick
        for tile in tiles:
            self.missing[bricks.within(tile.grown(self.width))] += 1
        record = np.dtype([("weight", np.float32), ("sum", np.float32, (classes,))])
        check_space(folder, int(bricks.counts[self.missing > 1].sum()) * record.itemsize)
        self._file = RecordFile(folder, record)
        self._starts: dict[int, int] = {}  # brick -> its first record

    def add(self, tile: Tile, votes: Iterator[Vote]) -> Iterator[tuple[int, Floats]]:
        """Count a tile's votes; yields each brick that all have voted on by now, and its probabilities."""
        for vote in votes:
            self.missing[vote.brick] -= 1
            weight = ramp(tile, vote.cells, self.width)
            if self.missing[vote.brick] == 0 and vote.brick not in self._starts:
                yield vote.brick, vote.probabilities
                continue
            weight, total = self._add_to_disk(vote, weight)
            if self.missing[vote.brick] == 0:
                yield vote.brick, total / weight[:, None]

    def _add_to_disk(self, vote: Vote, weight: Floats) -> tuple[Floats, Floats]:
        """The sums with this vote: of weights [V], and of weighted probabilities [V, C]."""
        start = self._starts.get(vote.brick)
        records = (
            np.zeros(len(weight), self._file.dtype) if start is None else self._file.read(start, len(weight))
        )
        records["weight"] += weight
        records["sum"] += weight[:, None] * vote.probabilities
        if start is None:
            self._starts[vote.brick] = self._file.append(records)
        elif self.missing[vote.brick]:
            self._file.write(start, records)
        return records["weight"], records["sum"]

    def close(self) -> None:
        """Give the disk's space back."""
        self._file.close()
