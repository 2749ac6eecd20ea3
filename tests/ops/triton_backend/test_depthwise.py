"""The triton kernels of the depthwise convolution against the float64 reference."""

from __future__ import annotations

import pytest
import torch
from ops.clouds import surface, table
from ops.comparison import device_of
from ops.depthwise_comparison import CROSS, Kernel, check, make_inputs, table_of
from tolerances import TOLERANCES, assert_close
from torch import Tensor

from ffnet3d.ops import subm_conv3d_depthwise
from ffnet3d.ops.reference import subm_conv3d_depthwise_reference

MISSING = "pip install triton to test the triton backend"
launch = pytest.importorskip("ffnet3d.ops.triton_backend.launch", reason=MISSING)
weight_gradient = pytest.importorskip("ffnet3d.ops.triton_backend.weight_gradient", reason=MISSING)
DEVICE = device_of("triton")


def on_device(inputs: list[Tensor]) -> list[Tensor]:
    """The inputs where the backend can run."""
    return [tensor.to(DEVICE) for tensor in inputs]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize(
    ("count", "kernel", "channels"),
    [(0, 3, 8), (1, 3, 8), (60, 1, 20), (40, 3, 70), (20, 5, 8), (40, CROSS, 24)],
)
def test_matches_the_reference(count: int, kernel: Kernel, channels: int, dtype: torch.dtype) -> None:
    neighbors = table_of(surface(count), kernel)
    check(make_inputs(count, neighbors.shape[1], channels, dtype), neighbors, "triton")


@pytest.mark.parametrize("kernel_size", [7, 9])
def test_large_kernels_without_the_gradient_of_the_weight(kernel_size: int) -> None:
    """The interpreter takes half a minute for that one, a program an offset."""
    neighbors = table(surface(30), kernel_size).to(DEVICE)
    features, weight, _, cotangent = on_device(make_inputs(30, kernel_size**3, 8, torch.float32))
    out = subm_conv3d_depthwise(features.requires_grad_(), weight, None, neighbors, "triton")
    exact = features.detach().double().requires_grad_()
    expected = subm_conv3d_depthwise_reference(exact, weight.double(), None, neighbors)
    assert_close(out, expected, TOLERANCES[torch.float32].forward)
    (gradient,) = torch.autograd.grad(out, features, cotangent)
    (wanted,) = torch.autograd.grad(expected, exact, cotangent.double())
    assert_close(gradient, wanted, TOLERANCES[torch.float32].gradient)


def test_weight_gradient_in_many_shares(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "_processors", lambda _: 1000)
    check(make_inputs(256, 27, 8, torch.float32), table(surface(256), 3), "triton")


def test_strided_inputs_and_int64_table() -> None:
    features, weight, bias, cotangent = make_inputs(30, 27, 8, torch.float32)
    strided = [
        features.t().contiguous().t(),
        weight.t().contiguous().t(),
        bias,
        cotangent.t().contiguous().t(),
    ]
    check(strided, table(surface(30), 3).long(), "triton")


@pytest.mark.parametrize("activation", ["none", "relu", "gelu"])
def test_bias_and_activation_in_the_last_pass(activation: str) -> None:
    features, weight, bias, _ = on_device(make_inputs(30, 27, 12, torch.float32))
    neighbors = table(surface(30), 3).to(DEVICE)
    for term in (bias, None):
        with torch.no_grad():
            out = subm_conv3d_depthwise(features, weight, term, neighbors, "triton", activation)
        exact = (features.double(), weight.double(), None if term is None else term.double())
        expected = subm_conv3d_depthwise_reference(*exact, neighbors, activation)
        assert_close(out, expected, TOLERANCES[torch.float32].forward)


def test_float64_is_refused() -> None:
    features, weight, bias, _ = on_device(make_inputs(4, 27, 6, torch.float64))
    with pytest.raises(ValueError, match=r"got torch\.float64: take backend 'torch'"):
        subm_conv3d_depthwise(features, weight, bias, table(surface(4), 3).to(DEVICE), "triton")
