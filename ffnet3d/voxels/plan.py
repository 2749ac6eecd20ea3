"""What a pyramid is asked for, checked and worked out ahead: shifts, kernels of each generation, windows.

The torch pyramid and the NumPy one follow the same plan; nothing here needs torch.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

OCTANTS = 8


def check_plan(strides: Sequence[int], kernel_sizes: Sequence[Collection[int]]) -> list[int]:
    """The shifts of the key, log2 of each stride; ValueError for strides or kernels that cannot be."""
    shifts = [_log2(stride) for stride in strides]
    if len(kernel_sizes) != len(shifts) + 1:
        raise ValueError(
            f"{len(shifts)} strides need {len(shifts) + 1} kernel_sizes, got {len(kernel_sizes)}"
        )
    for size in chain.from_iterable(kernel_sizes):
        check_kernel_size(size)
    return shifts


def check_kernel_size(kernel_size: int) -> None:
    """Raise ValueError unless `kernel_size` is an odd positive integer."""
    if not isinstance(kernel_size, int) or kernel_size < 1 or kernel_size % 2 == 0:
        raise ValueError(f"kernel_size must be odd and positive, got {kernel_size!r}: the window is centred")


def wanted_sizes(generations: Sequence[int], kernel_sizes: Sequence[Collection[int]]) -> dict[int, set[int]]:
    """The kernels of each generation. A stride of 1 puts two levels into one generation."""
    wanted: dict[int, set[int]] = {generation: set() for generation in generations}
    for generation, sizes in zip(generations, kernel_sizes, strict=True):
        wanted[generation].update(sizes)
    return wanted


def needed_sizes(kernel_sizes: Mapping[int, Collection[int]], depth: int) -> list[set[int]]:
    """The kernels of each generation: those wanted, and that from which the generation below is derived."""
    needed: list[set[int]] = []
    for generation in range(depth + 1):
        below = needed[-1] if needed else set()
        needed.append(set(kernel_sizes.get(generation, ())))
        if below:
            needed[-1].add(coarse_kernel_size(max(below)))
    return needed


def coarse_kernel_size(kernel_size: int) -> int:
    """The kernel of the parents' table from which one of `kernel_size` is derived: 3 for 3 and 5, 5 for 7."""
    return 2 * ((kernel_size // 2 + 1) // 2) + 1


def child_window(kernel_size: int, parents: int) -> NDArray[np.int32]:
    """Where the window of a cell in each octant stands in the copied children of `parents`: int32 [8, K]."""
    radius, edge = kernel_size // 2, round(parents ** (1 / 3))
    # On one axis, by the bit of the octant and the offset: [2, kernel_size].
    position = np.arange(2)[:, None] + np.arange(-radius, radius + 1)
    outer, inner = position // 2 + edge // 2, position % 2
    x, y, z = (outer * edge**axis * OCTANTS + inner * 2**axis for axis in (2, 1, 0))
    window = x[:, None, None, :, None, None] + y[:, None, None, :, None] + z[:, None, None, :]
    flat: NDArray[np.int32] = window.reshape(OCTANTS, kernel_size**3).astype(np.int32)
    return flat


def _log2(stride: int) -> int:
    if not isinstance(stride, int) or stride < 1 or stride & (stride - 1):
        raise ValueError(
            f"stride must be a power of two, got {stride!r}: a parent cell is a shift of the key"
        )
    return stride.bit_length() - 1
