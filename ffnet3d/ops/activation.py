"""The activations that a backend can apply to its output in place."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

ACTIVATIONS = ("none", "relu", "gelu")


def check_activation(activation: str) -> None:
    """Raise ValueError unless the activation is known."""
    if activation not in ACTIVATIONS:
        raise ValueError(f"unknown activation {activation!r}; known: {', '.join(ACTIVATIONS)}")


def activate(values: Tensor, activation: str) -> Tensor:
    """Values [N, C] -> activation of the values; the GELU is the exact one, by erf."""
    if activation == "gelu":
        return functional.gelu(values)
    return functional.relu(values) if activation == "relu" else values


def activate_(values: Tensor, activation: str) -> Tensor:
    """The same in place."""
    if activation == "gelu":
        out: Tensor = torch.ops.aten.gelu_(values)
        return out
    return values.relu_() if activation == "relu" else values
