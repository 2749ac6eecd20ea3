"""One scene checked: everything that reading it would refuse, and what is legal but looks wrong."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ffnet3d.data.check.looks import count_repeated, scene_warnings
from ffnet3d.data.classes import SCANNET20, SCANNET200
from ffnet3d.data.prepare.manifest import MANIFEST
from ffnet3d.data.scene import read_scene

CLASSES: Mapping[str, tuple[str, ...]] = {"segment20": SCANNET20, "segment200": SCANNET200, "segment": ()}
"""Label files, and the classes that they number; those of `segment` depend on the data set."""


@dataclass(frozen=True)
class SceneTask:
    """A scene to check: its folder, the classes of `segment.npy` (if known), and recorded hashes."""

    name: str
    folder: Path
    classes: tuple[str, ...] = ()
    hashes: Mapping[str, str] = field(default_factory=dict)  # file -> sha256


@dataclass(frozen=True)
class SceneFacts:
    """What a scene holds; `broken` says why it cannot be used, and then the rest is empty."""

    name: str
    broken: str = ""
    points: int = 0
    repeated: int = 0  # points at the place of another
    size: tuple[float, float, float] = (0.0, 0.0, 0.0)  # metres along x, y, z
    files: tuple[str, ...] = ()  # without .npy
    labels: Mapping[str, Mapping[int, int]] = field(default_factory=dict)  # file -> label -> points
    warnings: tuple[str, ...] = ()


def check_scene(task: SceneTask) -> SceneFacts:
    """Read all arrays of a scene; never raises for what a file holds or lacks."""
    try:
        _check_hashes(task)
        return _examine(task)
    except (ValueError, OSError) as error:
        return SceneFacts(task.name, broken=str(error))
    except Exception as error:  # a scene that nobody has thought of must not end the check of the others
        return SceneFacts(task.name, broken=f"{task.folder}: {type(error).__name__}: {error}")


def _check_hashes(task: SceneTask) -> None:
    for name, recorded in task.hashes.items():
        file = task.folder / name
        if not file.is_file():
            raise ValueError(f"{file} is missing, but {MANIFEST} names it: call ffnet3d prepare again")
        found = hashlib.sha256(file.read_bytes()).hexdigest()
        if found != recorded:
            raise ValueError(
                f"{file}: not the file that {MANIFEST} tells of (SHA-256 {found[:12]}, recorded "
                f"{recorded[:12]}): delete {task.folder} and call ffnet3d prepare again"
            )


def _examine(task: SceneTask) -> SceneFacts:
    files = tuple(sorted(file.stem for file in task.folder.glob("*.npy")))
    scene = read_scene(task.folder, {key: key for key in ("coord", "color", "normal", "instance")})
    labels: dict[str, np.ndarray] = {}
    for name, own in CLASSES.items():
        if name in files:
            assets = {"coord": "coord", "segment": name}
            classes = own or task.classes
            labels[name] = read_scene(task.folder, assets, num_classes=len(classes) or None)["segment"]
    low, high = scene["coord"].min(axis=0), scene["coord"].max(axis=0)
    return SceneFacts(
        task.name,
        points=len(scene["coord"]),
        repeated=count_repeated(scene["coord"]),
        size=(float(high[0] - low[0]), float(high[1] - low[1]), float(high[2] - low[2])),
        files=files,
        labels={name: _counts(array) for name, array in labels.items()},
        warnings=scene_warnings(scene, _floor(labels, task.classes)),
    )


def _floor(labels: Mapping[str, np.ndarray], classes: tuple[str, ...]) -> np.ndarray | None:
    """Which points [N] are labelled as floor; None where no file can tell."""
    for name, array in labels.items():
        names = CLASSES[name] or classes
        if "floor" in names:
            return np.asarray(array == names.index("floor"))
    return None


def _counts(labels: np.ndarray) -> dict[int, int]:
    values, counts = np.unique(labels, return_counts=True)
    return dict(zip(values.tolist(), counts.tolist(), strict=True))
