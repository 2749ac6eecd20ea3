"""Linear layers against PyTorch's own, forward and backward, and the perceptron in blocks."""

from __future__ import annotations

import pytest
import torch
from tolerances import TOLERANCES, assert_close
from torch import Tensor
from torch.nn import functional

from ffnet3d.ops import feed_forward, linear


def make(count: int, cin: int, cout: int, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(count)
    shapes = ((count, cin), (cout, cin), (cout,), (count, cout))
    features, weight, bias, cotangent = (torch.randn(s, generator=generator).to(dtype) for s in shapes)
    return features, weight, bias, cotangent


@pytest.mark.parametrize("activation", ["none", "relu", "gelu"])
@pytest.mark.parametrize("with_bias", [True, False])
@pytest.mark.parametrize("count", [0, 1, 77])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16], ids=str)
def test_linear_matches_float64(dtype: torch.dtype, count: int, with_bias: bool, activation: str) -> None:
    *inputs, cotangent = make(count, 24, 40, dtype)
    leaves = [tensor.requires_grad_() for tensor in inputs[: 2 + with_bias]]
    wide = [tensor.detach().double().requires_grad_() for tensor in leaves]
    actual = linear(*leaves, *(() if with_bias else (None,)), activation=activation)
    expected = functional.linear(*wide)
    expected = {"none": expected, "relu": expected.relu(), "gelu": functional.gelu(expected)}[activation]
    assert actual.dtype == dtype
    limit = TOLERANCES[dtype]
    assert_close(actual.detach(), expected.detach(), limit.forward)
    with torch.no_grad():
        again = linear(*leaves, *(() if with_bias else (None,)), activation=activation)
    assert_close(again, expected.detach(), limit.forward)
    gradients = torch.autograd.grad(actual, leaves, cotangent)
    for a, e in zip(gradients, torch.autograd.grad(expected, wide, cotangent.double()), strict=True):
        assert a.dtype == dtype
        assert_close(a, e, limit.gradient)


def test_linear_in_autocast_and_with_strides() -> None:
    features, weight, bias, cotangent = make(50, 16, 8, torch.float32)
    expected = functional.linear(features, weight, bias)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = linear(features, weight.requires_grad_(), bias)
    assert out.dtype == torch.bfloat16
    assert_close(out.detach(), expected, 2 * TOLERANCES[torch.bfloat16].forward)
    out.backward(cotangent.bfloat16())
    assert weight.grad is not None
    assert weight.grad.dtype == torch.float32
    strided = features.t().contiguous().t()
    assert_close(linear(strided, weight.detach(), bias), expected, TOLERANCES[torch.float32].forward)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_a_perceptron_in_blocks_is_two_layers(
    activation: str, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ffnet3d.ops.dense.HIDDEN_BYTES", 7 * 64 * dtype.itemsize)  # seven rows a block
    features, weight, bias, _ = make(31, 16, 64, dtype)
    _, back, end, _ = make(31, 64, 16, dtype)
    hidden = getattr(functional, activation)(
        functional.linear(features.double(), weight.double(), bias.double())
    )
    expected = functional.linear(hidden, back.double(), end.double())
    with torch.inference_mode():
        out = feed_forward(features, (weight, bias), (back, end), activation)
    assert_close(out, expected, 3 * TOLERANCES[dtype].forward)
