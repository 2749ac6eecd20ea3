"""The pairs of a table, row by row: each present entry once, in blocks of whole rows, in little memory."""

from __future__ import annotations

import pytest
import torch
from ops.clouds import surface, table
from ops.depthwise_comparison import CROSS, Kernel, table_of

from ffnet3d.ops.row_pairs import RowPairs


@pytest.mark.parametrize("entries", [2**20, 100])
@pytest.mark.parametrize("kernel", [1, 3, 7, CROSS])
@pytest.mark.parametrize("count", [0, 1, 70])
def test_each_present_entry_once(
    count: int, kernel: Kernel, entries: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ffnet3d.ops.row_pairs.ENTRIES_AT_ONCE", entries)
    neighbors = table_of(surface(count), kernel)
    pairs = RowPairs(neighbors)
    rows, offsets = (neighbors < count).nonzero().unbind(1)
    assert pairs.sources.tolist() == neighbors[rows, offsets].tolist()
    assert pairs.offsets.tolist() == offsets.tolist()
    assert pairs.starts.tolist() == [int((rows < row).sum()) for row in range(count + 1)]


@pytest.mark.parametrize("at_once", [1, 10, 64, 10**6])
def test_blocks_cover_all_rows_and_their_pairs(at_once: int) -> None:
    pairs = RowPairs(table(surface(120), 3))
    blocks = pairs.blocks(at_once)
    assert [block.rows.start for block in blocks] == [0, *(block.rows.stop for block in blocks[:-1])]
    assert blocks[-1].rows.stop == 120
    for block in blocks:
        assert block.pairs == slice(pairs.starts[block.rows.start], pairs.starts[block.rows.stop])
        assert 0 < block.count <= at_once + 27
        assert (pairs.row_starts(block) + block.pairs.start).tolist() == pairs.starts[block.rows].tolist()


@pytest.mark.parametrize("at_once", [50, 10**6])
def test_the_order_of_a_block_is_by_offset_then_by_row(at_once: int) -> None:
    pairs = RowPairs(table(surface(120), 3))
    orders = pairs.by_offset(at_once)
    assert pairs.by_offset(at_once) is orders
    for block, order in zip(pairs.blocks(at_once), orders, strict=True):
        offsets = pairs.offsets[block.pairs].tolist()
        assert order.places.tolist() == sorted(range(block.count), key=lambda place: (offsets[place], place))
        assert order.starts.tolist() == [sum(offset < k for offset in offsets) for k in range(27)]


@pytest.mark.parametrize(("kernel_size", "share"), [(3, 1.05), (5, 0.7), (7, 0.5)])
def test_they_take_about_the_memory_of_the_table(kernel_size: int, share: float) -> None:
    neighbors = table(surface(2000), kernel_size)
    pairs = RowPairs(neighbors)
    orders = pairs.by_offset(8192)
    kept = [pairs.sources, pairs.offsets, pairs.starts, *(order.places for order in orders)]
    assert sum(tensor.nbytes for tensor in kept) < share * neighbors.nbytes
    assert {tensor.dtype for tensor in kept} == {torch.int16, torch.int32, torch.int64}
