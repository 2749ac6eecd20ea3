"""What `ffnet3d prepare` has left in a data root: hashes, failures, and signs that it was broken off."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ffnet3d.data.prepare.manifest import MANIFEST
from ffnet3d.data.prepare.record import RECORDS

DEMO = "ffnet3d make-demo"  # in the manifest of the demo rooms
STAGING = re.compile(r"\..+\.[a-z0-9_]{8}")  # scenes that are being written


@dataclass(frozen=True)
class Recorded:
    """What the manifest tells; all empty where there is none."""

    hashes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # scene -> file -> SHA-256
    failed: Mapping[str, str] = field(default_factory=dict)  # scene -> why
    is_demo: bool = False


def read_manifest(top: Path) -> Recorded:
    """The manifest of the data root `top`; ValueError where it cannot be read."""
    file = top / MANIFEST
    if not file.is_file():
        return Recorded()
    try:
        facts: Mapping[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        hashes = {name: _hashes(scene["files"]) for name, scene in facts.get("scenes", {}).items()}
        failed = {name: str(message) for name, message in facts.get("failed", {}).items()}
        return Recorded(hashes, failed, facts.get("made_by") == DEMO)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{file}: no manifest of ffnet3d prepare can be read ({type(error).__name__}: {error}): "
            "call ffnet3d prepare again, or move this file away"
        ) from error


def is_unfinished(top: Path, recorded: Recorded) -> bool:
    """Whether a preparation of `top` was broken off: its records and its manifest tell of other scenes."""
    records = top / RECORDS
    if not records.is_dir():
        return False
    if not (top / MANIFEST).is_file():
        return True
    made = {file.relative_to(records).with_suffix("").as_posix() for file in records.glob("*/*.json")}
    return made - recorded.failed.keys() != recorded.hashes.keys() or _is_staged(top)


def _is_staged(top: Path) -> bool:
    """Whether a scene was being written when, or after, the manifest was."""
    staged = [folder for folder in top.glob("*/.*") if STAGING.fullmatch(folder.name) and folder.is_dir()]
    return any(folder.stat().st_mtime > (top / MANIFEST).stat().st_mtime for folder in staged)


def _hashes(files: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    return {name: facts["sha256"] for name, facts in files.items()}
