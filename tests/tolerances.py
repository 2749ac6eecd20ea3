"""The one table of tolerances: how far a result may lie from the float64 reference, and why.

Errors are relative to the largest entry of the expected tensor: a sum of many products that cancel has no
small relative error of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Tolerance:
    """Largest allowed error as a fraction of the largest expected magnitude."""

    forward: float
    gradient: float


TOLERANCES = {
    # Same arithmetic, another order of summation: some dozens of units in the last place (2e-16).
    torch.float64: Tolerance(forward=1e-14, gradient=1e-14),
    # Sums of up to 27 * 128 products; unit in the last place 6e-8, errors grow with the square root.
    torch.float32: Tolerance(forward=2e-6, gradient=2e-6),
    # Sums are kept in float32, so that only the product of each offset or block and the result are rounded
    # (4e-3 each of its own size). A sum kept in bfloat16 would be off by 7e-3 to 9e-3.
    torch.bfloat16: Tolerance(forward=8e-3, gradient=6e-3),
    # As bfloat16, with eleven significant bits instead of eight.
    torch.float16: Tolerance(forward=1.2e-3, gradient=8e-4),
}
# float16 summed in float16: unit in the last place 1e-3, and the root of up to 27 * 128 products of it.
FLOAT16_SUMS = Tolerance(forward=3e-2, gradient=3e-2)


def assert_close(actual: Tensor, expected: Tensor, allowed: float, what: str = "result") -> None:
    """Fail unless shapes agree and no entry is off by more than `allowed` times the largest expected one."""
    assert actual.shape == expected.shape, f"{what}: {list(actual.shape)} instead of {list(expected.shape)}"
    if expected.numel() == 0:
        return
    scale = float(expected.detach().double().abs().max())
    error = float((actual.detach().double() - expected.detach().double()).abs().max())
    assert error <= allowed * scale, f"{what}: error {error:.3g} over {allowed:g} times {scale:.3g}"
