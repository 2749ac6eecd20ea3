"""Kernels: which voxels around one a convolution reads.

A kernel is written as `3`, the cube 3x3x3; as `"9x1x1"`, a box of three odd edges along x, y and z; or as
`"cross9"`, the union of the strips 9x1x1, 1x9x1 and 1x1x9. Its K offsets are symmetric, in row-major order
(dz fastest), so that column K // 2 of a weight or a neighbour table is the voxel itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

Kernel = int | str
Edges = tuple[int, int, int]

_BOX = re.compile(r"([1-9]\d*)x([1-9]\d*)x([1-9]\d*)", re.ASCII)
_CROSS = re.compile(r"cross([1-9]\d*)", re.ASCII)


def check_kernel(kernel: Kernel) -> Kernel:
    """The kernel itself; ValueError unless it is an odd integer from 1, a box "9x1x1" or a cross "cross9"."""
    kernel_boxes(kernel)
    return kernel


def kernel_boxes(kernel: Kernel) -> tuple[Edges, ...]:
    """The edges along x, y and z of the boxes whose union `kernel` is; ValueError as `check_kernel`."""
    if not isinstance(kernel, str):
        if not isinstance(kernel, int) or kernel < 1 or kernel % 2 == 0:
            raise ValueError(f"kernel_size must be odd and positive, got {kernel!r}: the window is centred")
        return ((kernel, kernel, kernel),)
    boxes: tuple[Edges, ...] = ()
    if box := _BOX.fullmatch(kernel):
        x, y, z = map(int, box.groups())
        if x == y == z:
            raise ValueError(f"kernel {kernel!r} is a cube: write the integer {x}")
        boxes = ((x, y, z),)
    elif cross := _CROSS.fullmatch(kernel):
        edge = int(cross[1])
        boxes = ((edge, 1, 1), (1, edge, 1), (1, 1, edge))
    if not boxes or any(edge % 2 == 0 for edges in boxes for edge in edges) or kernel == "cross1":
        raise ValueError(
            f"no kernel is written {kernel!r}: write 3 for the cube 3x3x3, '9x1x1' for a box, "
            "'cross9' for a cross of three strips; the edges are odd, because the window is centred"
        )
    return boxes


def kernel_extent(kernel: Kernel) -> int:
    """The largest edge of the kernel, in voxels; ValueError as `check_kernel`."""
    return max(max(edges) for edges in kernel_boxes(kernel))


def kernel_offsets(kernel: Kernel) -> NDArray[np.int64]:
    """The offsets (dx, dy, dz) of the kernel in voxels, int64 [K, 3]; ValueError as `check_kernel`.

    They ascend row by row, and are symmetric: offsets[K - 1 - k] = -offsets[k], with the centre at K // 2.
    """
    boxes = [_box_offsets(edges) for edges in kernel_boxes(kernel)]
    return boxes[0] if len(boxes) == 1 else np.unique(np.concatenate(boxes), axis=0)


def kernel_columns(outer: Kernel, inner: Kernel) -> NDArray[np.int64]:
    """Where the offsets of the kernel `inner` stand among those of `outer`, int64 [K of inner].

    Raises ValueError where `inner` reaches beyond `outer`.
    """
    columns, found = find_offsets(outer, kernel_offsets(inner))
    if not found.all():
        raise ValueError(f"kernel {inner!r} is not within kernel {outer!r}")
    return columns


def map_edges(kernel: Kernel, change: Callable[[int], int]) -> Kernel:
    """The kernel of the same kind with every edge replaced by `change(edge)`."""
    boxes = kernel_boxes(kernel)
    if len(boxes) == 1:
        x, y, z = boxes[0]
        return _box_kernel((change(x), change(y), change(z)))
    edge = change(kernel_extent(kernel))
    return f"cross{edge}" if edge > 1 else 1


def shrunk_kernel(kernel: Kernel) -> Kernel:
    """The kernel of the same kind with about half the edges: 3 for 7, 5 for 9, "cross5" for "cross9"."""
    return map_edges(kernel, lambda edge: edge // 2 | 1)


def strip_kernels(kernel: Kernel) -> tuple[Kernel, ...]:
    """The strips along x, y and z within `kernel`, as long as it is; none that is `kernel` itself."""
    x, y, z = (max(edges) for edges in zip(*kernel_boxes(kernel), strict=True))
    strips = (_box_kernel((x, 1, 1)), _box_kernel((1, y, 1)), _box_kernel((1, 1, z)))
    return tuple(strip for strip in strips if strip not in (1, kernel))


def sorted_kernels(kernels: Iterable[Kernel]) -> list[Kernel]:
    """Kernels in a fixed order: cubes by their edge, then the others by their extent and name."""
    return sorted(kernels, key=lambda kernel: (isinstance(kernel, str), kernel_extent(kernel), str(kernel)))


def find_offsets(kernel: Kernel, offsets: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The columns int64 [...] at which a kernel has the offsets [..., 3], and whether it has them at all."""
    known = kernel_offsets(kernel)
    base = 2 * int(max(abs(known).max(), abs(offsets).max(initial=0))) + 1
    digits = np.array([base * base, base, 1])  # row-major order is that of these numbers
    codes, wanted = known @ digits, offsets @ digits
    columns = np.searchsorted(codes, wanted).clip(max=len(codes) - 1)
    return columns, codes[columns] == wanted


def _box_kernel(edges: Edges) -> Kernel:
    x, y, z = edges
    return x if x == y == z else f"{x}x{y}x{z}"


def _box_offsets(edges: Edges) -> NDArray[np.int64]:
    """The offsets [K, 3] of a box."""
    offsets: NDArray[np.int64] = np.indices(edges).reshape(3, -1).T - np.array(edges) // 2
    return offsets
