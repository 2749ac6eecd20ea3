"""The keys of a sample: copies, settings, tensors, and what finally goes to the network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from ffnet3d.data.registry import TRANSFORMS, Sample
from ffnet3d.data.transforms.points import value_of


def _origin_keys() -> dict[str, str]:
    return {"coord": "origin_coord", "segment": "origin_segment"}


@TRANSFORMS.register()
@dataclass(frozen=True)
class Copy:
    """A copy of each key of `keys_dict` under the name beside it."""

    keys_dict: Mapping[str, str] = field(default_factory=_origin_keys)

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:  # noqa: ARG002
        copies = {new: deepcopy(value_of(sample, key)) for key, new in self.keys_dict.items()}
        return {**sample, **copies}


@TRANSFORMS.register()
@dataclass(frozen=True)
class Update:
    """Keys set to the values of `keys_dict`."""

    keys_dict: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:  # noqa: ARG002
        return {**sample, **deepcopy(dict(self.keys_dict))}


@TRANSFORMS.register()
@dataclass(frozen=True)
class Add(Update):
    """The name of `Update` in older configs."""


@TRANSFORMS.register()
@dataclass(frozen=True)
class ToTensor:
    """Arrays and numbers become tensors of their own memory: float32, int64 or bool; a number has shape [1].

    Strings and tensors stay, mappings and sequences are converted item by item; ValueError names the key of
    anything else.
    """

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:  # noqa: ARG002
        return {key: to_tensor(value, key) for key, value in sample.items()}


def to_tensor(value: Any, key: str) -> Any:
    """One value of a sample as `ToTensor` makes it; `key` is for the error text."""
    if isinstance(value, str | torch.Tensor):
        return value
    if isinstance(value, bool | int | float | np.generic):
        return to_tensor(np.asarray(value), key).reshape(1)
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        dtype = {"b": np.bool_, "f": np.float32}.get(value.dtype.kind, np.int64)
        return torch.from_numpy(np.array(value, dtype=dtype, order="C"))
    if isinstance(value, Mapping):
        return {name: to_tensor(item, f"{key}.{name}") for name, item in value.items()}
    if isinstance(value, Sequence):
        return [to_tensor(item, f"{key}[{place}]") for place, item in enumerate(value)]
    kind = f"array of {value.dtype}" if isinstance(value, np.ndarray) else type(value).__name__
    raise ValueError(f"{key!r} cannot become a tensor: it is of type {kind}")


@TRANSFORMS.register()
class Collect:
    """The end of a list of transforms: only what the network needs goes on.

    Args:
        keys: taken as they are.
        offset_keys_dict: a name and the key whose number of rows it gives, [1]; by default offset="coord".
        NAME_keys: the named tensors [N, C_i] side by side make NAME float32 [N, C], as in
            feat_keys=("color", "normal").

    Raises ValueError for a key that the sample lacks, with how to get it, and for one that is no tensor.
    """

    def __init__(
        self,
        keys: str | Sequence[str],
        offset_keys_dict: Mapping[str, str] | None = None,
        **feature_keys: Sequence[str],
    ) -> None:
        self.keys = [keys] if isinstance(keys, str) else list(keys)
        self.offset_keys = {"offset": "coord"} if offset_keys_dict is None else dict(offset_keys_dict)
        self.features: dict[str, list[str]] = {}
        for name, parts in feature_keys.items():
            if not name.endswith("_keys") or isinstance(parts, str) or not parts:
                raise ValueError(f"Collect takes NAME_keys=(key, ...), e.g. feat_keys, got {name}={parts!r}")
            self.features[name.removesuffix("_keys")] = list(parts)

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:  # noqa: ARG002
        collected = {key: value_of(sample, key) for key in self.keys}
        for name, key in self.offset_keys.items():
            collected[name] = torch.tensor([len(value_of(sample, key))])
        for name, parts in self.features.items():
            collected[name] = _side_by_side(sample, parts)
        return collected


def _side_by_side(sample: Sample, keys: Sequence[str]) -> torch.Tensor:
    """Tensors [N, C_i] joined to float32 [N, C]."""
    parts = [_feature(sample, key) for key in keys]
    for key, part in zip(keys, parts, strict=True):
        if len(part) != len(parts[0]):
            raise ValueError(f"{key!r} has {len(part)} rows, {keys[0]!r} has {len(parts[0])}")
    return torch.cat(parts, dim=1)


def _feature(sample: Sample, key: str) -> torch.Tensor:
    value = value_of(sample, key)
    if not isinstance(value, torch.Tensor):
        raise ValueError(f"{key!r} is a {type(value).__name__}, not a tensor: put ToTensor before Collect")
    if value.ndim != 2:
        raise ValueError(f"{key!r} must be [N, C] to be a feature, it is {list(value.shape)}")
    return value.float()
