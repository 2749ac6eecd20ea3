"""How far a network looks: from which surroundings a voxel's label can follow at all."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

CONVOLUTIONS = 3
"""Of a block, one after another: key, value, and the channel mixer's."""


def theoretical_reach(
    strides: Sequence[int],
    enc_depths: Sequence[int],
    dec_depths: Sequence[int],
    kernel_size: int = 3,
    stem_kernel: int = 5,
) -> int:
    """Voxels beyond the face of a coarsest cell that count for the labels behind it; a multiple of that cell.

    Args:
        strides: between the levels, finest first.
        enc_depths, dec_depths: blocks of each stage, finest first.
        kernel_size: of the blocks' convolutions.
        stem_kernel: of the first convolution.

    A halo of this width, around tiles of whole cells, makes the answer that of the whole scan. The released
    network's is 384 voxels: of these only the nearest count for much.
    """
    block = CONVOLUTIONS * (kernel_size // 2)  # in voxels of its level
    reach = 0
    for depth, stride in zip(dec_depths, strides, strict=True):
        reach = -(-(reach + depth * block) // stride)  # whole cells of the next level
    reach += enc_depths[-1] * block
    for depth, stride in zip(reversed(enc_depths[:-1]), reversed(strides), strict=True):
        reach = reach * stride + depth * block
    cell = prod(strides)
    return -(-(reach + stem_kernel // 2) // cell) * cell
