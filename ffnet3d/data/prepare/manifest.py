"""`TARGET/manifest.json`: every prepared scene with its split, points, labels, hashes and repairs,
and every scan that could not be prepared, with the reason.

It depends on the scenes alone: not on times, places, the number of processes, or interruptions.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ffnet3d.atomic import write_atomic
from ffnet3d.data.prepare.record import RECORDS, read_record

MANIFEST = "manifest.json"


def write_manifest(target_root: Path, dataset: str, failed: Mapping[Path, str]) -> Path:
    """Collect the records of all whole scenes of `target_root`, and return the manifest's file.

    `failed` has the scene folders, relative to the root, that could not be made, and why.
    """
    whole = {target: record["scene"] for target, record in _records(target_root) if target not in failed}
    scenes = {target.as_posix(): scene for target, scene in whole.items()}
    manifest = {
        "dataset": dataset,
        "totals": _totals(scenes),
        "scenes": scenes,
        "failed": {target.as_posix(): reason for target, reason in sorted(failed.items())},
    }
    file = target_root / MANIFEST
    write_atomic(file, lambda stream: stream.write(f"{json.dumps(manifest, indent=1)}\n".encode()))
    return file


def _records(target_root: Path) -> list[tuple[Path, dict[str, Any]]]:
    """(Scene folder relative to the root, record), sorted by folder."""
    records = target_root / RECORDS
    targets = sorted(file.relative_to(records).with_name(file.stem) for file in records.rglob("*.json"))
    found = [(target, read_record(target_root, target)) for target in targets]
    return [(target, record) for target, record in found if record is not None]


def _totals(scenes: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Scenes, points and labels, over all and for each split."""
    splits = sorted({scene["split"] for scene in scenes.values()})
    of_split = {
        split: _sums([scene for scene in scenes.values() if scene["split"] == split]) for split in splits
    }
    return {**_sums(list(scenes.values())), "splits": of_split}


def _sums(scenes: list[Mapping[str, Any]]) -> dict[str, Any]:
    labels: dict[str, Counter[str]] = {}
    for scene in scenes:
        for name, counts in scene["labels"].items():
            labels.setdefault(name, Counter()).update(counts)
    return {
        "scenes": len(scenes),
        "points": sum(scene["points"] for scene in scenes),
        "labels": {name: dict(sorted(labels[name].items(), key=_number)) for name in sorted(labels)},
        "repairs": sum(len(scene["repairs"]) for scene in scenes),
    }


def _number(item: tuple[str, int]) -> int:
    return int(item[0])
