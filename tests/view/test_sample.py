"""An even sample of a cloud, and its columns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ffnet3d.data.formats import write_ply
from ffnet3d.data.formats.open import open_cloud
from ffnet3d.view import sample
from ffnet3d.view.sample import even_sample, take


@given(num_points=st.integers(0, 3000), most=st.integers(1, 3500), seed=st.integers(0, 3))
def test_a_sample_holds_each_point_once_at_most(num_points, most, seed):
    index = even_sample(num_points, most, seed)
    assert len(index) == min(num_points, most)
    assert len(np.unique(index)) == len(index)
    assert ((index >= 0) & (index < num_points)).all()
    np.testing.assert_array_equal(index, even_sample(num_points, most, seed))


def test_prefixes_are_even_over_the_file(monkeypatch):
    monkeypatch.setattr(sample, "BLOCK", 1000)  # many blocks, so that points are thrown out again and again
    index = even_sample(200_000, 10_000)
    for part in (index, index[:2000]):
        counts, _ = np.histogram(part, bins=10, range=(0, 200_000))
        expected = len(part) / 10
        assert np.abs(counts - expected).max() < 5 * np.sqrt(expected)


def test_memory_is_bound_by_the_sample(monkeypatch):
    monkeypatch.setattr(sample, "BLOCK", 100)
    largest = []
    append = np.append

    def watched(*arrays):
        result = append(*arrays)
        largest.append(len(result))
        return result

    monkeypatch.setattr(np, "append", watched)
    even_sample(50_000, 300)
    assert max(largest) <= 2 * 300 + 100


def test_columns_come_in_the_order_of_the_sample(tmp_path: Path, monkeypatch):
    values = np.arange(5000, dtype=np.int32)
    file = tmp_path / "points.ply"
    write_ply(file, {"x": values / 2, "y": values / 4, "z": values / 8, "label": values})
    cloud = open_cloud(file)
    chunks = cloud.chunks
    monkeypatch.setattr(cloud, "chunks", lambda: chunks(777))
    index = even_sample(5000, 1234)
    rows = take(cloud, ["label", "x"], index)
    np.testing.assert_array_equal(rows["label"], index)
    np.testing.assert_array_equal(rows["x"], index / 2)
