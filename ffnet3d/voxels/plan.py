"""What a pyramid is asked for, checked and worked out ahead: shifts, kernels of each generation, windows.

The torch pyramid and the NumPy one follow the same plan; nothing here needs torch.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from ffnet3d.voxels.kernels import (
    Kernel,
    check_kernel,
    find_offsets,
    kernel_offsets,
    map_edges,
    sorted_kernels,
)

OCTANTS = 8


def check_plan(strides: Sequence[int], kernel_sizes: Sequence[Collection[Kernel]]) -> list[int]:
    """The shifts of the key, log2 of each stride; ValueError for strides or kernels that cannot be."""
    shifts = [_log2(stride) for stride in strides]
    if len(kernel_sizes) != len(shifts) + 1:
        raise ValueError(
            f"{len(shifts)} strides need {len(shifts) + 1} kernel_sizes, got {len(kernel_sizes)}"
        )
    for kernel in chain.from_iterable(kernel_sizes):
        check_kernel(kernel)
    return shifts


def wanted_kernels(
    generations: Sequence[int], kernel_sizes: Sequence[Collection[Kernel]]
) -> dict[int, set[Kernel]]:
    """The kernels of each generation. A stride of 1 puts two levels into one generation."""
    wanted: dict[int, set[Kernel]] = {generation: set() for generation in generations}
    for generation, kernels in zip(generations, kernel_sizes, strict=True):
        wanted[generation].update(kernels)
    return wanted


def needed_kernels(wanted: Mapping[int, Collection[Kernel]], depth: int) -> list[set[Kernel]]:
    """The kernels of each generation: those wanted, and those from which the generation below is derived."""
    needed: list[set[Kernel]] = []
    for generation in range(depth + 1):
        below = coarse_kernels(needed[-1]) if needed else {}
        needed.append({*wanted.get(generation, ()), *below})
    return needed


def coarse_kernels(kernels: Collection[Kernel]) -> dict[Kernel, list[Kernel]]:
    """Kernels by that of the parents' table from which they are derived (see `coarse_kernel`)."""
    groups: dict[Kernel, list[Kernel]] = {}
    for kernel in sorted_kernels(kernels):
        groups.setdefault(coarse_kernel(kernel), []).append(kernel)
    return groups


def coarse_kernel(kernel: Kernel) -> Kernel:
    """The smallest kernel of parents that covers `kernel` around any child: 3 for 3 and 5, 5 for 7 and 9.

    A window of radius r reaches at most ceil(r / 2) parents away, axis by axis: "5x1x1" covers "9x1x1".
    """
    return map_edges(kernel, lambda edge: 2 * ((edge // 2 + 1) // 2) + 1)


def child_window(kernel: Kernel) -> NDArray[np.int32]:
    """Where the window of a cell in each octant stands in the copied children of its parent's window.

    Returns int32 [8, K]: 8 * (column of `coarse_kernel(kernel)`) + octant, for each octant and offset.
    """
    octants = np.indices((2, 2, 2)).reshape(3, OCTANTS).T
    position = octants[:, None] + kernel_offsets(kernel)
    column, _ = find_offsets(coarse_kernel(kernel), position >> 1)
    window: NDArray[np.int32] = (column * OCTANTS + (position & 1) @ np.array([4, 2, 1])).astype(np.int32)
    return window


def _log2(stride: int) -> int:
    if not isinstance(stride, int) or stride < 1 or stride & (stride - 1):
        raise ValueError(
            f"stride must be a power of two, got {stride!r}: a parent cell is a shift of the key"
        )
    return stride.bit_length() - 1
