"""Names and colours of the classes that a scan holds, and where they come from."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ffnet3d.data.classes import RGB, S3DIS13, SCANNET20, SCANNET200, palette
from ffnet3d.view.told import summaries

DATA_SETS = {"s3dis": S3DIS13, "scannet20": SCANNET20, "scannet200": SCANNET200}
TITLES = {"s3dis": "S3DIS", "scannet20": "ScanNet", "scannet200": "ScanNet200"}
OF_COLUMN = {"segment20": "scannet20", "segment200": "scannet200"}
MOST = 1000  # different labels; more are no classes, but numbers of instances or the like


@dataclass(frozen=True)
class ShownClass:
    """A class as the page shows it; colour in 0-255."""

    label: int
    name: str
    color: RGB


@dataclass(frozen=True)
class Naming:
    """Classes by their labels, and a sentence on where the names come from ("" where the user gave them)."""

    known: dict[int, ShownClass]
    source: str = ""

    def __len__(self) -> int:
        return len(self.known)


def given_naming(text: str) -> Naming:
    """The classes that `--classes` means: a data set's, or names separated by commas; ValueError if empty."""
    names = DATA_SETS.get(text.lower()) or tuple(name.strip() for name in text.split(",") if name.strip())
    if len(names) < 2 and "," not in text:
        raise ValueError(
            f"--classes {text}: give {', '.join(DATA_SETS)}, or the names by label: wall,floor,chair"
        )
    return _numbered(names)


def summary_naming(file: Path) -> Naming | None:
    """The classes that `ffnet3d segment` wrote into the JSON beside `file`; None where there is none."""
    for summary in summaries(file):
        try:
            classes = [
                _class_of(entry) for entry in json.loads(summary.read_text(encoding="utf-8"))["classes"]
            ]
        except (OSError, ValueError, KeyError, TypeError):
            continue  # no file, or a JSON of something else
        return Naming({each.label: each for each in classes}, f"Class names are those of {summary.name}.")
    return None


def guessed_naming(present: np.ndarray, column: str | None) -> Naming:
    """The classes of the data set that a column, or the highest of the labels `present`, tells; else none."""
    highest = int(present.max(initial=-1))
    for key, names in DATA_SETS.items():
        if OF_COLUMN.get(column or "") == key and highest < len(names):
            return _numbered(names, f"Class names are {TITLES[key]}’s, after the column {column}.")
    for key, names in DATA_SETS.items():
        if highest == len(names) - 1:
            source = f"Class names are a guess: {TITLES[key]}’s, as the labels go up to {highest}"
            return _numbered(names, f"{source}; --classes gives others.")
    return Naming({}, "Class names are not known; --classes gives them." if len(present) else "")


def shown_classes(present: Iterable[int], naming: Naming, colors: dict[int, RGB]) -> tuple[ShownClass, ...]:
    """The labels that are `present`, named by `naming`; `colors` are those that the file itself gives."""
    labels = sorted(present)
    spare = palette(max(len(labels), 201))  # no data set's own, so that nothing looks like its classes
    return tuple(
        naming.known.get(label) or ShownClass(label, f"class {label}", colors.get(label, spare[row]))
        for row, label in enumerate(labels)
    )


def _numbered(names: Iterable[str], source: str = "") -> Naming:
    names = tuple(names)
    return Naming(
        {
            label: ShownClass(label, name, color)
            for label, (name, color) in enumerate(zip(names, palette(len(names)), strict=True))
        },
        source,
    )


def _class_of(entry: dict[str, Any]) -> ShownClass:
    """A class of the summary; ValueError, KeyError or TypeError where it is none."""
    label = int(entry["label"])
    color = entry["color"]
    red, green, blue = bytes.fromhex(color.removeprefix("#")) if isinstance(color, str) else map(int, color)
    return ShownClass(label, str(entry["name"]), (red, green, blue))
