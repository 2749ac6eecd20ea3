"""The names by which configs call for models and losses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from ffnet3d.registry import Registry

MODELS = Registry("model")
LOSSES = Registry("loss")


def build_model(config: Mapping[str, Any] | nn.Module) -> nn.Module:
    """The model that a config's `type=` dict describes; a module passes through.

    Raises ValueError naming an unknown type or argument.
    """
    if isinstance(config, nn.Module):
        return config
    model: nn.Module = MODELS.build(config)
    return model
