"""Batch indices and offsets are two forms of one thing."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ffnet3d.voxels import batch2offset, offset2batch


@given(st.lists(st.integers(0, 5), max_size=6))
def test_round_trip_with_empty_scenes(counts):
    offset = torch.tensor(counts, dtype=torch.int64).cumsum(0)
    batch = offset2batch(offset)
    assert batch.tolist() == [scene for scene, count in enumerate(counts) for _ in range(count)]
    assert torch.equal(batch2offset(batch, batch_size=len(counts)), offset)


def test_dtype_is_int64_whatever_comes_in():
    batch = offset2batch(torch.tensor([2, 3], dtype=torch.int32))
    assert batch.dtype == torch.int64
    assert batch2offset(batch.int()).dtype == torch.int64
    assert batch2offset(batch).tolist() == [2, 3]


@pytest.mark.parametrize("offset", [[3, 2], [-1, 2]])
def test_offsets_that_are_not_cumulative(offset):
    with pytest.raises(ValueError, match=r"offset must be cumulative.*got \["):
        offset2batch(torch.tensor(offset))


def test_errors():
    with pytest.raises(ValueError, match=r"offset must be integers \[B\], got torch.float32"):
        offset2batch(torch.tensor([1.0]))
    with pytest.raises(ValueError, match=r"offset must be integers \[B\], got torch.int64 \[\]"):
        offset2batch(torch.tensor(3))
    with pytest.raises(ValueError, match=r"batch must be integers \[N\], got torch.float32"):
        batch2offset(torch.tensor([1.0]))
    with pytest.raises(ValueError, match="batch is not sorted"):
        batch2offset(torch.tensor([1, 0]))
    with pytest.raises(ValueError, match="negative index -1"):
        batch2offset(torch.tensor([-1, 0]))
    with pytest.raises(ValueError, match="index 3, but batch_size is 2"):
        batch2offset(torch.tensor([0, 3]), batch_size=2)
