"""Submanifold convolution in plain PyTorch: any device, no compiled extension, bounded memory.

Two forms compute the same sum. The gathered form copies the neighbours of a block of rows side by side and
multiplies once; it also multiplies the zeros of missing neighbours (half to two thirds of a 3x3x3 window on a
surface). The pair form multiplies only the present pairs, one product for each offset, and then sums the
products of each row. Which one is faster depends on the width of the rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from ffnet3d.ops.activation import activate_
from ffnet3d.ops.gather import gathered_blocks
from ffnet3d.ops.operator import differentiable
from ffnet3d.ops.pairs import max_sizes, pair_runs
from ffnet3d.ops.products import products_for
from ffnet3d.ops.workspace import Scratch, scratch

# Widest rows, in channels, for which the gathered form was faster on a CPU (rooms, two cores, AVX-512), by
# bytes an element: for the convolution, and for the gradient of its weight.
GATHER_UP_TO = {2: 32, 4: 64, 8: 16}
GATHER_WEIGHT_GRADIENT_UP_TO = {2: 16, 4: 128, 8: 16}
PRODUCT_BYTES = 64 * 2**20  # of the products of one run of rows


def _forward(
    features: Tensor, weight: Tensor, bias: Tensor | None, neighbors: Tensor, activation: str
) -> Tensor:
    out = _convolve(features, weight.unbind(0), neighbors)
    return activate_(out if bias is None else out.add_(bias), activation)


def _backward(
    grad: Tensor,
    features: Tensor,
    weight: Tensor,
    neighbors: Tensor,
    needs_features: bool,
    needs_weight: bool,
) -> tuple[Tensor | None, Tensor | None]:
    # On a symmetric table the gradient is the same convolution, the kernel mirrored and transposed.
    mirrored = [matrix.t() for matrix in reversed(weight.unbind(0))]
    return (
        _convolve(grad, mirrored, neighbors) if needs_features else None,
        _weight_gradient(features, grad, neighbors) if needs_weight else None,
    )


def _convolve(features: Tensor, matrices: Sequence[Tensor], neighbors: Tensor) -> Tensor:
    """features [N, Cin], K matrices [Cin, Cout], neighbors [N, K] -> [N, Cout]."""
    if gathers(features, GATHER_UP_TO):
        return _convolve_gathered(features, matrices, neighbors)
    return _convolve_pairs(features, matrices, neighbors)


def gathers(features: Tensor, up_to: Mapping[int, int]) -> bool:
    """Whether the gathered form is the faster one; a GPU wants few launches rather than few products."""
    return features.device.type != "cpu" or features.shape[1] <= up_to[features.element_size()]


def _convolve_gathered(features: Tensor, matrices: Sequence[Tensor], neighbors: Tensor) -> Tensor:
    stacked = torch.cat(list(matrices))  # [K * Cin, Cout]
    out, products = features.new_empty(len(features), stacked.shape[1]), products_for(features)
    for piece, block in gathered_blocks(features, neighbors):
        products.into(out[piece.rows], block.flatten(1), stacked)
    return out


def _convolve_pairs(features: Tensor, matrices: Sequence[Tensor], neighbors: Tensor) -> Tensor:
    channels = matrices[0].shape[1]
    out = features.new_empty(len(features), channels)
    runs = pair_runs(neighbors).of(PRODUCT_BYTES // (channels * features.element_size()))
    widest, space = max_sizes(runs)
    gathered = scratch(Scratch.GATHERED, widest, features.shape[1], features)
    terms, products = scratch(Scratch.PRODUCTS, space, channels, features), products_for(features)
    for run in runs:
        for pairs in run.offsets:
            torch.index_select(features, 0, pairs.sources, out=gathered[: len(pairs.sources)])
            reserved = terms[pairs.start : pairs.start + pairs.space]
            products.into(reserved, gathered[: pairs.space], matrices[pairs.k])
        # The sum of each row's products, in the order of the offsets, in float32 or wider.
        out[run.rows] = functional.embedding_bag(run.products, terms, run.starts, mode="sum")
    return out


def _weight_gradient(features: Tensor, grad: Tensor, neighbors: Tensor) -> Tensor:
    """features [N, Cin], grad [N, Cout] of the output -> [K, Cin, Cout]."""
    if gathers(features, GATHER_WEIGHT_GRADIENT_UP_TO):
        return _weight_gradient_gathered(features, grad, neighbors)
    return _weight_gradient_pairs(features, grad, neighbors)


def _weight_gradient_gathered(features: Tensor, grad: Tensor, neighbors: Tensor) -> Tensor:
    offsets, channels = neighbors.shape[1], features.shape[1]
    total = features.new_zeros(grad.shape[1], offsets * channels, dtype=sum_dtype(features))
    products = products_for(features)
    for piece, block in gathered_blocks(features, neighbors):
        block[: piece.done].zero_()  # they count once
        total += products.of_columns(grad[piece.rows], block.flatten(1))
    return total.t().to(features.dtype).reshape(offsets, channels, -1)


def _weight_gradient_pairs(features: Tensor, grad: Tensor, neighbors: Tensor) -> Tensor:
    shape = (neighbors.shape[1], features.shape[1], grad.shape[1])
    runs = pair_runs(neighbors).of(PRODUCT_BYTES // (grad.shape[1] * features.element_size()))
    widest, _ = max_sizes(runs)
    left = scratch(Scratch.GATHERED, widest, features.shape[1], features)
    right = scratch(Scratch.GRADIENT, widest, grad.shape[1], grad)
    # Where one run holds all pairs, each offset's matrix is written once: zeros first would cost as much.
    single, products = len(runs) == 1, products_for(features)
    total = features.new_empty(shape) if single else features.new_zeros(shape, dtype=sum_dtype(features))
    for run in runs:
        for pairs in run.offsets:
            filled = left[: pairs.space], right[: pairs.space]
            _gather_padded(filled[0], features, pairs.sources)
            _gather_padded(filled[1], grad, pairs.targets)
            if single:
                products.of_columns_into(total[pairs.k], *filled)
            else:
                total[pairs.k] += products.of_columns(*filled)
        if single:
            empty = set(range(len(total))) - {pairs.k for pairs in run.offsets}
            total[sorted(empty)] = 0
    return total.to(features.dtype)


def _gather_padded(out: Tensor, values: Tensor, rows: Tensor) -> None:
    """The given rows of `values`, then zeros up to the length of `out`."""
    torch.index_select(values, 0, rows, out=out[: len(rows)])
    out[len(rows) :].zero_()


def sum_dtype(features: Tensor) -> torch.dtype:
    """The dtype in which sums over many rows are kept."""
    return torch.promote_types(features.dtype, torch.float32)


subm_conv3d_torch = differentiable("subm_conv3d_torch", _forward, _backward)
