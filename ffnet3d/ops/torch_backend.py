"""Submanifold convolution in plain PyTorch: any device, no compiled extension, bounded memory.

Two forms compute the same sum. The gathered form copies the neighbours of a block of rows side by side and
multiplies once; it also multiplies the zeros of missing neighbours (about two thirds of a 3x3x3 window on a
surface). The offset form multiplies only the present pairs, one product for each offset, and pays with a
scattered addition. Which one is faster depends on the width of the rows.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ffnet3d.ops.activation import activate_
from ffnet3d.ops.gather import gathered_blocks, offset_pairs
from ffnet3d.ops.operator import differentiable

# Widest rows, in channels, for which the gathered form was faster on a CPU (real rooms, two cores, AVX-512):
# by bytes an element for the convolution, in any dtype for the gradient of its weight.
GATHER_UP_TO = {2: 64, 4: 32, 8: 16}
GATHER_WEIGHT_GRADIENT_UP_TO = 16


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
    widest = GATHER_UP_TO[features.element_size()]
    if features.device.type != "cpu" or features.shape[1] <= widest:
        return _convolve_gathered(features, matrices, neighbors)
    return _convolve_offsets(features, matrices, neighbors)


def _convolve_gathered(features: Tensor, matrices: Sequence[Tensor], neighbors: Tensor) -> Tensor:
    stacked = torch.cat(list(matrices))  # [K * Cin, Cout]
    out = features.new_empty(len(features), stacked.shape[1])
    for rows, block in gathered_blocks(features, neighbors):
        torch.mm(block.flatten(1), stacked, out=out[rows])
    return out


def _convolve_offsets(features: Tensor, matrices: Sequence[Tensor], neighbors: Tensor) -> Tensor:
    total_dtype = _sum_dtype(features)
    total = (features @ matrices[len(matrices) // 2]).to(total_dtype)
    for k, rows, sources in offset_pairs(neighbors):
        product = features.index_select(0, sources) @ matrices[k]
        total.index_add_(0, rows, product.to(total_dtype))
    return total.to(features.dtype)


def _weight_gradient(features: Tensor, grad: Tensor, neighbors: Tensor) -> Tensor:
    """features [N, Cin], grad [N, Cout] of the output -> [K, Cin, Cout]."""
    if features.device.type != "cpu" or features.shape[1] <= GATHER_WEIGHT_GRADIENT_UP_TO:
        return _weight_gradient_gathered(features, grad, neighbors)
    return _weight_gradient_offsets(features, grad, neighbors)


def _weight_gradient_gathered(features: Tensor, grad: Tensor, neighbors: Tensor) -> Tensor:
    offsets, channels = neighbors.shape[1], features.shape[1]
    total = features.new_zeros(offsets * channels, grad.shape[1], dtype=_sum_dtype(features))
    for rows, block in gathered_blocks(features, neighbors):
        total += block.flatten(1).t() @ grad[rows]
    return total.to(features.dtype).view(offsets, channels, -1)


def _weight_gradient_offsets(features: Tensor, grad: Tensor, neighbors: Tensor) -> Tensor:
    offsets = neighbors.shape[1]
    out = features.new_empty(offsets, features.shape[1], grad.shape[1])
    torch.mm(features.t(), grad, out=out[offsets // 2])
    for k, rows, sources in offset_pairs(neighbors):
        torch.mm(features.index_select(0, sources).t(), grad.index_select(0, rows), out=out[k])
    return out


def _sum_dtype(features: Tensor) -> torch.dtype:
    return torch.promote_types(features.dtype, torch.float32)


subm_conv3d_torch = differentiable("subm_conv3d_torch", _forward, _backward)
