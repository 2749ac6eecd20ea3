"""The transforms and the collate function of a Pointcept checkout, without the rest of it."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

import numpy as np

from .transforms_clouds import Sample

Configs = Sequence[Mapping[str, Any]]

PACKAGES = ("pointcept", "pointcept.utils", "pointcept.datasets")  # hollow: the real ones import everything
UNUSED = {  # names that the two modules import, and that the recipes never call
    "torchvision": "transforms",
    "torch_scatter": "scatter_min",
    "pointcept.models": "utils",
    "pointcept.models.utils": "offset2batch",
}


@dataclass(frozen=True)
class Checkout:
    """`transform` and `utils` are Pointcept's modules of these names in `pointcept.datasets`."""

    transform: ModuleType
    utils: ModuleType

    @property
    def before_1_6(self) -> bool:
        """Whether it is of the time of the authors' release (1.5.1): GridSample has `keys`."""
        return "keys" in inspect.signature(self.transform.GridSample).parameters

    def run(self, configs: Configs, sample: Sample, seed: int) -> list[Sample]:
        """The results of the transforms in turn; every draw comes from NumPy's legacy stream of `seed`."""
        np.random.seed(seed)  # noqa: NPY002
        samples = [sample]
        with mock.patch("random.random", np.random.random_sample):
            for config in configs:
                transform = self.transform.TRANSFORMS.build(self._known(config))
                samples = [part for one in samples for part in parts(transform(one))]
        return samples

    def collate(self, samples: list[Sample], mix_prob: float, draw: float) -> Sample:
        """A batch; `draw`, in 0..1, decides on Mix3D."""
        with mock.patch("random.random", return_value=draw):
            batch: Sample = self.utils.point_collate_fn(samples, mix_prob=mix_prob)
        return batch

    def _known(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """Since 1.6 GridSample takes every key with one row per point and has no argument `keys`."""
        known = dict(config)
        if config["type"] == "GridSample" and not self.before_1_6:
            known.pop("keys", None)
        return known


def parts(result: Any) -> list[Sample]:
    """One sample, or the several that GridSample(mode="test") makes."""
    return [dict(result)] if isinstance(result, Mapping) else [dict(part) for part in result]


def load(root: str | Path) -> Checkout:
    """Import both modules from the checkout at `root`, and leave `sys.modules` as it was.

    Raises ImportError where they need what is not installed.
    """
    stand_ins = {name: _hollow(name, Path(root)) for name in PACKAGES} | {
        name: _unused(name, attribute) for name, attribute in UNUSED.items()
    }
    before = _take(stand_ins)
    sys.modules.update(stand_ins)
    try:
        modules = (importlib.import_module(f"pointcept.datasets.{name}") for name in ("transform", "utils"))
        return Checkout(*modules)
    finally:
        _take(stand_ins)
        sys.modules.update(before)


def _take(names: Mapping[str, ModuleType]) -> dict[str, ModuleType]:
    """Remove the packages of these names, with all their modules, from `sys.modules`."""
    tops = {name.partition(".")[0] for name in names}
    return {name: sys.modules.pop(name) for name in list(sys.modules) if name.partition(".")[0] in tops}


def _hollow(name: str, root: Path) -> ModuleType:
    module = ModuleType(name)
    module.__path__ = [str(root.joinpath(*name.split(".")))]
    return module


def _unused(name: str, attribute: str) -> ModuleType:
    module = ModuleType(name)
    module.__path__ = []
    setattr(module, attribute, None)
    return module
