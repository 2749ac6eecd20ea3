"""What the instruments look at: networks on scans."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from ffnet3d.analysis.asked import check_classes, unique_names
from ffnet3d.analysis.network import Network
from ffnet3d.analysis.scene import Scene, read_scene
from ffnet3d.registry import require
from ffnet3d.segment.scan_options import ScanOptions

T = TypeVar("T")


@dataclass(frozen=True)
class Case:
    """One network on one scan, prepared for it."""

    network: Network
    scene: Scene

    def batch(self) -> dict[str, Any]:
        """The batch that the segmentor takes, on its device, with the `pyramid` of its voxels.

        Its rows are the distinct voxels of the scan: `feat` [V, in_channels], `grid_coord` [V, 3].
        """
        device, scene = self.network.device, self.scene
        batch = {
            "feat": torch.from_numpy(scene.features).to(device),
            "grid_coord": torch.from_numpy(scene.grid_coord).to(device),
            "offset": torch.tensor([scene.num_voxels], device=device),
            "condition": self.network.condition,
        }
        return batch | {"pyramid": self.network.backbone.build_pyramid(batch)}

    @torch.no_grad()
    def predict(self, batch: dict[str, Any] | None = None) -> NDArray[np.int64]:
        """The predicted class of every point [N]; forward hooks on the network's modules see the pass."""
        logits = self.network.segmentor(self.batch() if batch is None else batch)["seg_logits"]
        labels: NDArray[np.int64] = logits.argmax(1).cpu().numpy()[self.scene.point_to_voxel]
        return labels


@dataclass(frozen=True)
class Study:
    """Everything that was asked for.

    Args:
        cases: every network on every scan, network by network.
        classes: names of the classes to look at; none: none.
        predicted: go by predicted classes even where true ones are known.
    """

    cases: tuple[Case, ...]
    classes: tuple[str, ...] = ()
    predicted: bool = False

    @property
    def networks(self) -> tuple[Network, ...]:
        """Each network once."""
        return tuple({case.network.name: case.network for case in self.cases}.values())

    def network(self, name: str) -> Network:
        """The one of that name."""
        return next(network for network in self.networks if network.name == name)

    def of(self, network: Network) -> tuple[Case, ...]:
        """The cases of one network."""
        return tuple(case for case in self.cases if case.network.name == network.name)


def make_study(
    networks: Sequence[Network],
    files: Sequence[Path],
    classes: Sequence[str] = (),
    predicted: bool = False,
    options: ScanOptions | None = None,
) -> Study:
    """Every network on every scan file; ValueError naming what cannot be read, or a class nobody has."""
    check_classes(classes, {network.name: network.recipe for network in networks})
    names = unique_names([file.name if file.is_dir() else file.stem for file in files])
    pairs = [(network, file, name) for network in networks for file, name in zip(files, names, strict=True)]
    cases = [
        Case(network, read_scene(file, name, network.recipe, options or ScanOptions()))
        for network, file, name in progress(pairs, "scans")
    ]
    study = Study(tuple(cases), tuple(dict.fromkeys(classes)), predicted)
    check_present(study)
    return study


def check_present(study: Study) -> None:
    """ValueError for a class that no point has, as far as true labels tell; with those that are there."""
    if study.predicted or any(case.scene.truth is None for case in study.cases):
        return
    for network in study.networks:
        labels = np.unique(np.concatenate([case.scene.truth for case in study.of(network)]))
        there = [network.recipe.classes[label] for label in labels if label >= 0]
        if missing := [name for name in study.classes if name not in there]:
            raise ValueError(
                f"--class {missing[0]}: no point of these scans is {missing[0]} by its true label; there are "
                f"{', '.join(there)} (--predicted goes by predicted classes)"
            )


def progress(items: Iterable[T], label: str) -> Iterable[T]:
    """The items, with a bar where stderr is a terminal."""
    shown: Iterable[T] = require("tqdm", "train").tqdm(items, desc=label, disable=None, leave=False)
    return shown
