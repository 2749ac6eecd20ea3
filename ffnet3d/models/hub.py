"""Weights for sharing: a folder with `model.safetensors` and the `config.json` that rebuilds the model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ffnet3d.atomic import write_atomic
from ffnet3d.models.fuse import is_fused
from ffnet3d.models.registry import build_model
from ffnet3d.registry import require
from ffnet3d.version import __version__

WEIGHTS = "model.safetensors"
CONFIG = "config.json"


def save_pretrained(model: nn.Module, folder: str | Path, meta: Mapping[str, Any] | None = None) -> Path:
    """Write a segmentor's weights and config; returns the folder.

    `meta` goes into config.json as well, e.g. {"classes": [...], "grid_size": 0.02}. Files are replaced,
    never left half-written. Raises ValueError for a model that was not built from a config, or is fused.
    """
    config = getattr(model, "config", None)
    if not isinstance(config, Mapping) or "type" not in config:
        name = type(model).__name__
        raise ValueError(f"{name} does not know its config: build it with create_model or build_model")
    if is_fused(model):
        raise ValueError(
            "a fused model cannot be built from its config again: save the model itself, fuse the copy"
        )
    return write_pretrained(folder, model.state_dict(), config, meta)


def write_pretrained(
    folder: str | Path,
    weights: Mapping[str, Tensor],
    config: Mapping[str, Any],
    meta: Mapping[str, Any] | None = None,
) -> Path:
    """`save_pretrained` for the state dict of the model that `config`, a `type=` dict, describes."""
    safetensors = require("safetensors.torch", "train")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    state = {key: value.detach().cpu().contiguous() for key, value in weights.items()}
    text = json.dumps({**(meta or {}), "ffnet3d": __version__, "model": config}, indent=2) + "\n"
    write_atomic(folder / WEIGHTS, lambda file: file.write(safetensors.save(state)))
    write_atomic(folder / CONFIG, lambda file: file.write(text.encode()))
    return folder


def from_pretrained(path: str | Path) -> nn.Module:
    """The model saved in a folder (or named by its weights file), in evaluation mode, on the CPU.

    Raises ValueError naming the file that is missing, damaged, or does not fit the config.
    """
    weights = _weights_file(Path(path))
    config = read_config(weights.parent)
    with torch.device("meta"):  # no time spent on an initialisation that the file replaces
        model = build_model(config["model"])
    _load(model, read_safetensors(weights), weights)
    return model.eval()


def read_config(folder: str | Path) -> dict[str, Any]:
    """What config.json holds: `model` (a `type=` dict), `ffnet3d` (version), and the meta data.

    Raises ValueError naming the file that is missing or damaged.
    """
    path = Path(folder) / CONFIG
    if not path.is_file():
        raise ValueError(f"{path} does not exist: config.json belongs beside {WEIGHTS}")
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is not JSON ({error}): save the model again") from error
    if not isinstance(config, dict) or "model" not in config:
        raise ValueError(f"{path} has no 'model': it was not written by save_pretrained")
    return config


def read_safetensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a .safetensors file; ValueError naming it where it is missing or damaged."""
    if not path.is_file():
        raise ValueError(f"{path} is missing")
    safetensors = require("safetensors", "train")
    try:
        state: dict[str, Tensor] = require("safetensors.torch", "train").load_file(path)
    except safetensors.SafetensorError as error:
        raise ValueError(f"{path} is truncated or not a safetensors file ({error}): copy it again") from error
    return state


def _weights_file(path: Path) -> Path:
    path = path / WEIGHTS if path.is_dir() else path
    if not path.is_file():
        raise ValueError(f"{path} does not exist: give a folder written by save_pretrained, or its {WEIGHTS}")
    return path


def _load(model: nn.Module, state: dict[str, Tensor], path: Path) -> None:
    expected = {key: tuple(value.shape) for key, value in model.state_dict().items()}
    found = {key: tuple(value.shape) for key, value in state.items()}
    differing = [
        f"{key}: {found.get(key, 'missing')} where the model has {expected.get(key, 'nothing')}"
        for key in sorted(expected | found)
        if expected.get(key) != found.get(key)
    ]
    if differing:
        raise ValueError(
            f"{path} does not fit the model in {CONFIG}: {len(differing)} tensors differ, first "
            f"{'; '.join(differing[:3])}. Are both files of the same model?"
        )
    model.load_state_dict(state, assign=True)
