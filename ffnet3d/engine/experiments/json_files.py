"""Summaries of runs: a JSON file to read back, and beside it a page to look at."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ffnet3d.atomic import write_atomic


def read_json(file: Path) -> dict[str, Any]:
    """The object in a JSON file; ValueError naming the file where there is none."""
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{file} cannot be read ({error})") from error
    if not isinstance(values, dict):
        raise ValueError(f"{file} holds {type(values).__name__}, not an object")
    return values


def write_summary(folder: Path, name: str, values: Mapping[str, Any], page: str) -> list[Path]:
    """Write NAME.json and NAME.md into a folder, and return them."""
    files = [folder / f"{name}.json", folder / f"{name}.md"]
    for file, text in zip(files, (json.dumps(values, indent=1), page), strict=True):
        write_text(file, text)
    return files


def write_text(file: Path, text: str) -> None:
    """Write a text, whole or not at all."""
    write_atomic(file, lambda stream: stream.write(text.encode("utf-8")))
