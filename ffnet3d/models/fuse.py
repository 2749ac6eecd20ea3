"""A model for inference: batch norms folded into the layers before them, activations applied in place."""

from __future__ import annotations

import copy

import torch
from torch import nn

from ffnet3d.models.blocks import ChannelMixer, TokenMixer
from ffnet3d.models.layers import SubMConv3d
from ffnet3d.models.network import Stem
from ffnet3d.models.pdnorm import PDNorm
from ffnet3d.models.sampling import Projection


def fuse(model: nn.Module, dtype: torch.dtype | None = None) -> nn.Module:
    """A copy of a model in evaluation mode, faster and smaller in memory, with the same predictions.

    Each batch norm that follows a convolution or a linear layer goes into its weight and bias, and so does
    the activation behind it. The copy is for inference: its parameters ask for no gradient, and it cannot be
    trained. `dtype`, such as `torch.bfloat16`, is that of its weights and features. Norms by data set stay:
    which of them applies is only known with the batch.
    Raises ValueError for a model that is fused already.
    """
    fused = copy.deepcopy(model).eval().requires_grad_(False)
    for module in fused.modules():
        if isinstance(module, Stem):
            _fold(module, "conv", "norm", "act")
        elif isinstance(module, TokenMixer):
            _fold(module, "key", "key_norm", "act")
            _fold(module, "value", "value_norm")
        elif isinstance(module, ChannelMixer):
            _fold(module, "conv", "norm")
        elif isinstance(module, Projection):
            _fold(module, "linear", "norm", "act")
    return fused if dtype is None else fused.to(dtype)


def _fold(parent: nn.Module, layer_name: str, norm_name: str, act_name: str | None = None) -> None:
    """Fold the batch norm, and hand over the activation, of children of `parent`; identities stay behind."""
    layer, norm = getattr(parent, layer_name), getattr(parent, norm_name)
    if isinstance(norm, PDNorm):
        return
    if not isinstance(norm, nn.BatchNorm1d):
        raise ValueError(
            f"{type(parent).__name__}.{norm_name} is {type(norm).__name__}, not a batch norm: fused already?"
        )
    scale = norm.weight / (norm.get_buffer("running_var") + norm.eps).sqrt()
    bias = norm.bias - norm.get_buffer("running_mean") * scale
    if layer.bias is not None:
        bias = bias + layer.bias * scale
    layer.bias = nn.Parameter(bias, requires_grad=False)
    # Output channels are the last axis of a convolution's weight, and the first of a linear layer's.
    scale = scale if isinstance(layer, SubMConv3d) else scale[:, None]
    layer.weight = nn.Parameter(layer.weight * scale, requires_grad=False)
    setattr(parent, norm_name, nn.Identity())
    if act_name is not None:
        layer.activation = "gelu" if isinstance(getattr(parent, act_name), nn.GELU) else "relu"
        setattr(parent, act_name, nn.Identity())
