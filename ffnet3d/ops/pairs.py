"""The present pairs of a neighbour table, offset by offset: what the table holds without its gaps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ffnet3d.ops.derived import Derived
from ffnet3d.ops.shapes import rounded_up

LEAST_ROWS = 1024  # of a run


@dataclass(frozen=True)
class OffsetPairs:
    """The pairs of offset k among a run of output rows: neighbors[targets[p], k] == sources[p]."""

    k: int
    sources: Tensor  # [P] int32, rows of the input
    targets: Tensor  # [P] int32, rows of the output
    start: int  # row of the first pair's product among the products of the run
    space: int  # rows reserved for the products, at least P


@dataclass(frozen=True)
class PairRun:
    """All pairs of a run of output rows, and for each of the rows where its products lie."""

    rows: slice
    offsets: tuple[OffsetPairs, ...]
    products: Tensor  # int32, rows of the products, output row by output row
    starts: Tensor  # [rows] int32: where each output row begins in `products`

    @property
    def space(self) -> int:
        """Rows that the products of the run need."""
        return sum(pairs.space for pairs in self.offsets)

    @property
    def widest(self) -> int:
        """Rows that the products of one offset need at most."""
        return max(pairs.space for pairs in self.offsets)


class PairRuns:
    """The runs of a neighbour table [N, K], cut so that the products of a run fit a given number of rows."""

    def __init__(self, neighbors: Tensor) -> None:
        self.neighbors = neighbors.detach()
        count = max(1, len(neighbors))
        self.pairs_per_row = int((neighbors != len(neighbors)).sum()) / count
        self.known: dict[int, tuple[PairRun, ...]] = {}

    def of(self, product_rows: int) -> tuple[PairRun, ...]:
        """Runs of a power of two of output rows, with about `product_rows` pairs each at most."""
        rows = max(LEAST_ROWS, 1 << int(product_rows / max(1.0, self.pairs_per_row)).bit_length() - 1)
        rows = min(rows, 1 << len(self.neighbors).bit_length())
        if rows not in self.known:
            self.known[rows] = tuple(self._runs(rows))
        return self.known[rows]

    def _runs(self, rows: int) -> Iterator[PairRun]:
        for start in range(0, len(self.neighbors), rows):
            yield pair_run(self.neighbors, slice(start, min(start + rows, len(self.neighbors))))


pair_runs = Derived(PairRuns)


def pair_run(neighbors: Tensor, rows: slice) -> PairRun:
    """The pairs of the output rows `rows` of a table [N, K]."""
    table = neighbors[rows].int().t().contiguous()  # [K, R]
    present = table != len(neighbors)
    counts = present.sum(dim=1)
    where = present.view(-1).nonzero().squeeze(1)
    sources = table.view(-1).index_select(0, where).split(counts.tolist())
    targets = where.remainder(table.shape[1]).add_(rows.start).int().split(counts.tolist())
    spaces = [rounded_up(count) for count in counts.tolist()]
    starts = [sum(spaces[:k]) for k in range(len(spaces))]
    return PairRun(
        rows,
        tuple(
            OffsetPairs(k, sources[k], targets[k], starts[k], spaces[k])
            for k in range(len(spaces))
            if len(sources[k])
        ),
        *_places_by_row(present, where, counts, starts),
    )


def _places_by_row(
    present: Tensor, where: Tensor, counts: Tensor, starts: Sequence[int]
) -> tuple[Tensor, Tensor]:
    """Rows of the products, output row by output row, and where each output row begins among them.

    The pairs `present [K, R]` lie at `where` of it, offset by offset, `counts [K]` each; the products of an
    offset begin at row `starts[k]`.
    """
    gaps = torch.tensor(starts, device=where.device) - (counts.cumsum(0) - counts)
    place = torch.arange(len(where), dtype=torch.int32, device=where.device)
    place += gaps.int().repeat_interleave(counts)
    places = torch.zeros(present.shape, dtype=torch.int32, device=where.device)
    places.view(-1).index_copy_(0, where, place)
    by_row = present.t().contiguous().view(-1).nonzero().squeeze(1)
    per_row = present.sum(dim=0, dtype=torch.int32)
    return (
        places.t().reshape(-1).index_select(0, by_row),
        per_row.cumsum(0, dtype=torch.int32) - per_row,
    )


def max_sizes(runs: Sequence[PairRun]) -> tuple[int, int]:
    """The largest number of rows that the products of one offset, and of one run, need."""
    return max((run.widest for run in runs), default=0), max((run.space for run in runs), default=0)
