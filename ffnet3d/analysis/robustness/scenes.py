"""The scenes of a run, clean or corrupted, as the network's validation reads them."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ffnet3d.analysis.robustness.corruptions import Corruption, corrupt
from ffnet3d.analysis.robustness.scene import sample_of, scene_of
from ffnet3d.data.datasets import SceneDataset
from ffnet3d.data.normals import estimate_normals
from ffnet3d.data.registry import Sample
from ffnet3d.data.transforms import Compose
from ffnet3d.engine.build import build_dataset
from ffnet3d.engine.config import Config
from ffnet3d.engine.provenance import counted

PARTS = ("test", "val")
COLUMNS = {"color": "colours", "normal": "normals"}  # array -> what texts call it


@dataclass(frozen=True, eq=False)
class Corrupt:
    """A transform, to stand before all others: one corruption of the scenes that it gets.

    Normals that were estimated from a scene's points, as those of scenes in `estimated`, are estimated again
    where the points have changed.
    """

    corruption: Corruption
    severity: int
    seed: int
    ignore_index: int
    estimated: frozenset[str]

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:  # noqa: ARG002
        name = sample["name"]
        scene = scene_of(sample, self.ignore_index, with_normals=name not in self.estimated)
        changed = corrupt(scene, name, self.corruption, self.severity, self.seed)
        corrupted = sample_of(changed, sample)
        if name in self.estimated:
            same = changed.coord is scene.coord
            corrupted["normal"] = sample["normal"] if same else estimate_normals(changed.coord)
        return corrupted


def clean_scenes(config: Config, part: str = "test", rooms: int | None = None) -> SceneDataset:
    """Scenes of data.test or data.val (`part`), transformed as those of data.val: one pass without views.

    With `rooms` so many of them, evenly spread over the list. ValueError for another part, for more or fewer
    rooms than there are, and where no point of the scenes is labelled.
    """
    if part not in PARTS:
        raise ValueError(f"--part {part}: the scenes are those of data.test or data.val (test, val)")
    if part not in config.data:
        raise ValueError(f"the config has no data.{part}: take --part {PARTS[part == 'test']}")
    place = {key: config.data[part][key] for key in ("split", "data_root") if key in config.data[part]}
    dataset = build_dataset(config, "val", **place)
    dataset.scenes = spread(dataset.scenes, len(dataset.scenes) if rooms is None else rooms)
    if not dataset.has_labels:
        raise ValueError(f"{dataset.data_root}: no scene of data.{part} has labels to score by")
    return dataset


def spread(scenes: Sequence[Any], rooms: int) -> list[Any]:
    """So many of the scenes, evenly spread, the first and the last among them."""
    if not 1 <= rooms <= len(scenes):
        there = (
            "is 1 scene, give 1" if len(scenes) == 1 else f"are {len(scenes)} scenes, give 1 to {len(scenes)}"
        )
        raise ValueError(f"--rooms {rooms}: there {there}")
    return [scenes[number] for number in np.linspace(0, len(scenes) - 1, rooms).astype(int)]


def corrupted_scenes(
    clean: SceneDataset, config: Config, corruption: Corruption, severity: int, seed: int
) -> SceneDataset:
    """The same scenes with a corruption; random draws of the transforms stay as they are."""
    steps = config.data.val.get("transform") or []
    dataset = copy.copy(clean)
    if corruption.apply is None:
        dataset.transform = Compose(with_larger_voxels(steps, corruption.level(severity)))
        return dataset
    dataset.transform = Compose(steps)
    estimated = frozenset(scenes_without(clean, "normal") if "normal" in features_of(config) else ())
    step = Corrupt(corruption, severity, seed, clean.ignore_index, estimated)
    dataset.transform.transforms.insert(0, step)
    return dataset


def with_larger_voxels(transform: Sequence[Mapping[str, Any]], factor: float) -> list[dict[str, Any]]:
    """The transforms with voxels `factor` times as large; ValueError without a GridSample."""
    sizes = [step.get("grid_size") for step in transform if step["type"] == "GridSample"]
    if not sizes or None in sizes:
        raise ValueError(
            "data.val.transform: no GridSample with a grid_size to enlarge; leave grid out of --corruption"
        )
    return [
        {**step, "grid_size": factor * step["grid_size"]} if step["type"] == "GridSample" else dict(step)
        for step in transform
    ]


def features_of(config: Config) -> tuple[str, ...]:
    """The arrays that the network reads, from Collect's feat_keys in data.val.transform."""
    collects = [step for step in config.data.val.get("transform") or [] if step["type"] == "Collect"]
    return tuple(collects[-1].get("feat_keys", ())) if collects else ()


def scenes_without(dataset: SceneDataset, array: str) -> list[str]:
    """Names of the scenes that have no file of that array."""
    file = f"{dataset.assets[array]}.npy"
    return [dataset.scene_name(folder) for folder in dataset.scenes if not (folder / file).is_file()]


def find_skipped(dataset: SceneDataset, config: Config, corruptions: Sequence[Corruption]) -> dict[str, str]:
    """Corruptions of what is not there, by name, and why each is left out."""
    reasons = {array: reason_to_skip(dataset, config, array) for array in COLUMNS}
    return {c.name: reasons[c.needs] for c in corruptions if c.needs is not None and reasons[c.needs]}


def reason_to_skip(dataset: SceneDataset, config: Config, array: str) -> str:
    """Why a corruption of an array would say nothing; empty where it says something."""
    if array not in features_of(config):
        return f"the network reads no {COLUMNS[array]}"
    without = len(scenes_without(dataset, array))
    if not without:
        return ""
    estimated = ": their normals are estimated from the points" if array == "normal" else ""
    some = f"{without} of {counted(len(dataset.scenes), 'scene')} {'has' if without == 1 else 'have'}"
    return f"{some} no {array}.npy{estimated}"
