"""The space-filling curves by the names that configs give them."""

from __future__ import annotations

from torch import Tensor

from ffnet3d.voxels.hilbert import hilbert_encode
from ffnet3d.voxels.keys import check_grid, z_encode

ORDERS = ("z", "z-trans", "hilbert", "hilbert-trans")
"""Known orders; "-trans" is the curve with x and y swapped."""


def serialize(grid_coord: Tensor, batch: Tensor | None, order: str) -> Tensor:
    """Keys, int64 [N], whose sorted order walks voxels [N, 3] along the curve `order`, scene by scene.

    Raises ValueError for an unknown order, and for what `check_grid` refuses.
    """
    if order not in ORDERS:
        raise ValueError(f"unknown order {order!r}, known: {', '.join(ORDERS)}")
    check_grid(grid_coord, batch)
    if order.endswith("-trans"):
        grid_coord = grid_coord[:, [1, 0, 2]]
    encode = z_encode if order.startswith("z") else hilbert_encode
    return encode(grid_coord, batch)
