"""What this machine can do at most: matrix products in each dtype, and copies in and out of its caches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ffnet3d.bench.measure import time_call
from ffnet3d.ops.products import products_for

SHAPES = ((1024, 1024, 1024), (2048, 2048, 2048), (8192, 512, 512), (4096, 2048, 512))  # M, A, B
QUICK_SHAPES = SHAPES[:1]
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
IN_CACHE, OUT_OF_CACHE = 256 * 2**10, 256 * 2**20  # bytes of each of the two buffers


def chosen_product(left: Tensor, right: Tensor) -> Tensor:
    """[M, A] x [A, B] -> [M, B] by the library that our convolutions take."""
    return products_for(left).of(left, right)


LIBRARIES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"torch.mm": torch.mm, "ours": chosen_product}


@dataclass(frozen=True)
class ProductRoof:
    """The best rate of a matrix product [M, A] x [A, B] by one library call."""

    dtype: str  # "fp32" or "bf16"
    library: str  # "torch.mm", or "ours": what ffnet3d.ops.products chooses, oneDNN in fp32
    flops: float  # a second
    shape: tuple[int, int, int]  # M, A, B of the best


@dataclass(frozen=True)
class Roofs:
    """The limits that convolutions are held against."""

    products: tuple[ProductRoof, ...]
    cached: float  # bytes a second read and written by a copy within the caches
    memory: float  # bytes a second read and written by a copy between buffers that no cache holds

    def product(self, dtype: str) -> float:
        """The best FLOP/s of any library in a dtype."""
        return max(roof.flops for roof in self.products if roof.dtype == dtype)


def measure_roofs(repeats: int = 5, quick: bool = False) -> Roofs:
    """Measure them with the threads that PyTorch now uses; `quick` tries one shape."""
    shapes = QUICK_SHAPES if quick else SHAPES
    products = tuple(
        max((product_roof(dtype, library, shape, repeats) for shape in shapes), key=lambda roof: roof.flops)
        for dtype in DTYPES
        for library in LIBRARIES
    )
    return Roofs(products, copy_rate(IN_CACHE, repeats), copy_rate(OUT_OF_CACHE, repeats))


def product_roof(dtype: str, library: str, shape: tuple[int, int, int], repeats: int) -> ProductRoof:
    """The rate of one library at one shape; the fastest call counts, as for any roof."""
    rows, inner, columns = shape
    left = torch.randn(rows, inner).to(DTYPES[dtype])
    right = torch.randn(inner, columns).to(DTYPES[dtype])
    timing = time_call(lambda: LIBRARIES[library](left, right), repeats, warmup=2)
    return ProductRoof(dtype, library, 2 * rows * inner * columns / timing.minimum, shape)


def copy_rate(size: int, repeats: int) -> float:
    """Bytes a second that a copy of `size` bytes reads and writes; a small one is made many times a call."""
    source = torch.ones(size // 4)
    target = torch.empty_like(source)
    rounds = max(1, 2**26 // size)

    def copy() -> None:
        for _ in range(rounds):
            target.copy_(source)

    return 2 * size * rounds / time_call(copy, repeats, warmup=2).minimum
