"""Which scene folders a split names: a folder of the data root, or a JSON list."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path


def list_scenes(data_root: Path, split: str | Sequence[str]) -> list[Path]:
    """Scene folders of one or several splits, sorted within each; ValueError naming what is absent."""
    if not data_root.is_dir():
        raise ValueError(
            f"data root {data_root} does not exist: name the data set's folder (-D DATA_ROOT, data_root=...)"
        )
    scenes: list[Path] = []
    for part in [split] if isinstance(split, str) else split:
        source = data_root / part
        found = _read_list(source, data_root) if source.is_file() else _subfolders(source)
        if not found:
            state = "is empty" if source.exists() else "does not exist"
            there = ", ".join(folder.name for folder in _subfolders(data_root)) or "no folders"
            raise ValueError(f"no scenes in split {part!r}: {source} {state}; {data_root} holds: {there}")
        scenes += found
    if not scenes:
        raise ValueError(f"no split was named for {data_root}: split is empty")
    return scenes


def _subfolders(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def _read_list(file: Path, data_root: Path) -> list[Path]:
    """Scene folders from a JSON list of paths relative to the data root."""
    try:
        entries = json.loads(file.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"{file}: a split file needs a JSON list of scene folders ({error})") from error
    if not isinstance(entries, list) or not all(isinstance(entry, str) for entry in entries):
        raise ValueError(f"{file}: a split file needs a JSON list of scene folders")
    folders = [data_root / entry for entry in entries]
    for folder in folders:
        if not folder.is_dir():
            raise ValueError(f"{file}: names the scene {folder}, which does not exist")
    return folders
