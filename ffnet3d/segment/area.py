"""Numbers of distinct cells in streams too long to remember."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LIMIT = 2**21  # cells remembered
WHOLE = 2**64
# Odd constants of no structure; multiplying and shifting by turns spreads every bit over all others.
SPREAD = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F)


class CellCounter:
    """Number of distinct cells of each class, in bounded memory.

    Exact up to `limit` cells of all classes together. From there on only cells whose hash lies below a
    threshold are remembered, which halves whenever they become too many: a sample of all cells that points
    in any order and number draw alike. The error of a count that k remembered cells stand for is about
    1 / sqrt(k).
    """

    def __init__(self, num_classes: int, limit: int = LIMIT) -> None:
        self.num_classes = num_classes
        self.limit = limit
        self.share = 1.0  # of all cells, what is remembered
        self._hashes = np.zeros(0, dtype=np.uint64)  # sorted, distinct
        self._labels = np.zeros(0, dtype=np.int16)

    def add(self, cells: NDArray[np.integer], labels: NDArray[np.integer]) -> None:
        """Points more: the cell [n, 3] of each, any integers, and its class [n]; negative: left out."""
        labelled = labels >= 0
        hashes = _hash(cells[labelled], labels[labelled])
        hashes, first = np.unique(hashes, return_index=True)
        fresh = hashes <= self._last()
        place = np.searchsorted(self._hashes, hashes)
        if len(self._hashes):
            fresh &= self._hashes[np.minimum(place, len(self._hashes) - 1)] != hashes
        self._hashes = np.insert(self._hashes, place[fresh], hashes[fresh])
        self._labels = np.insert(self._labels, place[fresh], labels[labelled][first[fresh]])
        while len(self._hashes) > self.limit:
            self.share /= 2
            kept = int(np.searchsorted(self._hashes, self._last(), side="right"))
            self._hashes, self._labels = self._hashes[:kept], self._labels[:kept]

    def counts(self) -> NDArray[np.float64]:
        """Distinct cells of each class, [C]."""
        return np.bincount(self._labels, minlength=self.num_classes) / self.share

    def _last(self) -> np.uint64:
        """The highest hash that is remembered."""
        return np.uint64(int(WHOLE * self.share) - 1)


def _hash(cells: NDArray[np.integer], labels: NDArray[np.integer]) -> NDArray[np.uint64]:
    """A hash of each cell [n, 3] and its class, [n]."""
    mixed = np.zeros(len(labels), dtype=np.uint64)
    for part in (labels, *cells.T):
        mixed = (mixed + SPREAD[0]) ^ part.astype(np.int64).view(np.uint64)
        for factor in SPREAD:
            mixed = mixed * factor
            mixed ^= mixed >> np.uint64(29)
    return mixed
