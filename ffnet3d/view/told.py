"""What the summary beside a segmented scan tells of how the file is to be read."""

from __future__ import annotations

import json
from pathlib import Path

from ffnet3d.segment.scan_options import ScanOptions

NAMELESS = (".npy", ".txt", ".xyz", ".asc", ".pts", ".csv")
"""Files whose columns may have no names."""


def summaries(file: Path) -> tuple[Path, ...]:
    """Where the JSON that `ffnet3d segment` writes beside `file` may stand."""
    return file.with_suffix(".json"), file.with_name(f"{file.name}.json")


def told_by_summary(file: Path) -> ScanOptions:
    """The up axis and, of a file that may not name them, the columns; the defaults without a summary."""
    for summary in summaries(file):
        try:
            values = json.loads(summary.read_text(encoding="utf-8"))
            names = tuple(values["columns"]) if file.suffix.lower() in NAMELESS else None
            return ScanOptions(up=values["up"], columns=names)
        except (OSError, ValueError, KeyError, TypeError):
            continue  # no file, or a JSON of something else
    return ScanOptions()
