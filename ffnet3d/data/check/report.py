"""What a check found, as a page of text and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict

from ffnet3d.data.check.official import TITLES, segment_classes
from ffnet3d.data.check.root import RootCheck
from ffnet3d.data.check.scene import CLASSES
from ffnet3d.data.check.split import SplitCheck, count, some_names

SHOWN = 20  # warnings
ARRAYS = {"color": "ScanNet and S3DIS need it", "normal": "estimated when a scene is first read"}
ANNOTATED = "segment200", "instance"  # of ScanNet, and the endings of the files of which they are made:
ANNOTATION = ".aggregation.json", ".0.010000.segs.json"
HEAD = ("split", "scenes", "points", "labels", "classes", "unlabelled", "repeated")


def text_report(check: RootCheck) -> str:
    """The table and what is to be said below it; lines of at most 100 columns, paths and messages aside."""
    parts = [f"{check.root} ({TITLES[check.dataset]})", "", *_table(check)]
    parts += _section("Not here", _absent(check))
    parts += _section("Looks wrong", _capped(check.warnings))
    parts += _section("Broken", [f"{scene.name}: {scene.broken}" for scene in check.broken])
    return "\n".join([*parts, "", _total(check)])


def json_report(check: RootCheck) -> str:
    """All facts of all scenes, for machines."""
    splits = {
        split.name: {
            "scenes": [asdict(scene) for scene in split.scenes],
            "official": len(split.official) or None,
            "absent": split.absent,
            "foreign": split.foreign,
        }
        for split in check.splits
    }
    facts = {
        "root": str(check.root),
        "dataset": check.dataset or None,
        "splits": splits,
        "warnings": check.warnings,
        "broken": [scene.name for scene in check.broken],
        "hashed": check.hashed,
    }
    return json.dumps(facts, indent=1)


def _table(check: RootCheck) -> list[str]:
    rows = [HEAD, *(row for split in check.splits for row in _rows(split, check.dataset))]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    left = (0, 3)  # columns of names
    return [
        "  ".join(
            cell.ljust(width) if column in left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _rows(split: SplitCheck, dataset: str) -> Iterator[tuple[str, ...]]:
    """A row for each label file of the split; one without labels where there is none."""
    points = sum(scene.points for scene in split.whole)
    repeated = sum(scene.repeated for scene in split.whole)
    number = f"{len(split.scenes)} of {len(split.official)}" if split.official else f"{len(split.scenes)}"
    start = (split.name, number, f"{points:,}")
    files = [file for file in CLASSES if split.labels(file)]
    for row, file in enumerate(files or ["none"]):
        known = CLASSES.get(file) or segment_classes(dataset)
        labels = split.labels(file)
        present = sum(label >= 0 for label in labels)
        classes = f"{present} of {len(known)}" if known and labels else f"{present}" if labels else ""
        unlabelled = _share(labels[-1], labels.total()) if labels else ""
        front = ("", "", "") if row else start
        yield (*front, file, classes, unlabelled, "" if row else _share(repeated, points))


def _absent(check: RootCheck) -> Iterator[str]:
    """Splits, scenes, arrays and classes that one would expect."""
    if check.absent_splits:
        yield f"{some_names(list(check.absent_splits))}: no such split"
    for split in check.splits:
        for text in (*_absent_scenes(split), *_absent_files(split), *_absent_classes(split, check.dataset)):
            yield f"{split.name}: {text}"


def _absent_scenes(split: SplitCheck) -> Iterator[str]:
    if split.absent:
        yield f"{len(split.absent)} of its {len(split.official)} scenes: {some_names(split.absent)}"


def _absent_files(split: SplitCheck) -> Iterator[str]:
    expected = {**ARRAYS, **{file: "counted as unlabelled" for file in CLASSES if split.labels(file)}}
    if split.dataset == "scannet" and split.labels("segment20"):
        expected = {**dict.fromkeys(ANNOTATED, "download " + " and ".join(ANNOTATION)), **expected}
    for file, meaning in expected.items():
        if lacking := split.without(file):
            yield f"{file}.npy in {lacking} of {len(split.whole)} scenes ({meaning})"


def _absent_classes(split: SplitCheck, dataset: str) -> Iterator[str]:
    for file in CLASSES:
        names, labels = CLASSES[file] or segment_classes(dataset), split.labels(file)
        absent = [name for label, name in enumerate(names) if label not in labels]
        if labels and absent:
            yield f"{len(absent)} of {len(names)} classes of {file}: {some_names(absent)}"


def _section(title: str, lines: list[str] | Iterator[str]) -> list[str]:
    lines = list(lines)
    return ["", title, *(f"  {line}" for line in lines)] if lines else []


def _capped(lines: list[str]) -> list[str]:
    more = len(lines) - SHOWN
    return [*lines[:SHOWN], f"... and {more} more (--json FILE has all)"] if more > 0 else lines


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else ""


def _total(check: RootCheck) -> str:
    scenes = count(len(check.scenes), "scene")
    hashes = f"{check.hashed} compared with the manifest's hashes" if check.hashed else "no hashes compared"
    return f"{scenes}: {len(check.broken)} broken, {count(len(check.warnings), 'warning')}, {hashes}."
