"""Trained weights and what goes with them, from whatever a user has at hand.

A run's folder, a checkpoint in one, shared weights (`model.safetensors` and its folder), or an ONNX file.
Nothing in a file is ever executed.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ffnet3d.segment.network import VoxelNetwork
from ffnet3d.segment.recipe import Recipe, recipe_of, recipe_of_config

if TYPE_CHECKING:
    from torch import nn

ONNX = ".onnx"
SAFETENSORS = "model.safetensors"
RUNTIMES = ("auto", "torch", "onnx")
KINDS = (
    "a run's folder (exp/DATASET/NAME), a .pth in its model/ folder, a model.safetensors, or an .onnx file"
)


def open_network(
    weights: str | Path,
    runtime: str = "auto",
    device: str | None = None,
    dtype: str = "float32",
    condition: str | None = None,
    threads: int | None = None,
    **given: Any,
) -> VoxelNetwork:
    """The network in `weights`, ready to predict.

    runtime: "torch", "onnx" (ONNX Runtime, for an .onnx file), or "auto", by the file; device, dtype and
    condition: of torch, see `TorchNetwork`; threads: of ONNX Runtime; given: parts of the recipe
    (grid_size, features, classes, symmetric_color) that the weights do not know, or not as wanted.
    Raises ValueError naming the file and what is wrong with it.
    """
    weights = find_weights(weights)
    if runtime not in RUNTIMES:
        raise ValueError(f"unknown runtime {runtime!r}; known: {', '.join(RUNTIMES)}")
    is_onnx = weights.suffix.lower() == ONNX
    if runtime == "onnx" and not is_onnx:
        raise ValueError(f"{weights} is no .onnx file: make one with ffnet3d export {weights} model.onnx")
    if runtime == "torch" and is_onnx:
        raise ValueError(f"{weights}: PyTorch does not run ONNX files; leave --runtime out")
    if is_onnx:
        check_onnx_options(weights, device, dtype, condition)
        from ffnet3d.segment.onnx_network import OnnxNetwork

        runs = OnnxNetwork(weights, threads)
        runs.recipe = runs.recipe.changed(**given)
        return checked(runs, weights)
    from ffnet3d.segment.torch_network import TorchNetwork

    segmentor, recipe = load_torch(weights, **given)
    return checked(TorchNetwork(segmentor, recipe, device, dtype, condition), weights)


def checked(network: VoxelNetwork, weights: Path) -> VoxelNetwork:
    """The network, after one voxel; ValueError where its classes are not those of the recipe."""
    width = network.recipe.in_channels
    logits = network.logits(np.zeros((1, width), dtype=np.float32), np.zeros((1, 3), dtype=np.int64))
    if logits.shape[1] != len(network.recipe.classes):
        raise ValueError(
            f"{weights}: the network has {logits.shape[1]} classes, {len(network.recipe.classes)} are named: "
            "name each, in the order of their labels (--classes wall,floor,...)"
        )
    return network


def check_onnx_options(weights: Path, device: str | None, dtype: str, condition: str | None) -> None:
    """ValueError for what an ONNX file has settled: it is float32, on a CPU, of one condition."""
    if device not in (None, "cpu") or dtype != "float32" or condition is not None:
        raise ValueError(
            f"{weights}: an ONNX file runs in float32 on a CPU, with the norms that it was exported with: "
            "leave --device, --dtype and --condition out"
        )


def load_torch(weights: str | Path, **given: Any) -> tuple[nn.Module, Recipe]:
    """The segmentor of a run's folder, checkpoint or shared weights, in evaluation mode, and its recipe.

    `given`: as for `open_network`. Raises ValueError naming the file and what is wrong with it.
    """
    weights = find_weights(weights)
    return load_shared(weights, **given) if is_shared(weights) else load_run(weights, **given)


def find_weights(weights: str | Path) -> Path:
    """The path, where there is something; ValueError saying what weights are otherwise."""
    weights = Path(weights)
    if not weights.exists():
        raise ValueError(f"{weights} does not exist: give {KINDS}")
    return weights


def is_shared(weights: Path) -> bool:
    """Whether these are shared weights, by their file or folder."""
    return weights.name == SAFETENSORS or (weights / SAFETENSORS).is_file()


def load_shared(weights: Path, **given: Any) -> tuple[nn.Module, Recipe]:
    """`load_torch` for a folder of `save_pretrained`, or the model.safetensors in it."""
    from ffnet3d.models.hub import from_pretrained, read_config

    folder = weights if weights.is_dir() else weights.parent
    model = from_pretrained(weights)
    return model, recipe_of(read_config(folder), str(folder / "config.json"), **given)


def load_run(weights: Path, **given: Any) -> tuple[nn.Module, Recipe]:
    """`load_torch` for a run's folder (its best checkpoint, else its last), or a checkpoint in it."""
    from ffnet3d.engine.checkpoint import load_weights
    from ffnet3d.engine.config import load_config
    from ffnet3d.models import build_model

    checkpoint, config_file = find_run(weights)
    config = load_config(config_file)
    model = build_model(config.model)
    load_weights(model, checkpoint)
    return model.eval(), recipe_of_config(config, str(config_file)).changed(**given)


def find_run(weights: Path) -> tuple[Path, Path]:
    """The checkpoint and the config that `weights` means; ValueError saying what is missing."""
    if weights.is_dir():
        choices = [weights / "model" / f"{name}.pth" for name in ("model_best", "model_last")]
        found = [choice for choice in choices if choice.is_file()]
        if not found:
            raise ValueError(f"{weights} has no model/model_best.pth and no {SAFETENSORS}: give {KINDS}")
        weights = found[0]
    if weights.suffix not in (".pth", ".pt"):
        raise ValueError(f"{weights}: weights are {KINDS}")
    folders = (weights.parent.parent, weights.parent)
    configs = [folder / "config.py" for folder in folders if (folder / "config.py").is_file()]
    if not configs:
        raise ValueError(
            f"{weights}: no config.py of its run in {folders[0]} or beside it: put the config that it was "
            "trained with there"
        )
    return weights, configs[0]


def weight_files(weights: str | Path) -> list[Path]:
    """The files that make up the network in `weights`: what a result depends on. ValueError as above."""
    weights = find_weights(weights)
    if weights.suffix.lower() == ONNX:
        return [weights]
    if is_shared(weights):
        folder = weights if weights.is_dir() else weights.parent
        return [folder / SAFETENSORS, folder / "config.json"]
    return list(find_run(weights))
