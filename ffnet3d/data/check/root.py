"""A whole root checked: every scene in parallel, and each split against what the data set has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ffnet3d.data.check.layout import Place, find_scenes, split_of
from ffnet3d.data.check.looks import heights_warning
from ffnet3d.data.check.manifest import Recorded, is_unfinished, read_manifest
from ffnet3d.data.check.official import LABELLED, TITLES, official_splits, segment_classes, which_dataset
from ffnet3d.data.check.scene import SceneFacts, SceneTask, check_scene
from ffnet3d.data.prepare.manifest import MANIFEST
from ffnet3d.data.prepare.pool import Lost, run_each
from ffnet3d.registry import require

NAMED = 3  # names shown of many


@dataclass(frozen=True)
class SplitCheck:
    """The scenes of a split, sorted by name, and the data set's own list of them (empty: not known)."""

    name: str
    scenes: tuple[SceneFacts, ...]
    official: frozenset[str] = frozenset()
    dataset: str = ""
    is_part: bool = False  # one scene of it alone is looked at

    @property
    def whole(self) -> list[SceneFacts]:
        """The scenes that can be read."""
        return [scene for scene in self.scenes if not scene.broken]

    @property
    def absent(self) -> list[str]:
        """Official scenes that are not there."""
        return [] if self.is_part else sorted(self.official - self.names)

    @property
    def foreign(self) -> list[str]:
        """Scenes that the data set does not have in this split."""
        return sorted(self.names - self.official) if self.official else []

    def labels(self, file: str) -> Counter[int]:
        """Label -> points, over all scenes with that label file."""
        return sum((Counter(scene.labels.get(file, {})) for scene in self.whole), Counter())

    def without(self, file: str) -> int:
        """Number of scenes that lack a file."""
        return sum(file not in scene.files for scene in self.whole)

    @property
    def unlabelled(self) -> list[str]:
        """Scenes to train or validate on in which no point has a label."""
        if not LABELLED.fullmatch(self.name):
            return []
        return [
            _short(scene.name) for scene in self.whole if not any(map(_has_labels, scene.labels.values()))
        ]

    @property
    def warnings(self) -> Iterator[str]:
        """What is wrong with the scenes together: of other splits, without labels, or of other units."""
        if foreign := self.foreign:
            text = f"{count(len(foreign), 'scene')} of other splits or places: {some_names(foreign)}"
            none = f"no scene of {TITLES[self.dataset]}'s own list, but "
            yield (none if len(foreign) == len(self.names) else "") + text
        if unlabelled := self.unlabelled:
            yield f"{count(len(unlabelled), 'scene')} without a single label: {some_names(unlabelled)}"
        if heights := heights_warning(np.array([scene.size for scene in self.whole]).reshape(-1, 3)):
            yield heights

    @property
    def names(self) -> frozenset[str]:
        """Names of the scene folders."""
        return frozenset(_short(scene.name) for scene in self.scenes)


@dataclass(frozen=True)
class RootCheck:
    """What was found in a root; `dataset` is `scannet`, `s3dis`, `demo`, or empty."""

    root: Path
    dataset: str
    splits: tuple[SplitCheck, ...]
    hashed: int  # scenes whose files were compared with a manifest's hashes
    absent_splits: tuple[str, ...] = ()  # of a data set of which other splits are there
    notes: tuple[str, ...] = ()  # what is wrong with the preparation

    @property
    def scenes(self) -> list[SceneFacts]:
        """All scenes."""
        return [scene for split in self.splits for scene in split.scenes]

    @property
    def broken(self) -> list[SceneFacts]:
        """Scenes that cannot be read, or are not as their manifest tells."""
        return [scene for scene in self.scenes if scene.broken]

    @property
    def warnings(self) -> list[str]:
        """All that is legal but looks wrong, a line each."""
        lines = [f"{split.name}: {warning}" for split in self.splits for warning in split.warnings]
        return [*self.notes, *lines] + [
            f"{scene.name}: {text}" for scene in self.scenes for text in scene.warnings
        ]


def count(number: int, thing: str) -> str:
    """Number and thing, in the plural where there are not one."""
    return f"{number} {thing}{'' if number == 1 else 's'}"


def some_names(names: list[str]) -> str:
    """The first names of a list."""
    return ", ".join(names[:NAMED]) + (", ..." if len(names) > NAMED else "")


def check_root(root: str | Path, *, hashes: bool = True, workers: int = 1) -> RootCheck:
    """Check every scene below `root`.

    Args:
        root: holds splits of scene folders, or scene folders, or is one.
        hashes: compare all files with the SHA-256 of the manifest, where there is one.
        workers: processes; 0 works in this one.

    Raises ValueError where there are no scenes, or the manifest cannot be read. Scenes raise nothing: see
    `RootCheck.broken`.
    """
    place = find_scenes(Path(root))
    recorded = read_manifest(place.top)
    dataset = which_dataset(place.scenes, recorded.is_demo)
    compared = {name: recorded.hashes[name] for name in recorded.hashes if hashes and place.holds(name)}
    classes = segment_classes(dataset)
    tasks = [
        SceneTask(name, folder, classes, compared.get(name, {})) for name, folder in place.scenes.items()
    ]
    facts = [*_run(tasks, workers), *_gone(compared.keys() - place.scenes.keys(), place.top)]
    official = official_splits(dataset)
    splits = _splits(facts, dataset, official, place.is_scene)
    absent = official.keys() - {split.name for split in splits} if place.is_whole else ()
    known = any(split.official for split in splits)
    return RootCheck(
        place.root,
        dataset,
        splits,
        hashed=sum(bool(task.hashes) for task in tasks),
        absent_splits=tuple(sorted(absent)) if known else (),
        notes=tuple(_notes(place, recorded)),
    )


def _gone(names: Iterable[str], top: Path) -> Iterator[SceneFacts]:
    for name in names:
        why = f"{top / name} is not there, but {top / MANIFEST} names it: call ffnet3d prepare again"
        yield SceneFacts(name, broken=why)


def _notes(place: Place, recorded: Recorded) -> Iterator[str]:
    """That a preparation was broken off, or could not make scenes."""
    if is_unfinished(place.top, recorded):
        yield "the preparation was not finished: call ffnet3d prepare again"
    for name, why in recorded.failed.items():
        if place.holds(name):
            yield f"{name}: could not be prepared: {why}"


def _run(tasks: list[SceneTask], workers: int) -> list[SceneFacts]:
    facts: list[SceneFacts] = []
    with require("tqdm", "train").tqdm(total=len(tasks), desc="check", unit="scene", disable=None) as bar:
        for task, result in run_each(check_scene, tasks, min(workers, len(tasks))):
            if isinstance(result, Lost):
                result = SceneFacts(task.name, broken=f"{task.folder}: {result}")
            facts.append(result)
            bar.update()
    return facts


def _splits(
    facts: list[SceneFacts], dataset: str, official: Mapping[str, frozenset[str]], is_part: bool
) -> tuple[SplitCheck, ...]:
    """The facts by split, both sorted by name."""
    splits: dict[str, list[SceneFacts]] = {}
    for scene in sorted(facts, key=lambda scene: scene.name):
        splits.setdefault(split_of(scene.name), []).append(scene)
    return tuple(
        SplitCheck(split, tuple(splits[split]), official.get(split, frozenset()), dataset, is_part)
        for split in sorted(splits)
    )


def _short(name: str) -> str:
    """A scene's name without its split."""
    return name.rpartition("/")[2]


def _has_labels(points: Mapping[int, int]) -> bool:
    return any(label >= 0 for label in points)
