"""Submanifold convolution in Triton: CUDA, float32 (TF32 where PyTorch allows it), float16 and bfloat16.

`kernels` and `depthwise_kernels` run on the GPU, `tables` holds what they need of a neighbour table, and the
other files launch them. For given tile sizes all results are deterministic, see `tuning`. The package needs
Triton, so only `ffnet3d.ops.backends` imports it, where it is asked for.
"""

from __future__ import annotations

from torch import Tensor

from ffnet3d.ops.operator import differentiable
from ffnet3d.ops.triton_backend.convolution import convolve, input_gradient
from ffnet3d.ops.triton_backend.depthwise import convolve_depthwise, depthwise_input_gradient
from ffnet3d.ops.triton_backend.weight_gradient import dense_weight_gradient, depthwise_weight_gradient

__all__ = ["subm_conv3d_depthwise_triton", "subm_conv3d_triton"]


def _gradients(
    grad: Tensor,
    features: Tensor,
    weight: Tensor,
    neighbors: Tensor,
    needs_features: bool,
    needs_weight: bool,
) -> tuple[Tensor | None, Tensor | None]:
    return (
        input_gradient(grad, weight, neighbors) if needs_features else None,
        dense_weight_gradient(features, grad, neighbors) if needs_weight else None,
    )


def _depthwise_gradients(
    grad: Tensor,
    features: Tensor,
    weight: Tensor,
    neighbors: Tensor,
    needs_features: bool,
    needs_weight: bool,
) -> tuple[Tensor | None, Tensor | None]:
    return (
        depthwise_input_gradient(grad, weight, neighbors) if needs_features else None,
        depthwise_weight_gradient(features, grad, neighbors) if needs_weight else None,
    )


subm_conv3d_triton = differentiable("subm_conv3d_triton", convolve, _gradients)
subm_conv3d_depthwise_triton = differentiable(
    "subm_conv3d_depthwise_triton", convolve_depthwise, _depthwise_gradients
)
