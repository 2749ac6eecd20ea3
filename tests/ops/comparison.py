"""A convolution and its gradients on any backend, compared with the reference in float64."""

from __future__ import annotations

import pytest
import torch
from tolerances import TOLERANCES, assert_close
from torch import Tensor

from ffnet3d.ops import available_backends, subm_conv3d

Result = tuple[Tensor, Tensor, Tensor, Tensor]

NO_TRITON = available_backends()["triton"]
TRITON = pytest.param("triton", marks=pytest.mark.skipif(bool(NO_TRITON), reason=NO_TRITON))


def device_of(backend: str) -> str:
    """Where to test a backend: the triton one on a GPU where there is one, all else on the CPU."""
    return "cuda" if backend == "triton" and torch.cuda.is_available() else "cpu"


def make_inputs(
    count: int, offsets: int, cin: int, cout: int, dtype: torch.dtype, seed: int = 0
) -> list[Tensor]:
    """Random features, weight, bias and cotangent."""
    generator = torch.Generator().manual_seed(seed)
    shapes = ((count, cin), (offsets, cin, cout), (cout,), (count, cout))
    return [torch.randn(shape, generator=generator).to(dtype) for shape in shapes]


def run(backend: str, inputs: list[Tensor], neighbors: Tensor) -> Result:
    """Output and the gradients of features, weight and bias for the given cotangent."""
    device = device_of(backend)
    *leaves, cotangent = (tensor.detach().clone().to(device).requires_grad_() for tensor in inputs)
    out = subm_conv3d(*leaves, neighbors.to(device), backend=backend)
    gradients = torch.autograd.grad(out, leaves, cotangent.detach())
    return (out.detach().cpu(), *(gradient.cpu() for gradient in gradients))


def check(inputs: list[Tensor], neighbors: Tensor, backend: str = "torch") -> None:
    """`backend` in the inputs' dtype against the reference in float64."""
    expected = run("reference", [tensor.double() for tensor in inputs], neighbors)
    actual = run(backend, inputs, neighbors)
    tolerance = TOLERANCES[inputs[0].dtype]
    allowed = (tolerance.forward, *3 * (tolerance.gradient,))
    for name, a, e, limit in zip(
        ("out", "features", "weight", "bias"), actual, expected, allowed, strict=True
    ):
        assert a.dtype == inputs[0].dtype, name
        assert_close(a, e, limit, name)
