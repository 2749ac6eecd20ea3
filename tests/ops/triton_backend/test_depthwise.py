"""The triton kernels of the depthwise convolution against the float64 reference."""

from __future__ import annotations

import pytest
import torch
from ops.clouds import surface, table
from ops.comparison import device_of
from tolerances import TOLERANCES, assert_close
from torch import Tensor

from ffnet3d.ops import subm_conv3d_depthwise
from ffnet3d.ops.reference import subm_conv3d_depthwise_reference

MISSING = "pip install triton to test the triton backend"
launch = pytest.importorskip("ffnet3d.ops.triton_backend.launch", reason=MISSING)
weight_gradient = pytest.importorskip("ffnet3d.ops.triton_backend.weight_gradient", reason=MISSING)
DEVICE = device_of("triton")


def make_inputs(count: int, offsets: int, channels: int, dtype: torch.dtype) -> list[Tensor]:
    """Random features, weight, bias and cotangent."""
    generator = torch.Generator().manual_seed(0)
    shapes = ((count, channels), (offsets, channels), (channels,), (count, channels))
    return [torch.randn(shape, generator=generator).to(dtype).to(DEVICE) for shape in shapes]


def check(inputs: list[Tensor], neighbors: Tensor) -> None:
    """Output and gradients against the reference."""
    leaves = [tensor.clone().requires_grad_() for tensor in inputs[:3]]
    exact = [tensor.double().requires_grad_() for tensor in inputs[:3]]
    out = subm_conv3d_depthwise(*leaves, neighbors.to(DEVICE), "triton")
    expected = subm_conv3d_depthwise_reference(*exact, neighbors.to(DEVICE))
    tolerance = TOLERANCES[inputs[0].dtype]
    assert out.dtype == inputs[0].dtype
    assert_close(out, expected, tolerance.forward)
    gradients = torch.autograd.grad(out, leaves, inputs[3])
    wanted = torch.autograd.grad(expected, exact, inputs[3].double())
    for name, a, e in zip(("features", "weight", "bias"), gradients, wanted, strict=True):
        assert_close(a, e, tolerance.gradient, name)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize(
    ("count", "kernel_size", "channels"), [(0, 3, 8), (1, 3, 8), (60, 1, 20), (40, 3, 70), (20, 5, 8)]
)
def test_matches_the_reference(count: int, kernel_size: int, channels: int, dtype: torch.dtype) -> None:
    check(make_inputs(count, kernel_size**3, channels, dtype), table(surface(count), kernel_size))


def test_weight_gradient_in_many_shares(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "_processors", lambda _: 1000)
    check(make_inputs(256, 27, 8, torch.float32), table(surface(256), 3))


def test_strided_inputs_and_int64_table() -> None:
    features, weight, bias, cotangent = make_inputs(30, 27, 8, torch.float32)
    strided = [
        features.t().contiguous().t(),
        weight.t().contiguous().t(),
        bias,
        cotangent.t().contiguous().t(),
    ]
    check(strided, table(surface(30), 3).long())


@pytest.mark.parametrize("activation", ["none", "relu", "gelu"])
def test_bias_and_activation_in_the_last_pass(activation: str) -> None:
    features, weight, bias, _ = make_inputs(30, 27, 12, torch.float32)
    neighbors = table(surface(30), 3).to(DEVICE)
    for term in (bias, None):
        with torch.no_grad():
            out = subm_conv3d_depthwise(features, weight, term, neighbors, "triton", activation)
        exact = (features.double(), weight.double(), None if term is None else term.double())
        expected = subm_conv3d_depthwise_reference(*exact, neighbors, activation)
        assert_close(out, expected, TOLERANCES[torch.float32].forward)


def test_float64_is_refused() -> None:
    features, weight, bias, _ = make_inputs(4, 27, 6, torch.float64)
    with pytest.raises(ValueError, match=r"got torch\.float64: take backend 'torch'"):
        subm_conv3d_depthwise(features, weight, bias, table(surface(4), 3).to(DEVICE), "triton")
