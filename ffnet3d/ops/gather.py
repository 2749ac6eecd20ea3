"""Blocks of gathered rows: the features of all neighbours of a run of voxels, side by side."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from ffnet3d.ops.shapes import Piece, pieces
from ffnet3d.ops.workspace import Scratch, scratch

# A block stays in a CPU's cache from the gather to the product. A GPU wants few large launches instead.
CPU_BLOCK_BYTES = 8 * 2**20
GPU_BLOCK_BYTES = 256 * 2**20


def with_zero_row(features: Tensor) -> Tensor:
    """Scratch [N + 1, C]: features [N, C], and a row of zeros for missing neighbours (index N)."""
    padded = scratch(Scratch.PADDED, len(features) + 1, features.shape[1], features)
    padded[:-1].copy_(features)
    padded[-1].zero_()
    return padded


def gathered_blocks(features: Tensor, neighbors: Tensor) -> Iterator[tuple[Piece, Tensor]]:
    """Yield `(piece, block [rows, K, C])`: the features of all neighbours of a run of rows.

    The last piece may overlap the one before it. Every block lies in the same buffer of bounded size: it may
    be overwritten, and is lost when the next one is asked for.
    """
    count, offsets = neighbors.shape
    channels = features.shape[1]
    limit = CPU_BLOCK_BYTES if features.device.type == "cpu" else GPU_BLOCK_BYTES
    step = max(1, min(count, limit // (offsets * channels * features.element_size())))
    buffer = scratch(Scratch.GATHERED, step * offsets, channels, features)
    padded = with_zero_row(features)
    for piece in pieces(count, step):
        index = neighbors[piece.rows].reshape(-1)
        block = torch.index_select(padded, 0, index, out=buffer[: len(index)])
        yield piece, block.view(-1, offsets, channels)
