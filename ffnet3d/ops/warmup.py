"""Compile and tune the Triton kernels before they are needed: in one process, before many start."""

from __future__ import annotations

import logging
from collections.abc import Iterable

import torch
from torch import Tensor

from ffnet3d.ops.backends import resolve_backend
from ffnet3d.ops.functional import subm_conv3d, subm_conv3d_depthwise
from ffnet3d.voxels import build_neighbors, z_encode

logger = logging.getLogger(__name__)


def warm_up(
    shapes: Iterable[tuple[int, int, int, int]],
    dtype: torch.dtype = torch.bfloat16,
    device: torch.device | str = "cuda",
    depthwise: Iterable[tuple[int, int, int]] = (),
) -> None:
    """Run backend "triton" once, forward and backward, on made-up surfaces, so that every choice is on disk.

    Call it in one process and let the others wait (a barrier): they then read what this one has measured, and
    need not all measure at once. Choices hold for all numbers of rows between the same powers of two.

    Args:
        shapes: (K, Cin, Cout, N) of each convolution: number of offsets, channels, rows.
        dtype: of features and weight, that of autocast where it is on.
        device: where to run.
        depthwise: (K, C, N) of each depthwise convolution.

    Raises:
        ValueError: backend "triton" cannot run on that device; K is not odd.
    """
    device = torch.device(device)
    resolve_backend("triton", device.type)
    tables: dict[tuple[int, int], Tensor] = {}

    def table(count: int, offsets: int) -> Tensor:
        if (count, offsets) not in tables:
            tables[count, offsets] = _surface_table(count, offsets).to(device)
        return tables[count, offsets]

    for offsets, cin, cout, count in shapes:
        logger.info("warm-up: %d offsets, %d to %d channels, %d rows", offsets, cin, cout, count)
        features, weight = _leaf(device, dtype, count, cin), _leaf(device, dtype, offsets, cin, cout)
        subm_conv3d(features, weight, None, table(count, offsets), "triton").sum().backward()
    for offsets, channels, count in depthwise:
        logger.info("warm-up: depthwise, %d offsets, %d channels, %d rows", offsets, channels, count)
        features, weight = _leaf(device, dtype, count, channels), _leaf(device, dtype, offsets, channels)
        subm_conv3d_depthwise(features, weight, None, table(count, offsets), "triton").sum().backward()


def _leaf(device: torch.device, dtype: torch.dtype, *shape: int) -> Tensor:
    return torch.randn(shape, device=device, dtype=dtype).requires_grad_()


def _surface_table(count: int, offsets: int) -> Tensor:
    """Neighbour table [N, K] of a wavy floor, whose rows have about as many neighbours as those of a room.

    Where K is not that of a cube it is the middle of a larger one: as symmetric, and about as full.
    """
    if offsets < 1 or offsets % 2 == 0:
        raise ValueError(f"K must be odd (27 and 125 of cubes, 25 of a cross), got {offsets}")
    kernel_size = next(size for size in range(1, offsets + 1, 2) if size**3 >= offsets)
    place = torch.arange(count)
    side = max(1, round(count**0.5))
    x, y = place // side, place % side
    height = (8 + 4 * torch.sin(x / 9) + 4 * torch.cos(y / 7)).round().long()
    grid_coord = torch.stack([x, y, height], dim=1)
    batch = torch.zeros(count, dtype=torch.long)
    order = z_encode(grid_coord, batch).argsort()
    around = (kernel_size**3 - offsets) // 2
    table = build_neighbors(grid_coord[order], batch, kernel_size)
    return table[:, around : around + offsets].contiguous()
