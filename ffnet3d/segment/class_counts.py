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


def count_classes(scan: Scan, labels: Labels, recipe: Recipe) -> tuple[ClassSummary, ...]:
    """Points, area and confidence of each class, by label; in bounded memory."""
    count = len(recipe.classes)
    points, sums = np.zeros(count, dtype=np.int64), np.zeros(count)
    cells = CellCounter(count)
    for chunk in scan.chunks():
        label = np.asarray(labels.label[chunk.rows])
        confidence = np.asarray(labels.confidence[chunk.rows], dtype=np.float64)
        known = label >= 0
        points += np.bincount(label[known], minlength=count)
        sums += np.bincount(label[known], weights=confidence[known], minlength=count)
        cells.add(_cells(chunk.points.coord, recipe.grid_size), label)
    areas = cells.counts() * recipe.grid_size**2
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


def _cells(coord: NDArray[np.float32], grid_size: float) -> NDArray[np.int64]:
    return np.floor(coord.astype(np.float64) / grid_size).astype(np.int64)
