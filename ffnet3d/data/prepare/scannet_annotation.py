"""ScanNet's annotation: segments of a scan's mesh, and the objects that annotators made of them.

Conventions are those of Pointcept: groups in the file's order, where a later one takes segments over from an
earlier one; a category outside the benchmark's classes is -1; the instance is the group's id all the same.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ffnet3d.data.prepare.scannet_labels import Category
from ffnet3d.data.scannet_ids import SCANNET20_IDS, SCANNET200_IDS

IGNORE = -1
NYU40_CLASSES = 40
LABELS20 = {number: label for label, number in enumerate(SCANNET20_IDS)}
LABELS200 = {number: label for label, number in enumerate(SCANNET200_IDS)}


@dataclass(frozen=True)
class Group:
    """An annotated object: its id, what the annotator typed, and the segments that it covers."""

    id: int
    raw_category: str
    segments: np.ndarray


@dataclass(frozen=True)
class ScanLabels:
    """Labels int64 [N] by name (`segment20`, ...), and a line for each defect that was met."""

    arrays: dict[str, np.ndarray]
    defects: tuple[str, ...] = ()


def label_vertices(
    segments: np.ndarray, groups: Sequence[Group], table: Mapping[str, Category]
) -> ScanLabels:
    """`segment20`, `segment200` and `instance` of vertices that belong to `segments` [N]."""
    known, of_vertex = np.unique(segments, return_inverse=True)
    owner = np.full(len(known), len(groups))  # of each segment; the last label below is that of no group
    claims = np.zeros(len(known), dtype=np.int64)  # groups that name a segment
    defects: list[str] = []
    for number, group in enumerate(groups):
        rows = np.searchsorted(known, group.segments).clip(max=len(known) - 1)
        there = known[rows] == group.segments
        owner[rows[there]] = number
        claims[np.unique(rows[there])] += 1
        if absent := int((~there).sum()):
            defects.append(
                f"group {number} ({group.raw_category!r}) names {absent} of {len(there)} segments that no "
                f"vertex has (first: {group.segments[there.argmin()]}), left out"
            )
    labels = np.array([*(_numbers(group, table) for group in groups), (IGNORE,) * 3], dtype=np.int64)
    counts = np.bincount(owner[of_vertex], minlength=len(groups))
    defects += [
        f"group {number}: the category {group.raw_category!r} is not in the label table, its "
        f"{counts[number]} points are labelled {IGNORE}"
        for number, group in enumerate(groups)
        if group.raw_category not in table
    ]
    if shared := int((claims > 1).sum()):
        defects.append(f"{shared} segments belong to several groups, the last of these counts")
    columns = labels[owner[of_vertex]].T
    names = ("segment20", "segment200", "instance")
    return ScanLabels(dict(zip(names, map(np.ascontiguousarray, columns), strict=True)), tuple(defects))


def _numbers(group: Group, table: Mapping[str, Category]) -> tuple[int, int, int]:
    """Labels among 20 and 200 classes, and the instance."""
    category = table.get(group.raw_category)
    if category is None:
        return IGNORE, IGNORE, group.id
    return LABELS20.get(category.nyu40id, IGNORE), LABELS200.get(category.id, IGNORE), group.id


def nyu40_labels(ids: np.ndarray) -> ScanLabels:
    """`segment20` of vertices with NYU40's class ids [N], where 0 is none."""
    of_id = np.array([LABELS20.get(number, IGNORE) for number in range(NYU40_CLASSES + 1)])
    known = np.isin(ids, np.arange(len(of_id)))
    defects: tuple[str, ...] = ()
    if not known.all():
        shown = ", ".join(map(str, np.unique(ids[~known])[:5]))
        count = int((~known).sum())
        defects = (
            f"{count} points have ids outside NYU40's 0 to {NYU40_CLASSES} ({shown}), labelled {IGNORE}",
        )
    return ScanLabels({"segment20": of_id[np.where(known, ids, 0).astype(np.int64)]}, defects)


def read_segments(file: Path) -> np.ndarray:
    """The segment of each vertex, int64 [N], from a `.segs.json`; ValueError naming what is wrong."""
    return _integers(_field(file, _read_object(file), "segIndices", list), f"{file}: segIndices")


def read_groups(file: Path) -> list[Group]:
    """The groups of an `.aggregation.json`; ValueError naming what is wrong."""
    groups = []
    for number, entry in enumerate(_field(file, _read_object(file), "segGroups", list)):
        where = f"{file}: segGroups[{number}]"
        if not isinstance(entry, dict):
            raise ValueError(f"{where} must be an object, but is {entry!r:.60}")
        segments = _integers(_field(where, entry, "segments", list), f"{where}: segments")
        groups.append(Group(_field(where, entry, "id", int), _field(where, entry, "label", str), segments))
    return groups


def _read_object(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_bytes())
    except json.JSONDecodeError as error:
        where = f"{file}:{error.lineno}"
        raise ValueError(
            f"{where}: not whole JSON ({error.msg}, column {error.colno}); perhaps a copy was cut "
            "off, download it again"
        ) from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{file}: not JSON: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{file}: needs a JSON object, but holds {content!r:.60}")
    return content


def _field(where: Path | str, entry: Mapping[str, Any], name: str, kind: type) -> Any:
    value = entry.get(name)
    if value is None:
        raise ValueError(f"{where}: {name!r} is missing; download the file again")
    if not isinstance(value, kind):
        what = f"{name!r} must be of type {kind.__name__}, but is {value!r:.60}"
        raise ValueError(f"{where}: {what}; download the file again")
    return value


def _integers(values: list[Any], where: str) -> np.ndarray:
    wrong = next((number for number, value in enumerate(values) if type(value) is not int), None)
    if wrong is not None:
        raise ValueError(f"{where} must be integers, but number {wrong} is {values[wrong]!r:.60}")
    return np.array(values, dtype=np.int64)
