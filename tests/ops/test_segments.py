"""Segment reductions against their definition, for any order and any emptiness of the segments."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tolerances import TOLERANCES, assert_close
from torch import Tensor

from ffnet3d.ops import segment_reduce
from ffnet3d.ops.reference import segment_reduce_reference

REDUCTIONS = ("max", "mean", "sum")


def check(values: Tensor, index: Tensor, num_segments: int, reduce: str) -> None:
    """Result and gradient in the dtype of `values` against the reference in float64."""
    cotangent = torch.randn(num_segments, values.shape[1], generator=torch.Generator().manual_seed(1))
    leaf, exact = values.clone().requires_grad_(), values.double().requires_grad_()
    out = segment_reduce(leaf, index, num_segments, reduce)
    expected = segment_reduce_reference(exact, index, num_segments, reduce)
    tolerance = TOLERANCES[values.dtype]
    assert out.dtype == values.dtype
    assert_close(out, expected, tolerance.forward, reduce)
    (gradient,) = torch.autograd.grad(out, leaf, cotangent.to(values.dtype))
    if expected.requires_grad:  # not for no rows at all
        (wanted,) = torch.autograd.grad(expected, exact, cotangent.to(values.dtype).double())
        assert_close(gradient, wanted, tolerance.gradient, f"gradient of {reduce}")


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("reduce", REDUCTIONS)
def test_matches_the_reference(reduce: str, dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(500, 7, generator=generator).to(dtype)
    index = torch.randint(0, 120, (500,), generator=generator)
    check(values, index.sort().values, 130, reduce)  # children by parent, some parents at the end empty
    check(values, index, 130, reduce)  # points by voxel, in any order


@given(
    index=st.lists(st.integers(0, 5), max_size=12),
    reduce=st.sampled_from(REDUCTIONS),
    levels=st.integers(1, 3),
)
def test_ties_empty_segments_and_no_rows(index: list[int], reduce: str, levels: int) -> None:
    generator = torch.Generator().manual_seed(len(index))
    values = torch.randint(-levels, levels, (len(index), 2), generator=generator).double()
    check(values, torch.tensor(index, dtype=torch.long), 6, reduce)


def test_gradient_of_a_tie_is_shared_evenly() -> None:
    values = torch.tensor([[3.0], [1.0], [3.0], [-2.0]], requires_grad=True)
    segment_reduce(values, torch.tensor([0, 0, 0, 2]), 3, "max").backward(torch.tensor([[4.0], [9.0], [5.0]]))
    assert values.grad is not None
    assert values.grad.tolist() == [[2.0], [0.0], [2.0], [5.0]]


def test_more_ties_than_sixteen_bits_can_count() -> None:
    values = torch.zeros(1000, 1, dtype=torch.bfloat16, requires_grad=True)
    out = segment_reduce(values, torch.zeros(1000, dtype=torch.long), 1, "max")
    (gradient,) = torch.autograd.grad(out, values, torch.ones_like(out))
    assert_close(gradient, torch.full((1000, 1), 1e-3), TOLERANCES[torch.bfloat16].gradient)


def test_no_segments() -> None:
    assert segment_reduce(torch.zeros(0, 3), torch.zeros(0, dtype=torch.long), 0, "max").shape == (0, 3)


@pytest.mark.parametrize("reduce", REDUCTIONS)
def test_gradcheck(reduce: str) -> None:
    values = torch.randn(9, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    index = torch.tensor([0, 0, 1, 1, 1, 3, 4, 4, 4])
    assert torch.autograd.gradcheck(lambda v: segment_reduce(v, index, 5, reduce), values.requires_grad_())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"reduce": "median"}, "unknown reduction 'median'; known: max, mean, sum"),
        ({"values": torch.zeros(4)}, r"values must be floating \[N, C\]"),
        ({"values": torch.zeros(4, 1, dtype=torch.long)}, "values must be floating"),
        ({"index": torch.zeros(3, dtype=torch.long)}, r"index must be int64 \[4\], got torch.int64 \[3\]"),
        ({"index": torch.zeros(4, dtype=torch.int32)}, "index must be int64"),
        ({"index": torch.tensor([0, 1, 2, 3])}, r"index must lie in 0\.\.2, got 0\.\.3"),
        ({"index": torch.tensor([0, -1, 2, 2])}, r"got -1\.\.2"),
    ],
)
def test_inputs_that_do_not_fit(change: dict[str, object], message: str) -> None:
    arguments = {"values": torch.zeros(4, 1), "index": torch.tensor([0, 0, 1, 2]), "num_segments": 3}
    with pytest.raises(ValueError, match=message):
        segment_reduce(**{**arguments, **change})


def test_an_index_is_looked_at_once_until_it_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[int] = []
    aminmax = Tensor.aminmax
    monkeypatch.setattr(Tensor, "aminmax", lambda index: looks.append(len(index)) or aminmax(index))
    values, index = torch.randn(4, 3), torch.tensor([0, 1, 1, 2])
    for _ in range(2):
        segment_reduce(values, index, 3)
    assert looks == [4]
    index[0] = 3
    with pytest.raises(ValueError, match=r"index must lie in 0\.\.2, got 1\.\.3"):
        segment_reduce(values, index, 3)
