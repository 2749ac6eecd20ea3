"""The pairs of a table name exactly its entries, and where their products are to be found."""

from __future__ import annotations

import pytest
import torch
from ops.clouds import surface, table

from ffnet3d.ops.pairs import PairRuns, pair_run


@pytest.mark.parametrize("kernel_size", [1, 3, 5])
@pytest.mark.parametrize("count", [0, 1, 70])
def test_each_entry_once_and_its_product_where_it_is_said(count: int, kernel_size: int) -> None:
    neighbors = table(surface(count), kernel_size)
    for rows in (slice(0, count), slice(count // 3, count)):
        run = pair_run(neighbors, rows)
        products: dict[int, tuple[int, int]] = {}
        for pairs in run.offsets:
            assert pairs.space >= len(pairs.sources)
            for place, (target, source) in enumerate(
                zip(pairs.targets.tolist(), pairs.sources.tolist(), strict=True)
            ):
                assert int(neighbors[target, pairs.k]) == source
                products[pairs.start + place] = (target, pairs.k)
        bounds = [*run.starts.tolist(), len(run.products)]
        for row in range(rows.start, rows.stop):
            places = run.products[bounds[row - rows.start] : bounds[row - rows.start + 1]].tolist()
            present = (neighbors[row] < count).nonzero().flatten().tolist()
            assert [products[place] for place in places] == [(row, k) for k in present]
        assert len(run.products) == len(products) == int((neighbors[rows] < count).sum())
        assert all(place < run.space for place in products)


def test_runs_cover_the_table_within_the_rows_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ffnet3d.ops.pairs.LEAST_ROWS", 16)
    neighbors = table(surface(300), 3)
    runs = PairRuns(neighbors)
    cut = runs.of(400)
    assert [run.rows.start for run in cut[1:]] == [run.rows.stop for run in cut[:-1]]
    assert (cut[0].rows.start, cut[-1].rows.stop) == (0, 300)
    assert len(cut) > 4
    assert runs.of(400) is cut
    assert len(runs.of(10**9)) == 1
    assert torch.cat([run.products for run in cut]).numel() == int((neighbors < 300).sum())
