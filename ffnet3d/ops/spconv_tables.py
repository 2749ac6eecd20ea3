"""What spconv reads in place of a neighbour table, worked out once a table: one `indice_key` a level.

spconv would find the neighbours again, in a hash table of its own. They are known, so its structures are made
from our table `neighbors [N, K]`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ffnet3d.ops.derived import Derived
from ffnet3d.ops.pairs import pair_run

GROUP = 32  # offsets that one 32-bit mask can name
TILE = 64  # rows that share a mask in the gradient of the weight; the kernels take 8 to 64 rows at a time


@dataclass(frozen=True)
class MaskedPairs:
    """A group of k <= 32 offsets as the implicit GEMM reads it: rows of like neighbourhoods come together.

    A block of consecutive `order` computes its rows of the result, and skips the offsets that no mask of the
    block names.
    """

    pairs: Tensor  # [k, N] int32: which row to gather for each row of the result, -1 for none
    masks: Tensor  # [N, 1] int32, ascending: bit i is set where `pairs[i]` names a row
    order: Tensor  # [N] int32: the row of the result that each mask belongs to


@dataclass(frozen=True)
class NativePairs:
    """The lists of spconv's gather-GEMM-scatter: `pairs[0, k]` are read, `pairs[1, k]` are added to.

    The offsets after the centre mirror those before it; spconv counts the latter alone.
    """

    pairs: Tensor  # [2, K, N] int32, -1 after the last pair
    counts: Tensor  # [K] int32, 0 from the centre on


def _forward_groups(neighbors: Tensor) -> list[MaskedPairs]:
    return [_masked(pairs) for pairs in _pairs(neighbors).split(GROUP)]


def _mirrored_groups(neighbors: Tensor) -> list[MaskedPairs]:
    # neighbors[i, k] = j exactly when neighbors[j, K - 1 - k] = i.
    return [_masked(pairs) for pairs in _pairs(neighbors).flip(0).split(GROUP)]


def _tile_masks(neighbors: Tensor) -> list[Tensor]:
    return [_unite(group.masks) for group in forward_groups(neighbors)]


def _native_pairs(neighbors: Tensor) -> NativePairs:
    count, offsets = neighbors.shape
    pairs = torch.full((2, offsets, count), -1, dtype=torch.int32)
    counts = torch.zeros(offsets, dtype=torch.int32)
    for present in pair_run(neighbors, slice(0, count)).offsets:
        k, length = present.k, len(present.sources)
        pairs[0, k, :length], pairs[1, k, :length] = present.sources, present.targets
        counts[k] = length if k < offsets // 2 else 0
    return NativePairs(pairs, counts)


def _pairs(neighbors: Tensor) -> Tensor:
    """neighbors [N, K] -> [K, N] int32, -1 for no neighbour."""
    missing = neighbors == len(neighbors)
    return neighbors.int().masked_fill(missing, -1).t().contiguous()


def _masked(pairs: Tensor) -> MaskedPairs:
    bits = torch.arange(len(pairs), dtype=torch.int32, device=pairs.device)
    # A sum of distinct powers of two; the last of 32 bits is the sign, and sums wrap around as they should.
    masks = ((pairs >= 0).int() << bits[:, None]).sum(0, dtype=torch.int32)
    masks, order = masks.sort(stable=True)
    return MaskedPairs(pairs, masks[:, None], order.int())


def _unite(masks: Tensor) -> Tensor:
    """masks [N, 1] -> [1, ceil(N / TILE), 1]: bitwise or of each TILE rows."""
    tiles = torch.nn.functional.pad(masks.squeeze(1), (0, -len(masks) % TILE)).view(-1, TILE)
    while tiles.shape[1] > 1:
        half = tiles.shape[1] // 2
        tiles = tiles[:, :half] | tiles[:, half:]
    return tiles[None]


forward_groups = Derived(_forward_groups)  # of the convolution, a MaskedPairs for each group of offsets
mirrored_groups = Derived(_mirrored_groups)  # of the gradient of the features: each neighbour looks back
tile_masks = Derived(_tile_masks)  # of that of the weight: the forward masks, united for TILE rows each
native_pairs = Derived(_native_pairs)
