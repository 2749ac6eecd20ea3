"""What is known of a prepared scene, kept beside it: from what it was made, and what it holds.

`TARGET/.prepared/train/scene0000_00.json` tells of `TARGET/train/scene0000_00`. It is written after the scene
and removed before the scene is made again, so that a scene with a record is whole.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ffnet3d.atomic import write_atomic
from ffnet3d.data.prepare.job import Options, Prepared, SceneJob

RECORDS = ".prepared"


def fingerprint(job: SceneJob, version: int, options: Options) -> str:
    """A hash of all that the scene depends on: names, sizes and times of its sources, version, options.

    OSError where a source cannot be read.
    """
    for file in job.sources:
        if not file.exists():
            raise FileNotFoundError(f"{file.parent}: there is no {file.name}: download it again")
    stats = [(job.shown(file), file.stat()) for file in job.sources]
    sources = [[name, stat.st_size, stat.st_mtime_ns] for name, stat in stats]
    facts = [job.name, job.split, job.target.as_posix(), sources, version, dict(options)]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def record_file(target_root: Path, target: Path) -> Path:
    """Where the record of the scene folder `target` (relative to the root) is kept."""
    return target_root / RECORDS / target.parent / f"{target.name}.json"


def make_record(
    job: SceneJob, prepared: Prepared, folder: Path, key: str, version: int, options: Options
) -> dict[str, Any]:
    """The record of a scene that has just been written to `folder`."""
    labels = {name: _counts(array) for name, array in prepared.arrays.items() if name.startswith("segment")}
    files = {f"{name}.npy": _describe(folder / f"{name}.npy") for name in prepared.arrays}
    return {
        "fingerprint": key,
        "mtimes": {name: (folder / name).stat().st_mtime_ns for name in files},
        "scene": {
            "name": job.name,
            "split": job.split,
            "version": version,
            "options": dict(options),
            "points": len(prepared.arrays["coord"]),
            "labels": labels,
            "files": files,
            "repairs": list(prepared.repairs),
        },
    }


def write_record(file: Path, record: Mapping[str, Any]) -> None:
    """Put a record on the disk, whole or not at all."""
    text = json.dumps(record, indent=1)
    write_atomic(file, lambda stream: stream.write(text.encode()))


def read_record(target_root: Path, target: Path) -> dict[str, Any] | None:
    """The record of a scene whose files have their recorded sizes and times; None in any other case."""
    file = record_file(target_root, target)
    try:
        record: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        expected = {
            name: (facts["bytes"], record["mtimes"][name]) for name, facts in record["scene"]["files"].items()
        }
        stats = {name: (target_root / target / name).stat() for name in expected}
    except (OSError, ValueError, KeyError, TypeError):
        return None
    found = {name: (stat.st_size, stat.st_mtime_ns) for name, stat in stats.items()}
    return record if found == expected else None


def _counts(labels: np.ndarray) -> dict[str, int]:
    """Label -> number of points."""
    values, counts = np.unique(labels, return_counts=True)
    return {str(value): int(count) for value, count in zip(values.tolist(), counts, strict=True)}


def _describe(file: Path) -> dict[str, Any]:
    """Size and hash of a file, once it is on the disk."""
    with file.open("rb") as stream:
        os.fsync(stream.fileno())
        data = stream.read()
    return {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
