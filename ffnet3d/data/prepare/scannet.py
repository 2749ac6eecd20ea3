"""ScanNet's raw scans to scene folders, with the labels of both benchmarks, 20 and 200 classes.

A scan's mesh is `NAME_vh_clean_2.ply`; its labels come from `.aggregation.json` and `.segs.json`, or, where
one of these is missing, from `NAME_vh_clean_2.labels.ply`, which knows the 20 classes only.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from ffnet3d.data.formats import read_ply
from ffnet3d.data.prepare.job import Prepared, SceneJob
from ffnet3d.data.prepare.run import Summary, prepare
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
from ffnet3d.data.prepare.scannet_splits import SCAN, read_splits

VERSION = 1  # raise when the arrays change
SAME_PLACE = 1e-3  # metres, for meshes rewritten as text


@dataclass(frozen=True)
class ScanFiles:
    """The files of the scan in `folder`; all but the mesh may be missing."""

    folder: Path

    @property
    def mesh(self) -> Path:
        return self._file("_vh_clean_2.ply")

    @property
    def segments(self) -> Path:
        return self._file("_vh_clean_2.0.010000.segs.json")

    @property
    def groups(self) -> Path:
        return self._file(".aggregation.json")

    @property
    def labels(self) -> Path:
        return self._file("_vh_clean_2.labels.ply")

    def sources(self) -> tuple[Path, ...]:
        """The mesh, and whatever else is there."""
        others = (self.segments, self.groups, self.labels)
        return (self.mesh, *(file for file in others if file.is_file()))

    def _file(self, ending: str) -> Path:
        return self.folder / f"{self.folder.name}{ending}"


def prepare_scannet(source: Path, target: Path, *, labels: Path | None = None, workers: int = 1) -> Summary:
    """Prepare every scan of `source` as `target`/train|val|test/NAME.

    Args:
        source: holds `scans` and `scans_test` (or any `scans*`) with a folder a scan, or these folders.
        target: root of the scene folders.
        labels: the label table; by default scannetv2-labels.combined.tsv of `source`, else the built-in one.
        workers: processes.

    Splits are read from scannetv2_train.txt and scannetv2_val.txt in `source`, where they are there.
    ValueError for a source without scans, and for damaged tables and lists.
    """
    own = source / LABELS_FILE
    table = read_labels(labels or (own if own.is_file() else None))
    digest = hashlib.sha256(json.dumps(sorted(table.items())).encode()).hexdigest()
    return prepare(
        list_scans(source),
        partial(make_scan, table=table),
        target,
        dataset="scannet",
        version=VERSION,
        options={"labels": digest},
        workers=workers,
    )


def list_scans(source: Path) -> list[SceneJob]:
    """A job for each scan of `source`, sorted by name."""
    if not source.is_dir():
        raise ValueError(f"{source}: no such folder; name the folder of the download that holds scans/")
    splits = read_splits(source)
    roots = [source, *sorted(path for path in source.glob("scans*") if path.is_dir())]
    folders = sorted((path for root in roots for path in root.iterdir() if _is_scan(path)), key=_name)
    if not folders:
        raise ValueError(
            f"{source}: no scans: neither it nor a scans*/ in it holds folders such as scene0000_00"
        )
    return [
        SceneJob(
            name=folder.name,
            split=splits.get(folder.name, "test"),
            target=Path(splits.get(folder.name, "test"), folder.name),
            source_root=source,
            sources=ScanFiles(folder).sources(),
        )
        for folder in folders
    ]


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


def _is_scan(path: Path) -> bool:
    return path.is_dir() and (SCAN.fullmatch(path.name) is not None or ScanFiles(path).mesh.is_file())


def _name(path: Path) -> str:
    return path.name


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
        raise ValueError(f"{files.folder}: no labels: neither {names} nor {files.labels.name} is there")
    return files.mesh, ScanLabels({})


def _nyu40_labels(files: ScanFiles, coord: np.ndarray, missing: list[Path]) -> ScanLabels:
    """`segment20` from NYU40's ids in the `label` of another mesh of the same vertices."""
    ply = read_ply(files.labels, only=("vertex",))
    ids = ply.stack("vertex", ("label",))[:, 0]
    _check_count(files.labels, len(ids), files.mesh, len(coord))
    apart = np.abs(ply.stack("vertex", ("x", "y", "z")) - coord).max(axis=1) > SAME_PLACE
    if apart.any():
        raise ValueError(
            f"{files.labels}: vertex {int(apart.argmax())} lies elsewhere than in {files.mesh.name}"
        )
    names = ", ".join(file.name for file in missing)
    labels = nyu40_labels(ids)
    note = f"labels of 20 classes alone, no segment200 and no instance; missing: {names}"
    return ScanLabels(labels.arrays, (note, *labels.defects))


def _check_count(file: Path, count: int, mesh: Path, vertices: int) -> None:
    if count != vertices:
        raise ValueError(f"{file}: labels of {count} vertices, but {mesh.name} has {vertices}")
