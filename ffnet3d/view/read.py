"""What is shown of a scan: an even sample of its points, with colours, labels, confidence and truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ffnet3d.data.classes import RGB
from ffnet3d.data.formats.cloud import Cloud, Rows
from ffnet3d.data.formats.open import open_cloud
from ffnet3d.data.formats.roles import find_roles
from ffnet3d.segment.scan_options import ScanOptions
from ffnet3d.view.classes import (
    MOST,
    Naming,
    ShownClass,
    given_naming,
    guessed_naming,
    shown_classes,
    summary_naming,
)
from ffnet3d.view.columns import LabelColumns, as_colors, as_labels, as_shares, find_labels
from ffnet3d.view.sample import even_sample, take
from ffnet3d.view.truth import read_truth

POINTS = 1_000_000


@dataclass(frozen=True)
class Shown:
    """Points in random order: every prefix is an even sample of the scan.

    Args:
        name: of the scan.
        total: points that the file holds.
        coord: float64 [N, 3], in the file's unit, z up.
        color: uint8 [N, 3], or None.
        label: int32 [N], -1 = unlabelled, or None; `truth` likewise.
        confidence: uint8 [N], 255 = certain, or None.
        classes: those of the labels and of the truth, by label.
        notes: what a reader of the page should know.
    """

    name: str
    total: int
    coord: np.ndarray
    color: np.ndarray | None = None
    label: np.ndarray | None = None
    confidence: np.ndarray | None = None
    truth: np.ndarray | None = None
    classes: tuple[ShownClass, ...] = ()
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.coord)


def read_shown(
    file: str | Path,
    truth: str | None = None,
    classes: str | None = None,
    points: int = POINTS,
    scan: ScanOptions | None = None,
) -> Shown:
    """Read at most `points` points of a point file or scene folder, in one pass over it.

    `truth` names a column or another file of as many points, `classes` a data set or names by label; of
    `scan` the up axis and the columns of a text file count. ValueError naming the file where it holds no
    points, or where truth or classes do not fit it.
    """
    if points < 1:
        raise ValueError(f"--points {points}: at least 1 is needed")
    file, scan = Path(file), scan or ScanOptions()
    naming = given_naming(classes) if classes else summary_naming(file)
    cloud = open_cloud(file, scan.columns)
    index = even_sample(cloud.num_points, points)
    columns = find_labels(cloud.names, len(naming) if naming else None)
    if columns.label is None and columns.truth is None:
        columns = replace(columns, truth=find_roles(cloud.columns, file).label)
    if truth in cloud.names:
        columns, truth = replace(columns, truth=truth), None
    rows = take(cloud, _wanted(cloud, columns), index)
    if truth is not None:
        columns = replace(columns, truth=truth)
        rows[truth] = read_truth(truth, cloud, index, len(naming) if naming else None)
    shown = _shown(cloud, columns, rows, naming)
    return replace(shown, coord=scan.turn(shown.coord))


def _wanted(cloud: Cloud, columns: LabelColumns) -> list[str]:
    """Names of all columns to read."""
    roles = find_roles(cloud.columns, cloud.file)
    own = [name for name in (columns.label, columns.confidence, columns.truth) if name]
    colors = (*(columns.input_colors or roles.color or ()), *(columns.label_colors or ()))
    return list(dict.fromkeys((*roles.coord, *own, *colors)))


def _shown(cloud: Cloud, columns: LabelColumns, rows: Rows, naming: Naming | None) -> Shown:
    """The sample's columns as the page needs them; points without coordinates are left out."""
    roles = find_roles(cloud.columns, cloud.file)
    coord = _stacked(rows, roles.coord).astype(np.float64)
    kept = np.isfinite(coord).all(1)
    if not kept.any():
        raise ValueError(f"{cloud.file}: none of its points has coordinates")
    rows = {name: values[kept] for name, values in rows.items()}
    notes = (
        [] if kept.all() else [f"{(~kept).sum():,} of these points have no coordinates, and are left out."]
    )
    label, truth = (_labels(rows, name, cloud.file, notes) for name in (columns.label, columns.truth))
    present = [np.unique(values[values >= 0]) for values in (label, truth) if values is not None]
    labels = np.unique(np.concatenate(present)) if present else np.empty(0, np.int32)
    naming = naming or guessed_naming(labels, columns.truth)
    colors = columns.input_colors or roles.color
    confidence = columns.confidence if label is not None else None
    return Shown(
        name=cloud.file.resolve().name,
        total=cloud.num_points,
        coord=coord[kept],
        color=as_colors(_stacked(rows, colors)) if colors else None,
        label=label,
        confidence=as_shares(rows[confidence]) if confidence else None,
        truth=truth,
        classes=shown_classes(labels.tolist(), naming, _own_colors(rows, label, columns)),
        notes=(*notes, *([naming.source] if naming.source else [])),
    )


def _labels(rows: Rows, name: str | None, file: Path, notes: list[str]) -> np.ndarray | None:
    """Labels of a column; None, and a note, where it holds something else."""
    if name is None:
        return None
    try:
        labels = as_labels(rows[name], f"{file}: the column {name}")
        if (found := len(np.unique(labels))) > MOST:
            raise ValueError(f"the column {name} holds {found:,} different numbers: no labels of classes")
    except ValueError as error:
        notes.append(f"Not shown: {error}.")
        return None
    return labels


def _own_colors(rows: Rows, label: np.ndarray | None, columns: LabelColumns) -> dict[int, RGB]:
    """The colour that the file gives to each label."""
    if label is None or columns.label_colors is None:
        return {}
    labels, first = np.unique(label, return_index=True)
    colors = as_colors(_stacked(rows, columns.label_colors)[first])
    return {int(one): (int(r), int(g), int(b)) for one, (r, g, b) in zip(labels, colors, strict=True)}


def _stacked(rows: Rows, names: Sequence[str]) -> np.ndarray:
    return np.stack([rows[name] for name in names], axis=1)
