"""Checkpoints: Pointcept's dictionary in a file that is never half-written, and strict loading of it.

Keys: `epoch`, `state_dict`, `optimizer`, `scheduler`, `scaler`, `best_metric_value`, and this engine's `step`
and `ffnet3d` (version, text of the config).
"""

from __future__ import annotations

import pickle
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from torch import Tensor, nn

from ffnet3d.atomic import write_atomic
from ffnet3d.models.hub import read_safetensors
from ffnet3d.models.release import WRAPPER, is_released

IMPORT_FIRST = (
    "weights of the authors' release: run `ffnet3d import-release {} imported.pth`, and give -w imported.pth"
)
SHOWN = 3  # keys of each kind that an error text lists

# What torch's reader raises for bytes that are no checkpoint, depending on where in them it stumbles.
DAMAGE = (
    RuntimeError,
    EOFError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    struct.error,
    pickle.UnpicklingError,
)


def save_checkpoint(path: str | Path, state: Mapping[str, Any]) -> None:
    """Write `state` (tensors and plain values) to `path`; the former file stays until all is on the disk.

    Raises OSError naming the file and the reason, e.g. that no space is left; the former file then stays.
    """
    write_atomic(Path(path), lambda file: _write(dict(state), file))


def load_checkpoint(path: str | Path, mmap: bool = False) -> dict[str, Any]:
    """Read a checkpoint of this engine or of Pointcept, tensors on the CPU; nothing in the file is executed.

    mmap: tensors stay on the disk until they are used (zip files only, as torch.save writes since 1.6).
    Raises ValueError naming the file where it does not exist, is truncated, or is no checkpoint.
    """
    checkpoint = read_file(path, mmap)
    if not isinstance(checkpoint, dict) or not isinstance(checkpoint.get("state_dict"), Mapping):
        if isinstance(checkpoint, Mapping) and is_released(checkpoint):
            raise ValueError(f"{path} holds {IMPORT_FIRST.format(path)}")
        raise ValueError(f"{path} is not a checkpoint: it holds no dict with a 'state_dict'")
    return checkpoint


def read_file(path: str | Path, mmap: bool = False) -> Any:
    """What torch.save has put into a file, tensors on the CPU; nothing in the file is executed.

    Raises ValueError naming the file where it does not exist, is truncated, or holds other objects.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"there is no checkpoint {path}")
    try:
        with torch.serialization.safe_globals(_readable()):
            return torch.load(path, map_location="cpu", weights_only=True, mmap=mmap)
    except DAMAGE as error:
        raise ValueError(
            f"{path} ({path.stat().st_size} bytes) is truncated, is no checkpoint, or holds more than "
            "tensors and plain values: copy it again, or take another file of that model/ folder"
        ) from error


def load_weights(model: nn.Module, path: str | Path, rename: Callable[[str], str] = str) -> None:
    """Load the weights of a checkpoint (.pth) or of shared weights (.safetensors) into `model`, strictly.

    `rename` turns names in the file into names of the model; a leading "module." of either side does not
    matter. Raises ValueError naming the file, and the first keys that are missing, unexpected or of another
    shape.
    """
    path = Path(path)
    weights = read_safetensors(path) if path.suffix == ".safetensors" else load_checkpoint(path)["state_dict"]
    load_state(model, {rename(name): value for name, value in weights.items()}, str(path))


def load_state(model: nn.Module, weights: Mapping[str, Tensor], source: str) -> None:
    """Load `weights` into `model` as load_weights does; the ValueError calls them `source`."""
    names = {name.removeprefix(WRAPPER): name for name in model.state_dict()}
    weights = {name.removeprefix(WRAPPER): value for name, value in weights.items()}
    expected = {plain: tuple(model.state_dict()[name].shape) for plain, name in names.items()}
    problems = [
        _listed("missing", [name for name in expected if name not in weights]),
        _listed("unexpected", [name for name in weights if name not in expected]),
        _listed("of another shape", _misshapen(weights, expected)),
    ]
    if any(problems) and is_released(weights):
        raise ValueError(f"{source} holds {IMPORT_FIRST.format(source)}")
    if any(problems):
        raise ValueError(
            f"the weights of {source} are of another network: {'; '.join(filter(None, problems))}. "
            "Use the config that they were trained with (config.py beside the model/ folder)"
        )
    model.load_state_dict({names[plain]: value for plain, value in weights.items()})


def _write(state: dict[str, Any], file: BinaryIO) -> None:
    """torch.save, with the error of the disk instead of what torch's writer makes of it."""
    try:
        torch.save(state, file)
    except RuntimeError as error:
        if isinstance(error.__context__, OSError):
            raise error.__context__ from None
        raise


def _readable() -> list[Any]:
    """What else Pointcept's checkpoints name; reading it runs nothing from the file.

    `best_metric_value` is a NumPy float. PyTorch before 2.2 has put a function into OneCycleLR's state.
    """
    scalar: Any = np.float64(0).__reduce__()[0]
    return [
        *(_named(scalar, f"numpy.{core}.multiarray", "scalar") for core in ("core", "_core")),
        *(np.dtype, type(np.dtype(np.float32)), type(np.dtype(np.float64))),
        _named(_attribute, "builtins", "getattr"),
        _named(_attribute, "torch.optim.lr_scheduler", "OneCycleLR"),
    ]


def _named(function: Callable[..., Any], module: str, name: str) -> Callable[..., Any]:
    """`function` as what stands for module.name in a file (a pair of both works from PyTorch 2.6 on)."""

    def stand_in(*arguments: Any) -> Any:
        return function(*arguments)

    stand_in.__module__, stand_in.__name__, stand_in.__qualname__ = module, name, name
    return stand_in


def _attribute(_: Any, name: str) -> str:
    """In place of an attribute, its name."""
    return name


def _misshapen(weights: Mapping[str, Tensor], expected: Mapping[str, tuple[int, ...]]) -> list[str]:
    return [
        f"{name} {tuple(value.shape)} instead of {expected[name]}"
        for name, value in weights.items()
        if name in expected and tuple(value.shape) != expected[name]
    ]


def _listed(kind: str, names: list[str]) -> str:
    """'2 missing (a, b)', or nothing."""
    more = ", ..." if len(names) > SHOWN else ""
    return f"{len(names)} {kind} ({', '.join(names[:SHOWN])}{more})" if names else ""
