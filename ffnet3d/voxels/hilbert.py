"""Keys along the Hilbert curve, where consecutive cells always share a face: `batch << 48 | code`.

J. Skilling, "Programming the Hilbert curve", AIP Conference Proceedings 707 (2004): a few exclusive-ors turn
coordinates into the "transpose" of the curve's index, whose interleaved bits are the index.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ffnet3d.voxels.keys import (
    CODE_BITS,
    CODE_MASK,
    check_grid,
    deinterleave,
    interleave,
    join_key,
)
from ffnet3d.voxels.numpy_keys import MAX_BITS


def hilbert_encode(grid_coord: Tensor, batch: Tensor | None = None) -> Tensor:
    """Hilbert keys, int64 [N], of voxels [N, 3] (integers, 0..65535) and batch indices [N] (default 0).

    Raises ValueError on what `check_grid` refuses.
    """
    check_grid(grid_coord, batch)
    x, y, z = grid_coord.long().unbind(dim=1)
    for bit in range(MAX_BITS - 1, 0, -1):
        x, _ = _exchange(x, x, bit)
        x, y = _exchange(x, y, bit)
        x, z = _exchange(x, z, bit)
    y = y ^ x
    z = z ^ y
    carry = _prefix_parity(z) >> 1
    return join_key(interleave(torch.stack((x ^ carry, y ^ carry, z ^ carry), dim=1)), batch)


def hilbert_decode(key: Tensor) -> tuple[Tensor, Tensor]:
    """Inverse of `hilbert_encode`: grid_coord int64 [N, 3] and batch int64 [N] of keys int64 [N]."""
    x, y, z = deinterleave(key & CODE_MASK).unbind(dim=1)
    x, y, z = x ^ (z >> 1), y ^ x, z ^ y
    for bit in range(1, MAX_BITS):
        x, z = _exchange(x, z, bit)
        x, y = _exchange(x, y, bit)
        x, _ = _exchange(x, x, bit)
    return torch.stack((x, y, z), dim=1), key >> CODE_BITS


def _exchange(first: Tensor, other: Tensor, bit: int) -> tuple[Tensor, Tensor]:
    """Where `other` has the bit, invert the lower bits of `first`; elsewhere swap the lower bits of both."""
    low = (1 << bit) - 1
    is_set = (other >> bit) & 1 != 0
    swap = torch.where(is_set, 0, (first ^ other) & low)
    return first ^ torch.where(is_set, low, swap), other ^ swap


def _prefix_parity(values: Tensor) -> Tensor:
    """Each bit replaced by the parity of itself and the bits above it (the inverse of the Gray code)."""
    shift = MAX_BITS // 2
    while shift:
        values = values ^ (values >> shift)
        shift //= 2
    return values
