"""A scan prepared for a network as `ffnet3d segment` prepares it, with its true labels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ffnet3d.data.formats.cloud import Cloud
from ffnet3d.data.formats.roles import find_roles
from ffnet3d.segment.features import voxel_features
from ffnet3d.segment.points import Points, join
from ffnet3d.segment.recipe import Recipe
from ffnet3d.segment.scan import Scan, open_scan
from ffnet3d.segment.scan_options import ScanOptions
from ffnet3d.segment.scan_survey import stack
from ffnet3d.view.columns import as_labels, find_labels
from ffnet3d.voxels.voxelize import grid_coordinates, group_cells

MOST_VOXELS = 500_000
"""Of one scan: as many as `ffnet3d segment` predicts at once; instruments look at scans whole."""


@dataclass(frozen=True)
class Scene:
    """The points of a scan that have finite coordinates, and the voxels that the network gets.

    Args:
        name: short, for tables and file names.
        place: [N, 3] float64, coordinates as the file has them.
        points: N of them, in metres, z up.
        features: [V, in_channels] float32, the network's input for the distinct voxels, in z-order.
        grid_coord: [V, 3] int64, those voxels.
        point_to_voxel: [N] int64, row of each point's voxel.
        truth: [N] int32, true labels, -1 = unlabelled; None where the file has none of these classes.
        notes: what was recognised or is filled in, a line each.
    """

    name: str
    place: NDArray[np.float64]
    points: Points
    features: NDArray[np.float32]
    grid_coord: NDArray[np.int64]
    point_to_voxel: NDArray[np.int64]
    truth: NDArray[np.int32] | None
    notes: tuple[str, ...] = ()

    @property
    def num_voxels(self) -> int:
        """V."""
        return len(self.grid_coord)


def read_scene(file: Path, name: str, recipe: Recipe, options: ScanOptions) -> Scene:
    """Read a point file or scene folder for a network of that recipe.

    Raises ValueError naming the file: what `open_scan` refuses, and more than `MOST_VOXELS` voxels.
    """
    scan = open_scan(file, options, recipe.features)
    parts = [chunk for chunk in scan.chunks() if len(chunk.rows)]
    points, rows = join([part.points for part in parts]), np.concatenate([part.rows for part in parts])
    voxels = group_cells(grid_coordinates(points.coord, recipe.grid_size))
    if len(voxels.counts) > MOST_VOXELS:
        raise ValueError(
            f"{file}: {len(voxels.counts):,} voxels of {recipe.grid_size:g} m, and at most {MOST_VOXELS:,} "
            "are looked at in one piece: cut out a room"
        )
    truth, note = read_truth(scan.cloud, len(recipe.classes))
    return Scene(
        name=name,
        place=read_places(scan)[rows],
        points=points,
        features=voxel_features(points, voxels, recipe),
        grid_coord=voxels.grid_coord,
        point_to_voxel=voxels.inverse,
        truth=None if truth is None else truth[rows],
        notes=(*scan.notes, *scan.warnings, *note),
    )


def read_places(scan: Scan) -> NDArray[np.float64]:
    """Coordinates [N, 3] of all points of the file, in its unit and axes."""
    return np.concatenate([stack(chunk, scan.roles.coord) for chunk in scan.cloud.chunks()])


def read_truth(cloud: Cloud, num_classes: int) -> tuple[NDArray[np.int32] | None, tuple[str, ...]]:
    """True labels [N] of all points of the file, and what to say of them.

    The column is the one that `ffnet3d view` takes for the truth; labels that the network does not have are
    those of other classes, and leave the scan without truth.
    """
    found = find_labels(cloud.names, num_classes)
    column = found.truth or (None if found.label else find_roles(cloud.columns, cloud.file).label)
    if column is None:
        return None, ()
    values = np.concatenate([chunk[column] for chunk in cloud.chunks()])
    truth = as_labels(values, f"{cloud.file}: the column {column}")
    highest = int(truth.max(initial=-1))
    if highest >= num_classes or highest < 0:
        known = f"labels up to {highest}" if highest >= 0 else "no label"
        return None, (f"the column {column} holds {known}, the network has {num_classes} classes: not used",)
    return truth, (f"true labels: the column {column}",)
