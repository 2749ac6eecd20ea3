"""Depthwise submanifold convolution in plain PyTorch: one weight for each offset and channel."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ffnet3d.ops.gather import gathered_blocks


def subm_conv3d_depthwise_torch(
    features: Tensor, weight: Tensor, bias: Tensor | None, neighbors: Tensor
) -> Tensor:
    """Depthwise submanifold convolution with gradients for features, weight and bias.

    features [N, C], weight [K, C], bias [C] or None, all of one dtype and device; neighbors [N, K] as for
    `subm_conv3d_torch`. Returns [N, C].
    """
    out: Tensor = _SubMConv3dDepthwise.apply(features, weight, bias, neighbors)
    return out


class _SubMConv3dDepthwise(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, features: Tensor, weight: Tensor, bias: Tensor | None, neighbors: Tensor) -> Tensor:
        ctx.save_for_backward(features, weight, neighbors)
        out = _convolve(features, weight, neighbors)
        return out if bias is None else out.add_(bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        features, weight, neighbors = ctx.saved_tensors
        needs_features, needs_weight, needs_bias, _ = ctx.needs_input_grad
        grad = grad.contiguous()
        return (
            _convolve(grad, weight.flip(0), neighbors) if needs_features else None,
            _weight_gradient(features, grad, neighbors) if needs_weight else None,
            grad.sum(0) if needs_bias else None,
            None,
        )


def _convolve(features: Tensor, weight: Tensor, neighbors: Tensor) -> Tensor:
    out = torch.empty_like(features, memory_format=torch.contiguous_format)
    for rows, block in gathered_blocks(features, neighbors):
        torch.sum(block.mul_(weight), dim=1, out=out[rows])
    return out


def _weight_gradient(features: Tensor, grad: Tensor, neighbors: Tensor) -> Tensor:
    total_dtype = torch.promote_types(features.dtype, torch.float32)
    total = features.new_zeros(neighbors.shape[1], features.shape[1], dtype=total_dtype)
    for rows, block in gathered_blocks(features, neighbors):
        total += block.mul_(grad[rows].unsqueeze(1)).sum(dim=0, dtype=total_dtype)
    return total.to(features.dtype)
