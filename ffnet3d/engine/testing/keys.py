"""What a prediction depends on: results of former tests are only reused where all of it is the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ffnet3d.data.datasets import SceneDataset
from ffnet3d.engine.code_version import code_version
from ffnet3d.engine.config import Config

DIGITS = 16
# Where the data lie and what is kept of them in memory: neither changes a prediction.
WITHOUT_EFFECT = ("data_root", "cache", "cache_root")


@dataclass(frozen=True)
class SceneKey:
    """Hashes of all that a scene's labels follow from, one for each kind of cause."""

    weights: str
    config: str
    code: str
    scene: str

    def as_dict(self) -> dict[str, str]:
        """The hashes by kind."""
        return asdict(self)

    def changes(self, other: Mapping[str, str]) -> list[str]:
        """The kinds in which `other`, the key of a former result, differs."""
        return [name for name, value in self.as_dict().items() if other.get(name) != value]


def scene_keys(network: nn.Module, config: Config, dataset: SceneDataset) -> list[SceneKey]:
    """The key of each scene of a data set, tested by `network` as `config` says."""
    weights, settings, code = hash_weights(network), hash_config(config), code_version()
    scenes = range(len(dataset.scenes))
    return [SceneKey(weights, settings, code, hash_scene(dataset, number)) for number in scenes]


def hash_weights(network: nn.Module) -> str:
    """Of the names and values of all parameters and buffers, whatever file they came from."""
    digest = hashlib.sha256()
    for name, value in sorted(network.state_dict().items()):
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
        digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()[:DIGITS]


def hash_config(config: Config) -> str:
    """Of the settings that a test reads."""
    test = {name: value for name, value in config.data.test.items() if name not in WITHOUT_EFFECT}
    settings = {
        "test": test,
        "model": config.model,
        "num_classes": config.data.num_classes,
        "ignore_index": config.data.ignore_index,
        "seed": config.seed,
    }
    return _hash_json(settings)


def hash_scene(dataset: SceneDataset, number: int) -> str:
    """Of a scene's place in the data set, on which its random draws depend, and the state of its files."""
    folder = dataset.scenes[number]
    states = [(file.name, file.stat()) for file in sorted(folder.glob("*.npy"))]
    files = [(name, state.st_size, state.st_mtime_ns) for name, state in states]
    return _hash_json([number, dataset.scene_name(folder), files])


def hash_file(file: Path) -> str:
    """Of a file's bytes."""
    return hashlib.sha256(file.read_bytes()).hexdigest()[:DIGITS]


def _hash_json(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, default=repr)
    return hashlib.sha256(text.encode()).hexdigest()[:DIGITS]
