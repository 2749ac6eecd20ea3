"""How much of a scan each class is: points, area, confidence."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ffnet3d.segment.area import CellCounter
from ffnet3d.segment.label_columns import class_colors
from ffnet3d.segment.labels import Labels
from ffnet3d.segment.recipe import Recipe
from ffnet3d.segment.scan import Scan
from ffnet3d.segment.summary_record import ClassSummary

DENSE = 4.0
"""Spacings of points along the edge of a cell: random points then leave few cells of a surface empty."""


def area_cell(scan: Scan, recipe: Recipe) -> float:
    """Edge of the cells that areas are counted in, metres: a voxel's, or more where points are sparse."""
    return max(recipe.grid_size, DENSE * scan.spacing)


def count_classes(scan: Scan, labels: Labels, recipe: Recipe) -> tuple[ClassSummary, ...]:
    """Points, area and confidence of each class, by label; in bounded memory."""
    edge = area_cell(scan, recipe)
    count = len(recipe.classes)
    points, sums = np.zeros(count, dtype=np.int64), np.zeros(count)
    cells = CellCounter(count)
    for chunk in scan.chunks():
        label = np.asarray(labels.label[chunk.rows])
        confidence = np.asarray(labels.confidence[chunk.rows], dtype=np.float64)
        known = label >= 0
        points += np.bincount(label[known], minlength=count)
        sums += np.bincount(label[known], weights=confidence[known], minlength=count)
        cells.add(_cells(chunk.points.coord, edge), label)
    areas = cells.counts() * edge**2
    return tuple(
        ClassSummary(
            label=number,
            name=name,
            color="#{:02x}{:02x}{:02x}".format(*class_colors(count)[number]),
            points=int(points[number]),
            area_m2=round(float(areas[number]), 3),
            confidence=round(float(sums[number] / points[number]), 4) if points[number] else None,
        )
        for number, name in enumerate(recipe.classes)
    )


def _cells(coord: NDArray[np.float32], edge: float) -> NDArray[np.int64]:
    return np.floor(coord.astype(np.float64) / edge).astype(np.int64)
