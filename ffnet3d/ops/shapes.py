"""Numbers of rows that repeat from scene to scene.

oneDNN compiles a product for each shape that it has not seen, in 0.3 to 3 ms. Every scene has numbers of
voxels and pairs of its own; work cut into pieces of a few sizes finds its products compiled.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

FEWEST = 64  # rows of a piece


@dataclass(frozen=True)
class Piece:
    """A run of rows, of which the first `done` belong to an earlier piece as well."""

    rows: slice
    done: int = 0


def rounded_up(count: int) -> int:
    """The least of the sizes that repeat that is at least `count`: 64, and above it 16 in each octave."""
    if count <= FEWEST:
        return FEWEST if count else 0
    step = _step(count)
    return -(-count // step) * step


def rounded_down(count: int) -> int:
    """The largest of the sizes that repeat that is at most `count`; 0 where all are larger."""
    if count < FEWEST:
        return 0
    step = _step(count) if count > FEWEST else 1
    return count // step * step


def pieces(count: int, most: int) -> Iterator[Piece]:
    """Cover `count` rows by pieces of at most `most` rows, whose sizes repeat; the last may overlap."""
    start = 0
    while start < count:
        left = count - start
        if left >= most:
            size = most
        elif rounded_up(left) <= min(count, most):
            size = rounded_up(left)
        else:
            size = rounded_down(left) or left
        begin = min(start, count - size)
        yield Piece(slice(begin, begin + size), start - begin)
        start = begin + size


def _step(count: int) -> int:
    return 1 << (count - 1).bit_length() - 5
