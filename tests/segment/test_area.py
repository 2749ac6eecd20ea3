import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ffnet3d.segment.area import CellCounter


@given(st.integers(0, 2**32 - 1), st.integers(1, 400))
def test_exact_up_to_the_limit(seed, step):
    rng = np.random.default_rng(seed)
    cells, labels = rng.integers(-6, 6, (1000, 3)), rng.integers(-1, 4, 1000)
    counter = CellCounter(4)
    for start in range(0, 1000, step):
        counter.add(cells[start : start + step], labels[start : start + step])
    for number in range(4):
        assert counter.counts()[number] == len(np.unique(cells[labels == number], axis=0))
    assert counter.share == 1


def test_beyond_the_limit_the_counts_are_near_and_memory_is_bounded():
    cells = np.stack(np.meshgrid(range(-50, 50), range(60), range(50), indexing="ij"), -1).reshape(-1, 3)
    labels = (np.arange(len(cells)) % 10 == 0).astype(np.int16)
    counter = CellCounter(3, limit=20_000)
    for _ in range(2):  # a point more in a cell changes nothing
        for start in range(0, len(cells), 9999):
            counter.add(cells[start : start + 9999], labels[start : start + 9999])
            assert len(counter._hashes) <= 20_000
    assert counter.share <= 1 / 8
    assert counter.counts() == pytest.approx([270_000, 30_000, 0], rel=0.06)


def test_the_order_of_points_does_not_matter():
    rng = np.random.default_rng(0)
    cells, labels = rng.integers(0, 40, (50_000, 3)), rng.integers(0, 3, 50_000)
    counts = []
    for order in (np.arange(50_000), rng.permutation(50_000)):
        counter = CellCounter(3, limit=1000)
        for part in np.array_split(order, 17):
            counter.add(cells[part], labels[part])
        counts.append(counter.counts())
    assert (counts[0] == counts[1]).all()
