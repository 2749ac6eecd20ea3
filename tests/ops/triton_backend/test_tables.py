"""What the kernels read of a neighbour table: order, tiles and pairs."""

from __future__ import annotations

import gc
import weakref

import pytest
import torch
from ops.clouds import surface, table

MISSING = "pip install triton to test the triton backend"
tables = pytest.importorskip("ffnet3d.ops.triton_backend.tables", reason=MISSING)


@pytest.mark.parametrize("kernel_size", [1, 3, 5])
@pytest.mark.parametrize("count", [1, 90, 128])
def test_rows_of_one_mask_stand_together(count: int, kernel_size: int) -> None:
    neighbors = table(surface(count), kernel_size)
    ordered = tables.MaskOrder(neighbors)
    assert torch.equal(ordered.order.sort().values, torch.arange(count, dtype=torch.int32))
    assert torch.equal(ordered.columns, neighbors[ordered.order].t())
    assert ordered.columns.is_contiguous()
    present = neighbors[ordered.order] != count
    runs = 1 + int((present[1:] != present[:-1]).any(1).sum())
    assert runs == len(present.unique(dim=0))


def test_long_tables_are_sorted_in_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    neighbors = table(surface(90), 3)
    whole = tables.MaskOrder(neighbors).order
    monkeypatch.setattr(tables, "RUN_ROWS", 32)
    order = tables.MaskOrder(neighbors).order
    for start in (0, 32, 64):
        run = whole[(whole >= start) & (whole < start + 32)]
        assert torch.equal(order[start : start + 32], run)


@pytest.mark.parametrize("rows", [16, 64])
@pytest.mark.parametrize(("count", "kernel_size"), [(1, 3), (64, 3), (90, 3), (90, 5)])
def test_a_tile_lists_the_offsets_of_its_rows_once(count: int, kernel_size: int, rows: int) -> None:
    ordered = tables.MaskOrder(table(surface(count), kernel_size))
    offsets, counts = ordered.tiles(rows)
    assert ordered.tiles(rows)[0] is offsets
    assert offsets.is_contiguous()
    assert counts.is_contiguous()
    assert len(offsets) == len(counts) == -(-count // rows)
    for tile, (listed, found) in enumerate(zip(offsets.tolist(), counts.tolist(), strict=True)):
        columns = ordered.columns[:, tile * rows : (tile + 1) * rows]
        assert listed[:found] == (columns != count).any(1).nonzero().squeeze(1).tolist()
        assert sorted(listed) == list(range(kernel_size**3))


def test_gray_code_saves_offsets_over_the_rows_own_order() -> None:
    neighbors = table(surface(400), 3)
    of_tiles = int(tables.MaskOrder(neighbors).tiles(16)[1].sum())
    present = (neighbors != 400).view(-1, 16, 27).any(1)
    assert of_tiles < 0.7 * int(present.sum())


@pytest.mark.parametrize("entries_at_once", [1, 100, 2**26])
@pytest.mark.parametrize(("count", "kernel_size"), [(1, 3), (50, 3), (50, 5)])
def test_pairs_are_those_of_the_table_by_offset(
    count: int, kernel_size: int, entries_at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "ENTRIES_AT_ONCE", entries_at_once)
    neighbors = table(surface(count), kernel_size)
    pairs = tables.Pairs(neighbors.long())
    offset, row = (neighbors.t() != count).nonzero(as_tuple=True)
    assert all(t.is_contiguous() for t in (pairs.sources, pairs.targets, pairs.starts, pairs.slots))
    assert torch.equal(pairs.targets.long(), row)
    assert torch.equal(pairs.sources, neighbors[row, offset])
    assert pairs.starts.tolist() == [int((offset < k).sum()) for k in range(kernel_size**3 + 1)]
    assert torch.equal(pairs.slots[offset, row].long(), torch.arange(len(row)))
    assert int((pairs.slots < 0).sum()) == int((neighbors == count).sum())


@pytest.mark.parametrize("size", [16, 64])
def test_tiles_of_pairs_cover_each_offset(size: int) -> None:
    pairs = tables.Pairs(table(surface(90), 3))
    offsets, firsts = (tensor.tolist() for tensor in pairs.tiles(size))
    starts = pairs.starts.tolist()
    expected = [(k, p) for k in range(27) for p in range(starts[k], starts[k + 1], size)]
    assert list(zip(offsets, firsts, strict=True)) == expected


@pytest.mark.parametrize("kernel_size", [1, 3])
@pytest.mark.parametrize("count", [1, 20])
def test_what_is_derived_does_not_keep_the_table_alive(count: int, kernel_size: int) -> None:
    neighbors = table(surface(count), kernel_size)
    ordered, pairs = tables.mask_order(neighbors), tables.pairs_of(neighbors)
    ordered.tiles(16), pairs.tiles(16), pairs.slots
    alive = weakref.ref(neighbors)
    del neighbors
    gc.collect()
    assert alive() is None
