"""Linear layers on voxel features, by the same matrix products as the convolutions."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from ffnet3d.ops.activation import activate, activate_
from ffnet3d.ops.autocast import cast_for_autocast
from ffnet3d.ops.products import linear_product, products_for, takes_onednn_linear

Parameters = tuple[Tensor, Tensor | None]
# Of a block of hidden features: it stays in a CPU's cache; a GPU wants few large launches instead.
HIDDEN_BYTES = 8 * 2**20
HIDDEN_BYTES_GPU = 256 * 2**20


def linear(features: Tensor, weight: Tensor, bias: Tensor | None, activation: str = "none") -> Tensor:
    """`activation(features @ weight.T + bias)` for features [N, Cin], weight [Cout, Cin], bias [Cout].

    Returns [N, Cout]. The same as `torch.nn.functional.linear`, of which it is a faster form on a CPU.
    """
    if torch.compiler.is_compiling() or features.device.type != "cpu":
        return activate(functional.linear(features, weight, bias), activation)
    features, weight, bias = cast_for_autocast(features, weight, bias)
    if not takes_onednn_linear(features):
        return activate(functional.linear(features, weight, bias), activation)
    if torch.is_grad_enabled():
        return activate(_Linear.apply(features, weight, bias), activation)
    return activate_(linear_product(features, weight, bias), activation)


def feed_forward(features: Tensor, expand: Parameters, contract: Parameters, activation: str) -> Tensor:
    """Two linear layers with an activation between them, for inference: features [N, C] -> [N, Cout].

    `expand` and `contract` are the (weight, bias) of the two. The hidden features exist for a block of rows
    at a time.
    """
    if torch.compiler.is_compiling():
        return linear(linear(features, *expand, activation), *contract)
    features, *_ = cast = cast_for_autocast(features, *expand)
    expand, contract = cast[1:], cast_for_autocast(features, *contract)[1:]
    limit = HIDDEN_BYTES if features.device.type == "cpu" else HIDDEN_BYTES_GPU
    step = max(1, limit // (len(expand[0]) * features.element_size()))
    out = features.new_empty(len(features), len(contract[0]))
    for start in range(0, len(features), step):
        rows = slice(start, start + step)
        out[rows] = linear(linear(features[rows], *expand, activation), *contract)
    return out


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, features: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(features, weight)
        return linear_product(features, weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        features, weight = ctx.saved_tensors
        needs_features, needs_weight, needs_bias = ctx.needs_input_grad
        grad = grad.contiguous()
        products = products_for(grad)
        return (
            products.of(grad, weight) if needs_features else None,
            products.of_columns(grad, features) if needs_weight else None,
            grad.sum(0) if needs_bias else None,
        )
