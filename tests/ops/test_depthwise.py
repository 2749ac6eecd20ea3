"""The depthwise convolution against its definition, and against the dense one with a diagonal kernel."""

from __future__ import annotations

import pytest
import torch
from ops.clouds import surface, table
from tolerances import TOLERANCES, assert_close
from torch import Tensor

from ffnet3d.ops import subm_conv3d, subm_conv3d_depthwise
from ffnet3d.ops.reference import subm_conv3d_depthwise_reference


def make_inputs(count: int, offsets: int, channels: int, dtype: torch.dtype) -> list[Tensor]:
    """Random features, weight, bias and cotangent."""
    generator = torch.Generator().manual_seed(0)
    shapes = ((count, channels), (offsets, channels), (channels,), (count, channels))
    return [torch.randn(shape, generator=generator).to(dtype) for shape in shapes]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize(("count", "kernel_size"), [(0, 3), (1, 3), (300, 1), (300, 3), (300, 5)])
def test_matches_the_reference(count: int, kernel_size: int, dtype: torch.dtype) -> None:
    inputs = make_inputs(count, kernel_size**3, 24, dtype)
    neighbors = table(surface(count), kernel_size)
    leaves = [tensor.clone().requires_grad_() for tensor in inputs[:3]]
    exact = [tensor.double().requires_grad_() for tensor in inputs[:3]]
    out = subm_conv3d_depthwise(*leaves, neighbors)
    expected = subm_conv3d_depthwise_reference(*exact, neighbors)
    assert_close(out, expected, TOLERANCES[dtype].forward)
    assert out.dtype == dtype
    actual = torch.autograd.grad(out, leaves, inputs[3])
    for gradient, wanted in zip(
        actual, torch.autograd.grad(expected, exact, inputs[3].double()), strict=True
    ):
        assert_close(gradient, wanted, TOLERANCES[dtype].gradient)


def test_is_the_dense_convolution_with_a_diagonal_kernel() -> None:
    features, weight, bias, _ = make_inputs(120, 27, 5, torch.float64)
    neighbors = table(surface(120), 3)
    dense = subm_conv3d(features, torch.diag_embed(weight), bias, neighbors)
    out = subm_conv3d_depthwise(features, weight, bias, neighbors)
    assert_close(out, dense, TOLERANCES[torch.float64].forward)


def test_gradcheck_over_several_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ffnet3d.ops.gather.CPU_BLOCK_BYTES", 27 * 2 * 8 * 3)
    neighbors = table(surface(8), 3)
    leaves = [tensor.requires_grad_() for tensor in make_inputs(8, 27, 2, torch.float64)[:3]]
    assert torch.autograd.gradcheck(lambda x, w, b: subm_conv3d_depthwise(x, w, b, neighbors), leaves)


def test_without_bias_under_autocast() -> None:
    features, weight, _, _ = make_inputs(40, 27, 8, torch.float32)
    neighbors = table(surface(40), 3)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = subm_conv3d_depthwise(features, weight, None, neighbors)
    assert out.dtype == torch.bfloat16
    expected = subm_conv3d_depthwise_reference(features, weight, None, neighbors)
    assert_close(out, expected, 2 * TOLERANCES[torch.bfloat16].forward)


def test_inputs_that_do_not_fit() -> None:
    neighbors = torch.full((4, 27), 4, dtype=torch.int32)
    with pytest.raises(ValueError, match=r"weight must be \[K, C\] = \[27, 6\] here, got \[27, 6, 6\]"):
        subm_conv3d_depthwise(torch.zeros(4, 6), torch.zeros(27, 6, 6), None, neighbors)
    with pytest.raises(ValueError, match=r"bias must be \[6\], got \[4\]"):
        subm_conv3d_depthwise(torch.zeros(4, 6), torch.zeros(27, 6), torch.zeros(4), neighbors)
    with pytest.raises(ValueError, match=r"N = 5 rows"):
        subm_conv3d_depthwise(torch.zeros(5, 6), torch.zeros(27, 6), None, neighbors)
