"""How far a network looks: from which surroundings a voxel's label can follow at all."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

STEM = 2
"""Voxels beyond each that the first convolution looks, which is 5 wide."""


def theoretical_reach(
    strides: Sequence[int], encoder: Sequence[int | None], decoder: Sequence[int | None]
) -> int | None:
    """Voxels beyond the face of a coarsest cell that count for the labels behind it; a multiple of that cell.

    Args:
        strides: between the levels, finest first.
        encoder, decoder: how far the blocks of each stage look, in voxels of its level, finest first: 3 for
            each block of kernels 3, which has three convolutions one after another. None: without bound, as
            where there is window attention. Then the whole network has none.

    A halo of this width, around tiles of whole cells, makes the answer that of the whole scan. The released
    network's is 384 voxels: of these only the nearest count for much.
    """
    up = [stage for stage in decoder if stage is not None]
    down = [stage for stage in encoder if stage is not None]
    if len(up) < len(decoder) or len(down) < len(encoder):
        return None
    reach = 0
    for stage, stride in zip(up, strides, strict=True):
        reach = -(-(reach + stage) // stride)  # whole cells of the next level
    reach += down[-1]
    for stage, stride in zip(reversed(down[:-1]), reversed(strides), strict=True):
        reach = reach * stride + stage
    cell = prod(strides)
    return -(-(reach + STEM) // cell) * cell
