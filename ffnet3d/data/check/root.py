"""A whole root checked: every scene in parallel, and each split against what the data set has."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ffnet3d.data.check.layout import (
    HERE,
    MANIFEST,
    find_splits,
    official_scenes,
    official_splits,
    recorded_hashes,
    segment_classes,
    which_dataset,
)
from ffnet3d.data.check.looks import heights_warning
from ffnet3d.data.check.scene import SceneFacts, SceneTask, check_scene
from ffnet3d.data.prepare.pool import Lost, run_each
from ffnet3d.registry import require

NAMED = 3  # names shown of many


@dataclass(frozen=True)
class SplitCheck:
    """The scenes of a split, sorted by name, and the data set's own list of them (empty: not known)."""

    name: str
    scenes: tuple[SceneFacts, ...]
    official: frozenset[str] = frozenset()

    @property
    def whole(self) -> list[SceneFacts]:
        """The scenes that can be read."""
        return [scene for scene in self.scenes if not scene.broken]

    @property
    def absent(self) -> list[str]:
        """Official scenes that are not there."""
        return sorted(self.official - self.names)

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
    def warnings(self) -> list[str]:
        """What is wrong with the scenes together: of other splits, or of other units."""
        foreign = f"{count(len(self.foreign), 'scene')} of other splits or places: {some_names(self.foreign)}"
        heights = heights_warning(np.array([scene.size for scene in self.whole]).reshape(-1, 3))
        return [*([foreign] if self.foreign else []), *([heights] if heights else [])]

    @property
    def names(self) -> frozenset[str]:
        """Names of the scene folders."""
        return frozenset(scene.name.rpartition("/")[2] for scene in self.scenes)


@dataclass(frozen=True)
class RootCheck:
    """What was found in a root; `dataset` is `scannet`, `s3dis`, or empty."""

    root: Path
    dataset: str
    splits: tuple[SplitCheck, ...]
    hashed: int  # scenes whose files were compared with a manifest's hashes

    @property
    def scenes(self) -> list[SceneFacts]:
        """All scenes."""
        return [scene for split in self.splits for scene in split.scenes]

    @property
    def absent_splits(self) -> list[str]:
        """Official splits of a data set of which others are there."""
        known = any(split.official for split in self.splits)
        return sorted(official_splits(self.dataset) - {split.name for split in self.splits}) if known else []

    @property
    def broken(self) -> list[SceneFacts]:
        """Scenes that cannot be read, or are not as their manifest tells."""
        return [scene for scene in self.scenes if scene.broken]

    @property
    def warnings(self) -> list[str]:
        """All that is legal but looks wrong, a line each."""
        lines = [f"{split.name}: {warning}" for split in self.splits for warning in split.warnings]
        return lines + [f"{scene.name}: {text}" for scene in self.scenes for text in scene.warnings]


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
    root = Path(root)
    splits = find_splits(root)
    dataset = which_dataset(splits)
    recorded = recorded_hashes(root) if hashes else {}
    folders = {_name(root, folder): folder for several in splits.values() for folder in several}
    classes = segment_classes(dataset)
    tasks = [SceneTask(name, folders[name], classes, recorded.get(name, {})) for name in folders]
    facts = _run(tasks, workers)
    facts += [
        SceneFacts(name, broken=f"{root / name} is not there, but {root / MANIFEST} names it")
        for name in recorded.keys() - folders.keys()
    ]
    return RootCheck(root, dataset, _splits(facts, dataset), sum(bool(task.hashes) for task in tasks))


def _run(tasks: list[SceneTask], workers: int) -> list[SceneFacts]:
    facts: list[SceneFacts] = []
    with require("tqdm", "train").tqdm(total=len(tasks), desc="check", unit="scene", disable=None) as bar:
        for task, result in run_each(check_scene, tasks, min(workers, len(tasks))):
            if isinstance(result, Lost):
                result = SceneFacts(task.name, broken=f"{task.folder}: {result}")
            facts.append(result)
            bar.update()
    return facts


def _splits(facts: list[SceneFacts], dataset: str) -> tuple[SplitCheck, ...]:
    """The facts by split, both sorted by name."""
    splits: dict[str, list[SceneFacts]] = {}
    for scene in sorted(facts, key=lambda scene: scene.name):
        splits.setdefault(scene.name.rpartition("/")[0] or HERE, []).append(scene)
    checks = [SplitCheck(split, tuple(splits[split])) for split in sorted(splits)]
    return tuple(
        replace(check, official=official_scenes(dataset, check.name, check.names)) for check in checks
    )


def _name(root: Path, folder: Path) -> str:
    return folder.name if folder == root else folder.relative_to(root).as_posix()
