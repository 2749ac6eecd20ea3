"""Submanifold convolution by spconv on a CPU: a second opinion for tests, not a fast backend.

Its scatter-add has a data race, so that two threads give wrong results; it runs on one alone. It has no
backward without CUDA: the gradient of the features is the convolution with the mirrored kernel, computed by
spconv as well, that of the weight is a product in PyTorch over spconv's lists.
"""

from __future__ import annotations

import importlib

import torch
from torch import Tensor

from ffnet3d.ops.activation import activate_
from ffnet3d.ops.operator import differentiable
from ffnet3d.ops.spconv_tables import native_pairs


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
        _convolve(grad, weight.flip(0).transpose(1, 2), neighbors) if needs_features else None,
        _weight_gradient(features, grad, neighbors) if needs_weight else None,
    )


def _convolve(features: Tensor, weight: Tensor, neighbors: Tensor) -> Tensor:
    """features [N, Cin], weight [K, Cin, Cout] -> [N, Cout]."""
    _check(features)
    if len(features) == 0:
        return features.new_zeros(0, weight.shape[2])
    ops = importlib.import_module("spconv.pytorch.ops")
    lists = native_pairs(neighbors)
    filters = weight.permute(2, 0, 1)  # [Cout, K, Cin], a view: this path multiplies by slices of any layout
    out: Tensor = ops.indice_conv(
        features, filters, lists.pairs, lists.counts, num_activate_out=len(features), subm=True
    )
    return out


def _weight_gradient(features: Tensor, grad: Tensor, neighbors: Tensor) -> Tensor:
    """features [N, Cin], grad [N, Cout] -> [K, Cin, Cout]."""
    out = features.new_empty(neighbors.shape[1], features.shape[1], grad.shape[1])
    for matrix, inputs, outputs in zip(out, *native_pairs(neighbors).pairs, strict=True):
        present = inputs >= 0
        torch.mm(features[inputs[present]].t(), grad[outputs[present]], out=matrix)
    return out


def _check(features: Tensor) -> None:
    if features.dtype != torch.float32:
        raise ValueError(f"spconv-cpu computes in float32, not in {features.dtype}; take backend='torch'")
    if torch.get_num_threads() != 1:
        raise ValueError(
            f"spconv's CPU code has a data race, and is wrong on {torch.get_num_threads()} threads; "
            "take backend='torch', or torch.set_num_threads(1) for a cross-check"
        )


subm_conv3d_spconv_cpu = differentiable("subm_conv3d_spconv_cpu", _forward, _backward)
