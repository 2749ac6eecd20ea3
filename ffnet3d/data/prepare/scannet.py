"""ScanNet's raw scans to scene folders, with the labels of both benchmarks, 20 and 200 classes.

A scan's mesh is `NAME_vh_clean_2.ply`; its labels come from `.aggregation.json` and `.segs.json`, or, where
one of these is missing, from `NAME_vh_clean_2.labels.ply`, which knows the 20 classes only.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from ffnet3d.data.formats import read_ply
from ffnet3d.data.prepare.job import Prepared, SceneJob
from ffnet3d.data.prepare.places import check_target
from ffnet3d.data.prepare.run import Say, Summary, prepare
from ffnet3d.data.prepare.scannet_annotation import (
    IGNORE,
    ScanLabels,
    label_vertices,
    nyu40_labels,
    read_groups,
    read_segments,
)
from ffnet3d.data.prepare.scannet_labels import LABELS_FILE, Category, read_labels
from ffnet3d.data.prepare.scannet_mesh import read_mesh
from ffnet3d.data.prepare.scannet_notes import ONLY20, scannet_notes
from ffnet3d.data.prepare.scannet_scans import ScanFiles, find_download, list_scans
from ffnet3d.data.prepare.scannet_splits import listed_scans

logger = logging.getLogger(__name__)

VERSION = 1  # raise when the arrays change
SAME_PLACE = 1e-3  # metres, for meshes rewritten as text


def prepare_scannet(
    source: Path,
    target: Path,
    *,
    labels: Path | None = None,
    workers: int = 1,
    say: Say = logger.info,
) -> Summary:
    """Prepare every scan of `source` as `target`/train|val|test/NAME.

    Args:
        source: holds `scans` and `scans_test` (or any `scans*`) with a folder a scan, or these folders; the
            folder above will do too.
        target: root of the scene folders.
        labels: the label table; by default scannetv2-labels.combined.tsv of `source`, else the built-in one.
        workers: processes.
        say: told what will be done.

    Splits are read from scannetv2_train.txt and scannetv2_val.txt in `source`, where they are there.
    ValueError for a source without scans, for damaged tables and lists, and for a target that is not ours.
    """
    root = find_download(source)
    check_target(source, target, "scannet")
    if labels is not None and not labels.is_file():
        raise ValueError(f"--labels {labels}: there is no such file")
    own = root / LABELS_FILE
    table = read_labels(labels or (own if own.is_file() else None))
    digest = hashlib.sha256(json.dumps(sorted(table.items())).encode()).hexdigest()
    summary = prepare(
        list_scans(root),
        partial(make_scan, table=table),
        target,
        dataset="scannet",
        version=VERSION,
        options={"labels": digest},
        workers=workers,
        say=say,
    )
    return replace(summary, notes=scannet_notes(summary, listed_scans(root)))


def make_scan(job: SceneJob, table: Mapping[str, Category]) -> Prepared:
    """The arrays of a scan; ValueError naming the file that is missing, cut off or at odds with others."""
    files = ScanFiles(job.sources[0].parent)
    mesh = read_mesh(files.mesh)
    arrays = dict(mesh.arrays)
    repairs = [f"{job.shown(files.mesh)}: {defect}" for defect in mesh.defects]
    labelled, labels = _labels(files, job.split, arrays["coord"], table)
    arrays |= labels.arrays
    repairs += [f"{job.shown(labelled)}: {defect}" for defect in labels.defects]
    if bare := [name for name, array in labels.arrays.items() if (array == IGNORE).all()]:
        repairs.append(f"{job.shown(labelled)}: no point is labelled in {', '.join(bare)}")
    return Prepared(arrays, tuple(repairs))


def _labels(
    files: ScanFiles, split: str, coord: np.ndarray, table: Mapping[str, Category]
) -> tuple[Path, ScanLabels]:
    """Labels of the vertices, and the file from which they come; none where a test scan has none."""
    missing = [file for file in (files.groups, files.segments) if not file.is_file()]
    if not missing:
        segments = read_segments(files.segments)
        _check_count(files.segments, len(segments), files.mesh, len(coord))
        return files.groups, label_vertices(segments, read_groups(files.groups), table)
    if files.labels.is_file():
        return files.labels, _nyu40_labels(files, coord, missing)
    if split != "test":
        names = " and ".join(file.name for file in missing)
        raise ValueError(
            f"{files.folder}: no labels: neither {names} nor {files.labels.name} is there; download them"
        )
    return files.mesh, ScanLabels({})


def _nyu40_labels(files: ScanFiles, coord: np.ndarray, missing: list[Path]) -> ScanLabels:
    """`segment20` from NYU40's ids in the `label` of another mesh of the same vertices."""
    ply = read_ply(files.labels, only=("vertex",))
    ids = ply.stack("vertex", ("label",))[:, 0]
    _check_count(files.labels, len(ids), files.mesh, len(coord))
    apart = np.abs(ply.stack("vertex", ("x", "y", "z")) - coord).max(axis=1) > SAME_PLACE
    if apart.any():
        raise ValueError(
            f"{files.labels}: vertex {int(apart.argmax())} lies elsewhere than in {files.mesh.name}; "
            "download both again"
        )
    names = ", ".join(file.name for file in missing)
    labels = nyu40_labels(ids)
    note = f"{ONLY20}; missing: {names}"
    return ScanLabels(labels.arrays, (note, *labels.defects))


def _check_count(file: Path, count: int, mesh: Path, vertices: int) -> None:
    if count != vertices:
        raise ValueError(
            f"{file}: labels of {count} vertices, but {mesh.name} has {vertices}; download both again"
        )
