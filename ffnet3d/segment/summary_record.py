"""What came out of a scan, as its JSON file holds it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class ClassSummary:
    """One class in a scan.

    Args:
        label: its number.
        name: its name.
        color: its colour in the output, #rrggbb.
        points: of the scan, that have it.
        area_m2: estimate: cells of edge `area_cell_m` that hold such points, each for one of its faces. Good
            for a clean wall along the axes; a slanted one counts up to 1.7 times, and so do noisy ones.
        confidence: mean probability of the class at these points; None without any.
    """

    label: int
    name: str
    color: str
    points: int
    area_m2: float
    confidence: float | None


@dataclass(frozen=True)
class Summary:
    """Of one scan.

    Args:
        scan: file that was read.
        output: file that was written.
        columns: of that file, in order; a file without names does not tell them.
        up: its axis that points up.
        points: of the scan.
        unlabelled: points without a label.
        extent_m: lengths along x, y and z (up), metres.
        area_cell_m: edge of the cells that areas are counted in, metres.
        classes: all that the network knows, by label.
        seconds: wall time of each part of the work.
        peak_process_memory_bytes: the most that the process has held so far, scans before this one included;
            None where the system does not tell.
        notes: what was recognised or filled in.
        warnings: what may make the labels worse.
        weights: where the network came from.
        network: its description.
        recipe: voxel size, features and classes.
        versions: of this package, Python, NumPy, and what ran the network.
    """

    scan: str
    output: str
    columns: tuple[str, ...]
    up: str
    points: int
    unlabelled: int
    extent_m: tuple[float, ...]
    area_cell_m: float
    classes: tuple[ClassSummary, ...]
    seconds: Mapping[str, float]
    peak_process_memory_bytes: int | None
    notes: tuple[str, ...]
    warnings: tuple[str, ...]
    weights: str
    network: str
    recipe: Mapping[str, Any]
    versions: Mapping[str, str]

    def as_dict(self) -> dict[str, Any]:
        """For JSON; `read_summary` reads it."""
        return asdict(self)


def read_summary(path: Path) -> Summary:
    """A summary from its file, whatever else is in it; ValueError naming the file where it is none."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        known = {field.name: values[field.name] for field in fields(Summary)}
        known["classes"] = tuple(ClassSummary(**one) for one in known["classes"])
        for name in ("columns", "notes", "warnings", "extent_m"):
            known[name] = tuple(known[name])
        return Summary(**known)
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{path}: not a summary of a segmented scan ({error!r}): segment it again"
        ) from error
