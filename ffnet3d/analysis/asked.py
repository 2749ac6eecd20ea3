"""What was asked for, checked before a network or a scan is loaded: instruments, classes, weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ffnet3d.registry import nearest
from ffnet3d.segment.recipe import Recipe, recipe_of, recipe_of_config
from ffnet3d.segment.weights import ONNX, SAFETENSORS, find_run, find_weights, is_shared

NAMES = ("coefficients", "maps", "receptive", "cost")
"""Of the instruments, in the page's order."""


def choose(
    only: Sequence[str] | None, classes: Sequence[str] = (), known: Sequence[str] = NAMES
) -> tuple[str, ...]:
    """Of the `known` names of instruments those to use, in that order; all by default.

    Maps are left out of that where no class is named. Raises ValueError for a name that is not known, and for
    maps of no class.
    """
    if only is None:
        return tuple(name for name in known if name != "maps" or classes)
    if unknown := [name for name in only if name not in known]:
        raise ValueError(f"--only {unknown[0]}: the instruments are {', '.join(known)}")
    if "maps" in only and not classes:
        raise ValueError("--only maps: maps are of classes: give --class NAME, as often as wanted")
    return tuple(name for name in known if name in only)


def check_classes(classes: Sequence[str], recipes: Mapping[str, Recipe]) -> None:
    """ValueError for a class that a network does not have, with the one meant; `recipes` by network."""
    for network, recipe in recipes.items():
        if unknown := [name for name in classes if name not in recipe.classes]:
            raise ValueError(
                f"--class {unknown[0]}: {network} has no such class: {nearest(unknown[0], recipe.classes)}"
            )


def named_weights(weights: Sequence[Path]) -> dict[str, Path]:
    """Weights by the name of their network; ValueError naming a file that is no network of PyTorch."""
    for file in weights:
        if find_weights(file).suffix.lower() == ONNX:
            raise ValueError(
                f"{file}: an ONNX file has its norms folded in and no modules to look into: give the weights "
                "that it was exported from (a run's folder, a .pth, or a model.safetensors)"
            )
    return dict(zip(unique_names([short_name(file) for file in weights]), weights, strict=True))


def read_recipes(weights: Sequence[Path], **given: Any) -> dict[str, Recipe]:
    """The recipe of each network by its name, without the network; errors as of `open_networks`."""
    return {name: read_recipe(file, given) for name, file in named_weights(weights).items()}


def read_recipe(weights: Path, given: Mapping[str, Any]) -> Recipe:
    """The recipe of one of them, from the config beside its weights."""
    if is_shared(weights):
        from ffnet3d.models.hub import read_config

        folder = weights if weights.is_dir() else weights.parent
        return recipe_of(read_config(folder), str(folder / "config.json"), **given)
    from ffnet3d.engine.config import load_config

    _, config = find_run(weights)
    return recipe_of_config(load_config(config), str(config)).changed(**given)


def short_name(weights: Path) -> str:
    """What a user calls weights: the run's name, with a checkpoint's where one is named."""
    path = weights.resolve()
    if path.name == SAFETENSORS:
        return path.parent.name
    if path.parent.name == "model":
        return f"{path.parent.parent.name}-{path.stem}"
    return path.name if path.is_dir() else path.stem


def unique_names(names: Sequence[str]) -> tuple[str, ...]:
    """The names, with a number behind those that stood before: room, room-2, room-3."""
    taken: list[str] = []
    for name in names:
        number, unused = 1, name
        while unused in taken:
            number += 1
            unused = f"{name}-{number}"
        taken.append(unused)
    return tuple(taken)
