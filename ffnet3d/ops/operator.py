"""From a backend's two kernels, forward and backward, to one differentiable custom operator.

`torch.compile` and `torch.export` see a single node with known shapes; autograd sees its backward.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

Convolution = Callable[[Tensor, Tensor, Tensor | None, Tensor, str], Tensor]
"""(features [N, Cin], weight [K, Cin, Cout] or, depthwise, [K, C], bias [Cout] | None, neighbors [N, K],
activation) -> [N, Cout]"""

Gradients = Callable[[Tensor, Tensor, Tensor, Tensor, bool, bool], tuple[Tensor | None, Tensor | None]]
"""(grad [N, Cout], features, weight, neighbors, needs_features, needs_weight) -> their gradients, or None"""


def differentiable(name: str, forward: Convolution, backward: Gradients) -> Convolution:
    """Register `ffnet3d::<name>` (and `ffnet3d::<name>_backward`), and return the convolution to call.

    The kernels need not know of autograd, and may not return views of their inputs. The activation ("none",
    "relu", "gelu") is for inference: where a gradient is wanted it must be "none".
    """
    operator = _forward_operator(name, forward)
    gradients = _backward_operator(f"{name}_backward", backward)

    def setup(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        features, weight, _, neighbors, activation = inputs
        if activation != "none":
            raise ValueError(f"the activation {activation!r} cannot be differentiated: apply it separately")
        ctx.save_for_backward(features, weight, neighbors)

    def differentiate(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        needs_features, needs_weight, needs_bias, *_ = ctx.needs_input_grad
        grad = grad.contiguous()
        of_features, of_weight = gradients(grad, *ctx.saved_tensors, needs_features, needs_weight)
        return (
            of_features if needs_features else None,
            of_weight if needs_weight else None,
            grad.sum(0) if needs_bias else None,
            None,
            None,
        )

    operator.register_autograd(differentiate, setup_context=setup)

    def convolution(
        features: Tensor, weight: Tensor, bias: Tensor | None, neighbors: Tensor, activation: str = "none"
    ) -> Tensor:
        if torch.is_grad_enabled() or torch.compiler.is_compiling():
            out: Tensor = operator(features, weight, bias, neighbors, activation)
            return out
        return forward(features, weight, bias, neighbors, activation)  # spares the dispatcher's overhead

    return convolution


def _forward_operator(name: str, forward: Convolution) -> Any:
    @torch.library.custom_op(f"ffnet3d::{name}", mutates_args=())
    def operator(
        features: Tensor, weight: Tensor, bias: Tensor | None, neighbors: Tensor, activation: str
    ) -> Tensor:
        return forward(features, weight, bias, neighbors, activation)

    @operator.register_fake
    def _(
        features: Tensor, weight: Tensor, bias: Tensor | None, neighbors: Tensor, activation: str
    ) -> Tensor:
        return features.new_empty(features.shape[0], weight.shape[-1])

    return operator


def _backward_operator(name: str, backward: Gradients) -> Any:
    """Gradients of features and weight; one that is not needed is an empty tensor."""

    @torch.library.custom_op(f"ffnet3d::{name}", mutates_args=())
    def operator(
        grad: Tensor,
        features: Tensor,
        weight: Tensor,
        neighbors: Tensor,
        needs_features: bool,
        needs_weight: bool,
    ) -> tuple[Tensor, Tensor]:
        of_features, of_weight = backward(grad, features, weight, neighbors, needs_features, needs_weight)
        return (
            features.new_empty(0) if of_features is None else of_features,
            weight.new_empty(0) if of_weight is None else of_weight,
        )

    @operator.register_fake
    def _(
        grad: Tensor,
        features: Tensor,
        weight: Tensor,
        neighbors: Tensor,
        needs_features: bool,
        needs_weight: bool,
    ) -> tuple[Tensor, Tensor]:
        return (
            features.new_empty(features.shape if needs_features else 0),
            weight.new_empty(weight.shape if needs_weight else 0),
        )

    return operator
