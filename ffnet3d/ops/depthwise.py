"""Depthwise submanifold convolution in plain PyTorch: one weight for each offset and channel.

Two forms compute the same sum. The pair form, for CPUs, multiplies only the present pairs of a row and a
neighbour, a block that stays in the cache at a time, and sums the products of each row; for the gradient of
the weight it sums those of each offset. The gathered form, for other devices, also multiplies the zeros of
missing neighbours: few launches there are worth more than few products.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional

from ffnet3d.ops.activation import activate_
from ffnet3d.ops.gather import gathered_blocks
from ffnet3d.ops.operator import differentiable
from ffnet3d.ops.row_pairs import Block, RowPairs, row_pairs
from ffnet3d.ops.workspace import Scratch, scratch

PAIRS_ON = ("cpu",)  # device types of the pair form
# Of the products of one block: 2 to 8 MB were the fastest on all levels, and 16 MB took up to twice as long.
BLOCK_BYTES = 4 * 2**20


def _forward(
    features: Tensor, weight: Tensor, bias: Tensor | None, neighbors: Tensor, activation: str
) -> Tensor:
    out = _convolve(features, weight, neighbors)
    return activate_(out if bias is None else out.add_(bias), activation)


def _backward(
    grad: Tensor,
    features: Tensor,
    weight: Tensor,
    neighbors: Tensor,
    needs_features: bool,
    needs_weight: bool,
) -> tuple[Tensor | None, Tensor | None]:
    # On a symmetric table the gradient is the same convolution, the kernel mirrored.
    return (
        _convolve(grad, weight.flip(0), neighbors) if needs_features else None,
        _weight_gradient(features, grad, neighbors) if needs_weight else None,
    )


def _convolve(features: Tensor, weight: Tensor, neighbors: Tensor) -> Tensor:
    """features [N, C], weight [K, C], neighbors [N, K] -> [N, C]."""
    if features.device.type in PAIRS_ON:
        return _convolve_pairs(features, weight, row_pairs(neighbors))
    return _convolve_gathered(features, weight, neighbors)


def _weight_gradient(features: Tensor, grad: Tensor, neighbors: Tensor) -> Tensor:
    """features [N, C], grad [N, C] of the output -> [K, C]."""
    if features.device.type in PAIRS_ON:
        return _weight_gradient_pairs(features, grad, row_pairs(neighbors))
    return _weight_gradient_gathered(features, grad, neighbors)


def _convolve_pairs(features: Tensor, weight: Tensor, pairs: RowPairs) -> Tensor:
    out = torch.empty_like(features, memory_format=torch.contiguous_format)
    for block, seen, factors in _seen_blocks(features, pairs):
        torch.index_select(weight, 0, pairs.offsets[block.pairs].int(), out=factors)
        out[block.rows] = _sums(seen.mul_(factors), _in_order(seen), pairs.row_starts(block))
    return out


def _weight_gradient_pairs(features: Tensor, grad: Tensor, pairs: RowPairs) -> Tensor:
    shape = (pairs.num_offsets, features.shape[1])
    total = features.new_zeros(shape, dtype=torch.promote_types(features.dtype, torch.float32))
    orders = pairs.by_offset(_pairs_at_once(features))
    for (block, seen, factors), order in zip(_seen_blocks(features, pairs), orders, strict=True):
        counts = pairs.starts[block.rows.start : block.rows.stop + 1].diff()
        rows = torch.repeat_interleave(counts, output_size=block.count)
        torch.index_select(grad[block.rows], 0, rows, out=factors)
        total += _sums(seen.mul_(factors), order.places, order.starts)
    return total.to(features.dtype)


def _seen_blocks(features: Tensor, pairs: RowPairs) -> Iterator[tuple[Block, Tensor, Tensor]]:
    """Yield `(block, seen [P, C], factors [P, C])`: what the pairs' rows see, and room for its factors.

    Both lie in buffers of bounded size, which the next block overwrites.
    """
    blocks, channels = pairs.blocks(_pairs_at_once(features)), features.shape[1]
    most = max((block.count for block in blocks), default=0)
    seen = scratch(Scratch.GATHERED, most, channels, features)
    factors = scratch(Scratch.PRODUCTS, most, channels, features)
    for block in blocks:
        torch.index_select(features, 0, pairs.sources[block.pairs], out=seen[: block.count])
        yield block, seen[: block.count], factors[: block.count]


def _pairs_at_once(features: Tensor) -> int:
    return max(1, BLOCK_BYTES // max(1, features.shape[1] * features.element_size()))


def _sums(products: Tensor, places: Tensor, starts: Tensor) -> Tensor:
    """Sums of runs of the rows `products[places]` that begin at `starts`, added in float32 or wider."""
    return functional.embedding_bag(places, products, starts, mode="sum")


def _in_order(products: Tensor) -> Tensor:
    return torch.arange(len(products), dtype=torch.int32, device=products.device)


def _convolve_gathered(features: Tensor, weight: Tensor, neighbors: Tensor) -> Tensor:
    out = torch.empty_like(features, memory_format=torch.contiguous_format)
    for piece, block in gathered_blocks(features, neighbors):
        torch.sum(block.mul_(weight), dim=1, out=out[piece.rows])
    return out


def _weight_gradient_gathered(features: Tensor, grad: Tensor, neighbors: Tensor) -> Tensor:
    total_dtype = torch.promote_types(features.dtype, torch.float32)
    total = features.new_zeros(neighbors.shape[1], features.shape[1], dtype=total_dtype)
    for piece, block in gathered_blocks(features, neighbors):
        block[: piece.done].zero_()  # they count once
        total += block.mul_(grad[piece.rows].unsqueeze(1)).sum(dim=0, dtype=total_dtype)
    return total.to(features.dtype)


subm_conv3d_depthwise_torch = differentiable("subm_conv3d_depthwise_torch", _forward, _backward)
