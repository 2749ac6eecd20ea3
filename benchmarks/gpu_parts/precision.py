"""How numbers are held and multiplied: bf16, fp16, and float32 with and without TF32."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from ffnet3d.ops.spconv_library import spconv_kernels


@dataclass(frozen=True)
class Precision:
    """A dtype of features; `limit` is the largest error allowed, as a share of the largest entry."""

    name: str
    dtype: torch.dtype
    limit: float
    tf32: bool = False

    @property
    def half(self) -> bool:
        """Whether it is one of 16 bits, which autocast serves."""
        return self.dtype != torch.float32

    def autocast(self, device: torch.device) -> torch.autocast:
        """The context in which networks with float32 weights run."""
        return torch.autocast(device.type, dtype=self.dtype if self.half else None, enabled=self.half)


# The tests' tolerances (tests/tolerances.py) about doubled, as the sums here are longer; TF32 keeps 11 bits.
PRECISIONS = {
    precision.name: precision
    for precision in (
        Precision("bf16", torch.bfloat16, 1.6e-2),
        Precision("fp16", torch.float16, 2.4e-3),
        Precision("tf32", torch.float32, 4e-3, tf32=True),
        Precision("fp32", torch.float32, 1e-5),
    )
}


@contextmanager
def products_of_float32(precision: Precision) -> Iterator[None]:
    """Allow TF32, or not, to PyTorch and both spconvs; as before afterwards.

    spconv remembers the kernel of a shape without regard to the switch, so it is made to forget.
    """
    matmul = torch.backends.cuda.matmul
    switch, values = (
        ("fp32_precision", ("ieee", "tf32"))
        if hasattr(matmul, "fp32_precision")
        else ("allow_tf32", (False, True))
    )
    before = getattr(matmul, switch)
    if not precision.half:
        spconv_kernels.cache_clear()
    _set(matmul, switch, values[precision.tf32], precision.tf32)
    try:
        yield
    finally:
        _set(matmul, switch, before, False)


def _set(matmul: object, switch: str, value: object, tf32: bool) -> None:
    setattr(matmul, switch, value)
    for name in ("spconv.constants", "spconv_triton.constants"):
        if name in sys.modules:
            sys.modules[name].SPCONV_ALLOW_TF32 = tf32  # type: ignore[attr-defined]
