"""Shared weights small enough for tests: a random network of five levels that knows its recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from ffnet3d.models import create_model, save_pretrained

CLASSES = ("wall", "floor", "chair")
WIDTHS = {"enc_channels": (8, 8, 8, 8, 8), "dec_channels": (8, 8, 8, 8)}


def random_network(in_channels: int = 6, num_classes: int = 3, seed: int = 0, **arguments: Any) -> nn.Module:
    """A segmentor in evaluation mode whose logits differ from voxel to voxel, batch norms included."""
    torch.manual_seed(seed)
    model = create_model("ffnet3d-tiny", in_channels, num_classes, **{**WIDTHS, **arguments}).eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
            nn.init.uniform_(module.weight, 0.5, 1.5)
    for name, parameter in model.named_parameters():
        if name.endswith("weight") and parameter.dim() > 1:
            nn.init.normal_(parameter, std=(0.5 / parameter[..., 0].numel()) ** 0.5)
    return model


def save_weights(folder: Path, features: tuple[str, ...] = ("color", "normal"), **meta: Any) -> Path:
    """Write such a network with voxels of 10 cm, or as `meta` says, for these features."""
    recipe = {"classes": list(CLASSES), "grid_size": 0.1, "features": list(features), **meta}
    network = random_network(3 * len(features), len(recipe["classes"]))
    return save_pretrained(
        network, folder, {key: value for key, value in recipe.items() if value is not None}
    )
