"""The scenes of one split together: labels, what is absent, and what looks wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from ffnet3d.data.check.looks import heights_warning
from ffnet3d.data.check.official import LABELLED, TITLES
from ffnet3d.data.check.scene import SceneFacts

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


def count(number: int, thing: str) -> str:
    """Number and thing, in the plural where there are not one."""
    return f"{number} {thing}{'' if number == 1 else 's'}"


def some_names(names: list[str]) -> str:
    """The first names of a list."""
    return ", ".join(names[:NAMED]) + (", ..." if len(names) > NAMED else "")


def _short(name: str) -> str:
    """A scene's name without its split."""
    return name.rpartition("/")[2]


def _has_labels(points: Mapping[int, int]) -> bool:
    return any(label >= 0 for label in points)
