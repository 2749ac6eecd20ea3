"""A whole root checked: every scene in parallel, and each split against what the data set has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ffnet3d.data.check.layout import Place, find_scenes, split_of
from ffnet3d.data.check.manifest import Recorded, is_unfinished, read_manifest
from ffnet3d.data.check.official import official_splits, segment_classes, which_dataset
from ffnet3d.data.check.scene import SceneFacts, SceneTask, check_scene
from ffnet3d.data.check.split import SplitCheck
from ffnet3d.data.prepare.manifest import MANIFEST
from ffnet3d.processes import Lost, run_each
from ffnet3d.registry import require


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
