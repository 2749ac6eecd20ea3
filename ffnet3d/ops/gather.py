"""Two ways to walk through a neighbour table: blocks of gathered rows, and the pairs of each offset.

A table `neighbors [N, K]` holds row indices, and N where there is no voxel. Offset `K // 2` is the voxel
itself, and offset `K - 1 - k` mirrors offset `k`: the pairs of the one are those of the other, turned round.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

# A block stays in a CPU's cache from the gather to the product. A GPU wants few large launches instead.
CPU_BLOCK_BYTES = 8 * 2**20
GPU_BLOCK_BYTES = 256 * 2**20


def with_zero_row(features: Tensor) -> Tensor:
    """`features [N, C]` and a last row of zeros, which a missing neighbour (index N) reads: `[N + 1, C]`."""
    return torch.cat([features, features.new_zeros(1, features.shape[1])])


def gathered_blocks(features: Tensor, neighbors: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Yield `(rows, block [len(rows), K, C])`: the features of all neighbours of a run of rows.

    Every block lies in the same buffer of bounded size: it may be overwritten, and is lost when the next one
    is asked for.
    """
    count, offsets = neighbors.shape
    channels = features.shape[1]
    limit = CPU_BLOCK_BYTES if features.device.type == "cpu" else GPU_BLOCK_BYTES
    step = max(1, min(count, limit // (offsets * channels * features.element_size())))
    buffer = features.new_empty(step * offsets, channels)
    padded = with_zero_row(features)
    for start in range(0, count, step):
        rows = slice(start, min(start + step, count))
        index = neighbors[rows].reshape(-1)
        block = torch.index_select(padded, 0, index, out=buffer[: len(index)])
        yield rows, block.view(-1, offsets, channels)


def offset_pairs(neighbors: Tensor) -> Iterator[tuple[int, Tensor, Tensor]]:
    """Yield `(k, rows [P], sources [P])` for each offset but the centre: `neighbors[rows, k] == sources`.

    The indices are int64. Only half of the table is read.
    """
    count, offsets = neighbors.shape
    for k in range(offsets // 2):
        column = neighbors[:, k]
        rows = (column != count).nonzero().squeeze(1)
        sources = column.index_select(0, rows).long()  # index_add_ with int32 is three times slower
        yield k, rows, sources
        yield offsets - 1 - k, sources, rows
