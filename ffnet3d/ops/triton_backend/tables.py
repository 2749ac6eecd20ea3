"""What the kernels need of a neighbour table, worked out once for each level of a batch.

`MaskOrder` serves the fine levels: rows with the same neighbours stand side by side, so that a tile of them
skips the offsets that none of them has. `Pairs` serves the coarse levels and weight gradients: all present
pairs of a row and a neighbour, sorted by offset. Their tensors are int32, on the table's device; none is a
view of the table, which would keep it alive (see `ffnet3d.ops.derived`). Finding pairs waits for the GPU.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor

from ffnet3d.ops.derived import Derived

WORD_BITS = 62
# Rows are sorted among so many neighbours in z-order, no farther: what a run of tiles gathers then stays in a
# GPU's level 2 cache (8 MB of 32 channels in 16 bits), and tiles have at most a few per cent more offsets.
RUN_ROWS = 2**17
# Rows of masks, and entries of the table, that are expanded to 64 bits at a time.
ROWS_AT_ONCE = 2**17
ENTRIES_AT_ONCE = 2**26


class MaskOrder:
    """Rows sorted by which neighbours they have.

    Attributes:
        order: [N] the rows, similar masks side by side.
        columns: [K, N] the neighbours of the rows in that order, N where there is none.
    """

    def __init__(self, neighbors: Tensor) -> None:
        order = _by_mask(neighbors != len(neighbors))
        self.order = order.int()
        self.columns = neighbors.t().index_select(1, order).int()
        self._tiles: dict[int, tuple[Tensor, Tensor]] = {}

    def tiles(self, rows: int) -> tuple[Tensor, Tensor]:
        """For each tile of so many rows: the offsets that any of them has, then the others; how many it has.

        [T, K] and [T].
        """
        if rows not in self._tiles:
            offsets, count = self.columns.shape
            present = torch.nn.functional.pad(self.columns != count, (0, -count % rows))
            of_tile = present.view(offsets, -1, rows).any(2).t()
            listed = of_tile.to(torch.uint8).argsort(dim=1, descending=True, stable=True)
            self._tiles[rows] = listed.int().contiguous(), of_tile.sum(1).int()
        return self._tiles[rows]


class Pairs:
    """All present pairs of a table, sorted by offset, then by row.

    Attributes:
        sources: [P] the neighbour's row; targets: [P] the row whose neighbour it is.
        starts: [K + 1] where the pairs of each offset begin, and their number.
        slots: [K, N] the place of a row's pair among the pairs, -1 where there is none; made when first used.
    """

    def __init__(self, neighbors: Tensor) -> None:
        self.count, self.offsets = neighbors.shape
        sources, targets = [], []
        for columns in neighbors.t().split(max(1, ENTRIES_AT_ONCE // max(1, self.count))):
            flat = columns.reshape(-1)
            places = (flat != self.count).nonzero().squeeze(1)
            sources.append(flat[places].int())
            targets.append(places.remainder_(max(1, self.count)).int())
        self.sources, self.targets = torch.cat(sources), torch.cat(targets)
        ends = (neighbors != self.count).sum(0).cumsum(0)
        self.starts = torch.nn.functional.pad(ends, (1, 0)).int()
        self._slots: Tensor | None = None
        self._tiles: dict[int, tuple[Tensor, Tensor]] = {}

    @property
    def slots(self) -> Tensor:
        if self._slots is None:
            offset = torch.repeat_interleave(self.starts.diff().long(), output_size=len(self.targets))
            slots = self.targets.new_full((self.offsets * self.count,), -1)
            slots[offset * self.count + self.targets] = torch.arange(
                len(self.targets), dtype=torch.int32, device=slots.device
            )
            self._slots = slots.view(self.offsets, self.count)
        return self._slots

    def tiles(self, pairs: int) -> tuple[Tensor, Tensor]:
        """Tiles of so many pairs of one offset: [T] the offset and [T] the first pair of each."""
        if pairs not in self._tiles:
            starts = self.starts.tolist()
            tiles = [
                (offset, first)
                for offset, (start, stop) in enumerate(pairwise(starts))
                for first in range(start, stop, pairs)
            ]
            both = torch.tensor(tiles, dtype=torch.int32).view(-1, 2).t().contiguous()
            offsets, firsts = both.to(self.starts.device).unbind(0)
            self._tiles[pairs] = offsets, firsts
        return self._tiles[pairs]


mask_order = Derived(MaskOrder)
pairs_of = Derived(Pairs)


def _by_mask(present: Tensor) -> Tensor:
    """present [N, K] bool -> [N] int64, the rows in an order that puts similar masks side by side.

    Masks are numbers whose highest bit is the rarest offset, read as Gray code, so that adjacent rows differ
    in few offsets. On scanned rooms tiles of 64 rows then compute 5 to 15 % fewer products than with the bits
    in their own order and no Gray code. Ties keep the order of the rows, and runs of RUN_ROWS rows are sorted
    each by itself.
    """
    rarest_first = present.sum(0).argsort(stable=True)
    bits = present[:, rarest_first].cumsum(1, dtype=torch.uint8) & 1  # of the number whose Gray code it is
    order = torch.arange(len(present), device=present.device)
    for digits in reversed(bits.split(WORD_BITS, dim=1)):
        order = order[_numbers(digits)[order].argsort(stable=True)]
    return order[(order // RUN_ROWS).argsort(stable=True)] if len(order) > RUN_ROWS else order


def _numbers(digits: Tensor) -> Tensor:
    """Binary digits [N, at most WORD_BITS], the highest first -> the numbers [N] int64."""
    places = torch.arange(digits.shape[1] - 1, -1, -1, device=digits.device)
    values = torch.ones_like(places) << places
    return torch.cat([(rows * values).sum(1) for rows in digits.split(ROWS_AT_ONCE)])
