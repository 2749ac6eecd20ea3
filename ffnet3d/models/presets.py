"""Networks by name: backbone arguments, which a config can spell as well."""

from __future__ import annotations

from typing import Any

from torch import nn

from ffnet3d.models.config import FFNet3DConfig
from ffnet3d.models.registry import build_model
from ffnet3d.registry import nearest

PRESETS: dict[str, dict[str, Any]] = {
    # Released by the authors; the defaults of FFNet3DConfig. 103.2 M parameters.
    "ffnet3d": {},
    # As the paper's appendices describe it: one block in each decoder stage.
    "ffnet3d-paper": {"dec_depths": (1, 1, 1, 1)},
    # For a CPU: a step on a room takes about a second. 4.6 M parameters.
    "ffnet3d-tiny": {
        "enc_depths": (1, 1, 1, 1, 1),
        "enc_channels": (32, 48, 64, 96, 128),
        "dec_depths": (1, 1, 1, 1),
        "dec_channels": (32, 48, 64, 96),
        "drop_path": 0.2,
        "bn_momentum": 0.1,  # the running statistics of a short run must follow quickly
    },
    # Large depthwise kernels, as the paper's networks for images have them: 3 in early stages and 7 in late
    # ones, a small kernel beside each while it trains, LayerScale. 12.3 M parameters.
    "ffnet3d-dw": {
        "enc_channels": (32, 64, 128, 256, 448),
        "dec_depths": (1, 1, 1, 1),
        "enc_ks": (3, 3, 7, 7, 7),
        "dec_ks": (3, 3, 7, 7),
        "mixers": "ffnified_depthwise",
        "channel_mixers": "convnext_depthwise",
        "layer_scale": 1e-5,
        "branches": ("small",),
    },
    # Dense kernels where the voxels are, attention where 92 % of the released parameters serve 2 % of the
    # voxels; there depthwise kernels tell positions. 12.9 M parameters.
    "ffnet3d-lite": {
        "enc_channels": (32, 64, 128, 192, 384),
        "dec_depths": (1, 1, 1, 1),
        "dec_channels": (32, 64, 128, 192),
        "mixers": ("ffnified", "ffnified", "ffnified", "window_attention", "window_attention"),
        "channel_mixers": ("convnext", "convnext", "convnext", "convnext_depthwise", "convnext_depthwise"),
    },
}

CRITERIA: list[dict[str, Any]] = [
    {"type": "CrossEntropyLoss", "ignore_index": -1},
    {"type": "LovaszLoss", "mode": "multiclass", "ignore_index": -1},
]


def model_config(name: str, in_channels: int = 6, num_classes: int = 20, **overrides: Any) -> dict[str, Any]:
    """A preset as the `model` dict of a config; `overrides` replace backbone arguments.

    Raises ValueError naming an unknown preset.
    """
    if name not in PRESETS:
        raise ValueError(f"unknown model {name!r}: {nearest(name, PRESETS)} (presets: {', '.join(PRESETS)})")
    arguments = {**PRESETS[name], "in_channels": in_channels, **overrides}
    return {
        "type": "DefaultSegmentorV2",
        "num_classes": num_classes,
        "backbone_out_channels": arguments.get("dec_channels", FFNet3DConfig.dec_channels)[0],
        "backbone": {"type": "FFNet3D", **arguments},
        "criteria": CRITERIA,
    }


def create_model(name: str, in_channels: int = 6, num_classes: int = 20, **overrides: Any) -> nn.Module:
    """A preset with a segmentation head, in training mode, freshly initialised.

    name: "ffnet3d" (as released) or another of PRESETS; in_channels: width of `feat`; overrides: backbone
    arguments. Raises ValueError naming an unknown preset or argument.
    """
    return build_model(model_config(name, in_channels, num_classes, **overrides))
