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
from ffnet3d.ops.shapes import pieces, rounded_down, rounded_up

IN_PIECES_UP_TO = 2**15  # rows of a single layer
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
    return activate_(_product(features, weight, bias), activation)


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
    for piece in pieces(len(features), step):
        out[piece.rows] = linear(linear(features[piece.rows], *expand, activation), *contract)
    return out


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, features: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(features, weight)
        return _product(features, weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        features, weight = ctx.saved_tensors
        needs_features, needs_weight, needs_bias = ctx.needs_input_grad
        grad = grad.contiguous()
        return (
            _product(grad, weight.t(), None) if needs_features else None,
            _product_of_columns(grad, features) if needs_weight else None,
            grad.sum(0) if needs_bias else None,
        )


def _product(features: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """`features @ weight.T + bias`, in pieces where the rows are so few that compiling would cost more."""
    if len(features) > IN_PIECES_UP_TO:
        return linear_product(features, weight, bias)
    out = features.new_empty(len(features), len(weight))
    for piece in pieces(len(features), IN_PIECES_UP_TO):
        out[piece.rows] = linear_product(features[piece.rows], weight, bias)
    return out


def _product_of_columns(left: Tensor, right: Tensor) -> Tensor:
    """left [N, A], right [N, B] -> left^T right [A, B]."""
    products = products_for(left)
    whole = rounded_down(len(left))
    if len(left) > IN_PIECES_UP_TO or whole in (0, len(left)):
        return products.of_columns(left, right)
    # The rest of the rows, and zeros up to a size that repeats.
    size = rounded_up(len(left) - whole)
    missing = size - (len(left) - whole)
    rest = [functional.pad(tensor[whole:], (0, 0, 0, missing)) for tensor in (left, right)]
    return products.of_columns(left[:whole], right[:whole]).add_(products.of_columns(*rest))
