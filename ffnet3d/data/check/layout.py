"""Which scenes a root holds, of which data set, and which ones that data set has in truth."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ffnet3d.data.classes import S3DIS13
from ffnet3d.data.prepare.scannet_splits import builtin_splits
from ffnet3d.data.s3dis_rooms import S3DIS_ROOMS

HERE = "."  # the split of scenes that lie in the root itself
MANIFEST = "manifest.json"
SCANNET_SCENE = re.compile(r"scene\d{4}_\d{2}")
SCANNET_TEST = range(707, 807)  # places of the hidden test, one scan each
AREA = re.compile(r"Area_\d+")


def find_splits(root: Path) -> dict[str, list[Path]]:
    """Split -> scene folders, both sorted; ValueError where there are no scenes.

    A root holds splits (`train/SCENE`, `Area_1/ROOM`) or scenes, or is a scene.
    """
    if not root.is_dir():
        raise ValueError(f"{root}: no such folder; name the root of prepared scenes")
    if _is_scene(root):
        return {HERE: [root]}
    scenes = [folder for folder in _folders(root) if _is_scene(folder)]
    splits = {HERE: scenes} if scenes else {}
    splits |= {folder.name: _folders(folder) for folder in _folders(root) if folder not in scenes}
    found = {split: folders for split, folders in splits.items() if folders}
    if not found:
        raise ValueError(
            f"{root}: no scenes: neither ROOT/SPLIT/SCENE/coord.npy nor ROOT/SCENE/coord.npy; "
            "raw data need ffnet3d prepare first"
        )
    return found


def which_dataset(splits: Mapping[str, list[Path]]) -> str:
    """`s3dis` where all splits are areas, `scannet` where scenes are called like its scans, else empty."""
    if all(AREA.fullmatch(split) for split in splits):
        return "s3dis"
    named = any(SCANNET_SCENE.fullmatch(folder.name) for folders in splits.values() for folder in folders)
    return "scannet" if named else ""


def official_scenes(dataset: str, split: str, names: frozenset[str]) -> frozenset[str]:
    """The scenes that the data set has in that split; none where `names` are all of another origin."""
    splits = _official(dataset)
    every = frozenset().union(*splits.values())
    return splits.get(split, frozenset()) if names & every else frozenset()


def official_splits(dataset: str) -> frozenset[str]:
    """The splits of a data set, where they are known."""
    return frozenset(_official(dataset))


def segment_classes(dataset: str) -> tuple[str, ...]:
    """Classes of `segment.npy`, where the data set tells."""
    return S3DIS13 if dataset == "s3dis" else ()


def recorded_hashes(root: Path) -> dict[str, dict[str, str]]:
    """Scene -> file -> SHA-256 from the manifest of `ffnet3d prepare`; empty where there is none.

    ValueError for a manifest that cannot be read.
    """
    file = root / MANIFEST
    if not file.is_file():
        return {}
    try:
        scenes: Mapping[str, Any] = json.loads(file.read_text(encoding="utf-8")).get("scenes", {})
        return {
            name: {stem: facts["sha256"] for stem, facts in scene["files"].items()}
            for name, scene in scenes.items()
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{file}: no manifest of ffnet3d prepare can be read ({error!r})") from error


def _official(dataset: str) -> Mapping[str, frozenset[str]]:
    """Split -> names of its scenes."""
    if dataset == "scannet":
        known = builtin_splits()
        splits = {
            split: frozenset(name for name in known if known[name] == split) for split in ("train", "val")
        }
        return {**splits, "test": frozenset(f"scene{place:04d}_00" for place in SCANNET_TEST)}
    return S3DIS_ROOMS if dataset == "s3dis" else {}


def _folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def _is_scene(folder: Path) -> bool:
    return any(folder.glob("*.npy"))
