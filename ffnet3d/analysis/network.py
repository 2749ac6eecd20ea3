"""A trained network opened up for study: unfused, in evaluation mode, its modules within reach."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ffnet3d.analysis.asked import named_weights
from ffnet3d.models import FFNet3D
from ffnet3d.models.fuse import is_fused
from ffnet3d.models.layers import use_backend
from ffnet3d.segment.recipe import Recipe
from ffnet3d.segment.torch_network import check_condition, check_recipe, choose_device, find_backbone
from ffnet3d.segment.weights import load_torch


@dataclass(frozen=True)
class Network:
    """A segmentor to study.

    Args:
        name: short, for tables and file names; no other network of the study has it.
        segmentor: in evaluation mode, on `device`, its norms not folded into its convolutions.
        recipe: what its input is made of.
        device: where it runs.
        condition: for norms by data set, the data set whose norms apply.
    """

    name: str
    segmentor: nn.Module
    recipe: Recipe
    device: torch.device
    condition: str | None = None

    @property
    def backbone(self) -> FFNet3D:
        """The FFNet3D in it."""
        return find_backbone(self.segmentor)


def open_networks(
    weights: Sequence[Path], device: str | None = None, condition: str | None = None, **given: Any
) -> tuple[Network, ...]:
    """The networks in `weights`, each as `ffnet3d.segment.weights.load_torch` reads it.

    `device` and `condition` are as of `TorchNetwork`, `given` parts of the recipe. Raises ValueError naming
    the file that is no network of PyTorch, or does not say what is needed.
    """
    return tuple(
        open_network(name, file, device, condition, given) for name, file in named_weights(weights).items()
    )


def open_network(
    name: str, weights: Path, device: str | None, condition: str | None, given: Mapping[str, Any]
) -> Network:
    """One of them, under its name."""
    segmentor, recipe = load_torch(weights, **given)
    return study_network(segmentor, recipe, name, device, condition)


def study_network(
    segmentor: nn.Module,
    recipe: Recipe,
    name: str = "network",
    device: str | None = None,
    condition: str | None = None,
) -> Network:
    """A segmentor as a `Network`; it is put into evaluation mode and onto the device.

    Raises ValueError for one that is fused, without FFNet3D, or not of the recipe's features.
    """
    config = find_backbone(segmentor).config
    check_recipe(recipe, config.in_channels)
    condition = check_condition(condition, config.pdnorm_conditions if config.has_prompt else ())
    if is_fused(segmentor):
        raise ValueError(f"{name} is fused: study the network that it was fused from")
    chosen = choose_device(device)
    use_backend(segmentor, "auto", chosen.type)
    return Network(name, segmentor.eval().to(chosen), recipe, chosen, condition)
