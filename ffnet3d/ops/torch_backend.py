"""Submanifold convolution in plain PyTorch: any device, no compiled extension, bounded memory.

Two forms compute the same sum. The gathered form copies the neighbours of a block of rows side by side and
multiplies once; it also multiplies the zeros of missing neighbours (about two thirds of a 3x3x3 window on a
surface). The offset form multiplies only the present pairs, one product for each offset, and pays with a
scattered addition. Which one is faster depends on the width of the rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ffnet3d.ops.gather import gathered_blocks, offset_pairs

# Widest rows, in channels, for which the gathered form was faster on a CPU (real rooms, two cores, AVX-512):
# by bytes an element for the convolution, in any dtype for the gradient of its weight.
GATHER_UP_TO = {2: 64, 4: 32, 8: 16}
GATHER_WEIGHT_GRADIENT_UP_TO = 16


def subm_conv3d_torch(features: Tensor, weight: Tensor, bias: Tensor | None, neighbors: Tensor) -> Tensor:
    """Submanifold convolution with gradients for features, weight and bias.

    features [N, Cin], weight [K, Cin, Cout], bias [Cout] or None, all of one dtype and device; neighbors
    [N, K] int32 or int64, with N for a missing neighbour, symmetric (offset K - 1 - k mirrors offset k) and
    with the voxel itself at K // 2. Returns [N, Cout]. Sums of 16-bit values are kept in float32.
    """
    out: Tensor = _SubMConv3d.apply(features, weight, bias, neighbors)
    return out


class _SubMConv3d(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, features: Tensor, weight: Tensor, bias: Tensor | None, neighbors: Tensor) -> Tensor:
        ctx.save_for_backward(features, weight, neighbors)
        out = _convolve(features, weight.unbind(0), neighbors)
        return out if bias is None else out.add_(bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        features, weight, neighbors = ctx.saved_tensors
        needs_features, needs_weight, needs_bias, _ = ctx.needs_input_grad
        grad = grad.contiguous()
        # On a symmetric table the gradient is the same convolution, the kernel mirrored and transposed.
        mirrored = [matrix.t() for matrix in reversed(weight.unbind(0))]
        return (
            _convolve(grad, mirrored, neighbors) if needs_features else None,
            _weight_gradient(features, grad, neighbors) if needs_weight else None,
            grad.sum(0) if needs_bias else None,
            None,
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
