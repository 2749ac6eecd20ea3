"""Depthwise submanifold convolution in plain PyTorch: one weight for each offset and channel."""

from __future__ import annotations

import torch
from torch import Tensor

from ffnet3d.ops.activation import activate_
from ffnet3d.ops.gather import gathered_blocks
from ffnet3d.ops.operator import differentiable


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
    return (
        _convolve(grad, weight.flip(0), neighbors) if needs_features else None,
        _weight_gradient(features, grad, neighbors) if needs_weight else None,
    )


def _convolve(features: Tensor, weight: Tensor, neighbors: Tensor) -> Tensor:
    out = torch.empty_like(features, memory_format=torch.contiguous_format)
    for piece, block in gathered_blocks(features, neighbors):
        torch.sum(block.mul_(weight), dim=1, out=out[piece.rows])
    return out


def _weight_gradient(features: Tensor, grad: Tensor, neighbors: Tensor) -> Tensor:
    total_dtype = torch.promote_types(features.dtype, torch.float32)
    total = features.new_zeros(neighbors.shape[1], features.shape[1], dtype=total_dtype)
    for piece, block in gathered_blocks(features, neighbors):
        block[: piece.done].zero_()  # they count once
        total += block.mul_(grad[piece.rows].unsqueeze(1)).sum(dim=0, dtype=total_dtype)
    return total.to(features.dtype)


subm_conv3d_depthwise_torch = differentiable("subm_conv3d_depthwise_torch", _forward, _backward)
