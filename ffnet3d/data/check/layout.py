"""Where the scenes of a root are, whether it is a whole data set, one split, or one scene."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ffnet3d.data.check.misplaced import why_no_scenes

HERE = "."  # the split of scenes that lie in the root itself
SPLIT = re.compile(r"Area_\d+|train|val|test")  # folders known to be one split, not a whole root


@dataclass(frozen=True)
class Place:
    """Scenes by name (`SPLIT/SCENE`, or `SCENE` without splits), and the data root that holds them."""

    root: Path  # as it was given
    top: Path  # of the splits: `root`, or one or two levels above
    scenes: Mapping[str, Path]

    @property
    def is_whole(self) -> bool:
        """Whether all splits of the data root are looked at."""
        return self.top == self.root

    @property
    def is_scene(self) -> bool:
        """Whether one scene alone is looked at."""
        return list(self.scenes.values()) == [self.root]

    def holds(self, name: str) -> bool:
        """Whether a scene of that name would be among these."""
        if self.is_whole or self.is_scene:
            return self.is_whole or name in self.scenes
        return name.startswith(f"{_real_name(self.root)}/")


def find_scenes(root: Path) -> Place:
    """The scenes in `root`, which holds splits (`train/SCENE`, `Area_1/ROOM`) or scenes, or is a scene.

    ValueError where there are none, telling what else is there.
    """
    if not root.exists():
        raise ValueError(f"{root}: no such folder; name the root of prepared scenes")
    if not root.is_dir():
        raise ValueError(f"{root} is a file; name the root of prepared scenes")
    if _is_scene(root):
        return _alone(root)
    folders = _folders(root)
    scenes = [folder for folder in folders if _is_scene(folder)]
    split = _real_name(root)
    if scenes and SPLIT.fullmatch(split):
        return Place(root, _above(root, 1), {f"{split}/{folder.name}": folder for folder in folders})
    inner = [scene for folder in folders if folder not in scenes for scene in _folders(folder)]
    if not scenes and not any(map(_is_scene, inner)):
        raise ValueError(why_no_scenes(root))
    return Place(root, root, {scene.relative_to(root).as_posix(): scene for scene in [*scenes, *inner]})


def split_of(name: str) -> str:
    """The split of the scene of that name."""
    return name.rpartition("/")[0] or HERE


def _alone(scene: Path) -> Place:
    split, name = _above(scene, 1).name, _real_name(scene)
    if SPLIT.fullmatch(split):
        return Place(scene, _above(scene, 2), {f"{split}/{name}": scene})
    return Place(scene, scene, {name: scene})


def _above(folder: Path, levels: int) -> Path:
    return Path(os.path.abspath(folder)).parents[levels - 1]


def _real_name(folder: Path) -> str:
    """The folder's name, where it is given as `.` too."""
    return os.path.basename(os.path.abspath(folder))


def _folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def _is_scene(folder: Path) -> bool:
    return any(folder.glob("*.npy"))
