"""A network made ready for export: in plain operators, traced, with what to check the file by."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn
from torch.export import ExportedProgram

from ffnet3d.export.network import ExportableNetwork
from ffnet3d.export.trace import trace
from ffnet3d.export.trial import Trial, make_trials
from ffnet3d.segment.exported import Exported
from ffnet3d.segment.recipe import Recipe
from ffnet3d.segment.stage_reach import stage_reach
from ffnet3d.segment.torch_network import find_backbone
from ffnet3d.version import __version__


@dataclass(frozen=True)
class Prepared:
    """All that a file of either kind is made from."""

    program: ExportedProgram
    about: Exported
    trials: list[Trial]


def prepare(segmentor: nn.Module, recipe: Recipe, condition: str | None = None) -> Prepared:
    """Trace a segmentor; ValueError where it cannot be exported, or the recipe does not fit it."""
    network = ExportableNetwork(segmentor, condition)
    if recipe.in_channels != network.in_channels:
        raise ValueError(
            f"the network takes {network.in_channels} numbers a voxel, but the features "
            f"{', '.join(recipe.features)} are {recipe.in_channels}: say which it was trained on "
            "(--features color,normal)"
        )
    trials = make_trials(segmentor, network.in_channels, network.strides, network.kernel_sizes, condition)
    classes = trials[0].expected.shape[1]
    if len(recipe.classes) != classes:
        raise ValueError(
            f"the network has {classes} classes, the recipe names {len(recipe.classes)}: say them in order "
            "(--classes wall,floor,...)"
        )
    about = Exported(
        recipe,
        network.strides,
        network.kernel_sizes,
        stage_reach(find_backbone(segmentor)),
        parameters=sum(parameter.numel() for parameter in segmentor.parameters()),
        version=__version__,
        condition=condition or "",
    )
    return Prepared(trace(network, trials[0]), about, trials)
