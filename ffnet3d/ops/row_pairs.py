"""The present pairs of a neighbour table, row by row: what a depthwise convolution sums over.

A window of 7x7x7 holds 343 offsets, of which a surface has some 60. The pairs name those alone, in six bytes
each, and four more once a gradient of the weight was asked for: together about the size of an int32 table of
3x3x3, half of one of 7x7x7.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from ffnet3d.ops.derived import Derived

ENTRIES_AT_ONCE = 2**20  # of the table, whose places are expanded to 64 bits


@dataclass(frozen=True)
class Block:
    """A run of output rows, and the run of all their pairs."""

    rows: slice
    pairs: slice

    @property
    def count(self) -> int:
        """The number of pairs."""
        return int(self.pairs.stop - self.pairs.start)


@dataclass(frozen=True)
class OffsetOrder:
    """The pairs of a block, offset by offset."""

    places: Tensor  # int32, within the block
    starts: Tensor  # [K] int32: where each offset begins in `places`


class RowPairs:
    """All present pairs of a table [N, K], sorted by row, then by offset.

    Attributes:
        sources: [P] int32, the neighbour's row.
        offsets: [P] int16, or int32 where K asks for it.
        starts: [N + 1] int64, where the pairs of each row begin, and their number.
    """

    def __init__(self, neighbors: Tensor) -> None:
        self.num_offsets = neighbors.shape[1]
        parts = neighbors.split(max(1, ENTRIES_AT_ONCE // self.num_offsets))
        sources, offsets, counts = zip(*(_present(part, len(neighbors)) for part in parts), strict=True)
        self.sources, self.offsets = torch.cat(sources), torch.cat(offsets)
        self.starts: Tensor = torch.nn.functional.pad(torch.cat(counts).cumsum(0), (1, 0))
        self._ordered: tuple[int, tuple[OffsetOrder, ...]] | None = None

    def blocks(self, pairs: int) -> list[Block]:
        """Cut the rows so that a block has about so many pairs, at most K more."""
        marks = pairs * torch.arange(1, len(self.sources) // pairs + 1, device=self.starts.device)
        rows = (torch.searchsorted(self.starts, marks, right=True) - 1).unique_consecutive()
        count = len(self.starts) - 1
        bounds = [0, *(row for row in rows.tolist() if 0 < row < count), count]
        places = self.starts[bounds].tolist()
        cuts = zip(pairwise(bounds), pairwise(places), strict=True)
        return [Block(slice(*rows), slice(*of_rows)) for rows, of_rows in cuts if rows[0] < rows[1]]

    def row_starts(self, block: Block) -> Tensor:
        """[rows] int32: where each row of a block begins among its pairs."""
        return (self.starts[block.rows] - int(block.pairs.start)).int()

    def by_offset(self, pairs: int) -> tuple[OffsetOrder, ...]:
        """The order of each of `blocks(pairs)`; those of one `pairs` are kept."""
        if self._ordered is None or self._ordered[0] != pairs:
            self._ordered = pairs, tuple(self._orders(pairs))
        return self._ordered[1]

    def _orders(self, pairs: int) -> Iterator[OffsetOrder]:
        for block in self.blocks(pairs):
            offsets = self.offsets[block.pairs].int()
            counts = torch.bincount(offsets, minlength=self.num_offsets)
            places = offsets.argsort(stable=True).int()
            yield OffsetOrder(places, (counts.cumsum(0) - counts).int())


row_pairs = Derived(RowPairs)


def _present(part: Tensor, missing: int) -> tuple[Tensor, Tensor, Tensor]:
    """Some rows [R, K] of a table -> sources [P] int32, offsets [P], and the number of pairs [R] int64."""
    rows, num_offsets = part.shape
    dtype = torch.int16 if num_offsets <= 2**15 else torch.int32
    offsets = torch.arange(num_offsets, dtype=dtype, device=part.device).repeat(rows)
    places = (part != missing).view(-1).nonzero().squeeze(1)
    ends = torch.searchsorted(places, num_offsets * torch.arange(rows + 1, device=part.device))
    sources = part.reshape(-1).index_select(0, places).int()
    return sources, offsets.index_select(0, places), ends.diff()
