"""The shape of a scan from a sample of its points: extents, spacing, and how flat its ends are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

QUERIES = 64  # points whose nearest neighbours tell the spacing
BINS = 100  # along the longest axis
END = 0.1  # share of an axis that is an end of it


@dataclass(frozen=True)
class Shape:
    """Of a scan, in whatever unit it has.

    Args:
        extents: [3] lengths that hold the middle 98 % of the points on each axis.
        ends: [3] share of all points in the fullest thin slice at either end of each axis: floors and walls.
        inner: [3] the same between the ends: table tops, and the storeys of a building.
        spacing: median distance to the nearest point.
    """

    extents: NDArray[np.float64]
    ends: NDArray[np.float64]
    inner: NDArray[np.float64]
    spacing: float


def shape_of(sample: NDArray[np.float64], num_points: int) -> Shape:
    """The shape of a scan of `num_points` points, of which `sample` [S, 3] is an even sample, S > 0."""
    low, high = np.percentile(sample, [1, 99], axis=0)
    extents = high - low
    thickness = max(float(extents.max()) / BINS, 1e-300)
    slices = [_slices(sample[:, axis], low[axis], extents[axis], thickness) for axis in range(3)]
    ends, inner = zip(*(_fullest(shares) for shares in slices), strict=True)
    # A surface that is thinned to one point in k has sqrt(k) times its spacing.
    spacing = _spacing(sample) * np.sqrt(len(sample) / num_points)
    return Shape(extents, np.array(ends), np.array(inner), float(spacing))


def _slices(values: NDArray[np.float64], low: float, extent: float, thickness: float) -> NDArray[np.float64]:
    """Share of the points in each slice of two bins, the slices overlapping by one bin."""
    bins = int(extent / thickness) + 4
    index = np.clip((values - low) / thickness + 2, 0, bins).astype(np.int64)
    counts = np.bincount(index, minlength=bins + 1)[1:bins]
    shares: NDArray[np.float64] = (counts[1:] + counts[:-1]) / len(values)
    return shares


def _fullest(shares: NDArray[np.float64]) -> tuple[float, float]:
    """Of the slices at the ends, and of those between."""
    end = max(3, int(END * len(shares)))
    return float(max(shares[:end].max(), shares[-end:].max())), float(shares[end:-end].max(initial=0))


def _spacing(sample: NDArray[np.float64]) -> float:
    """Median distance of points to the nearest that lies elsewhere; 0 where all are one place."""
    columns = np.ascontiguousarray(sample.T)
    nearest = []
    for point in sample[:: -(-len(sample) // QUERIES)]:
        squared = sum(np.square(column - own) for column, own in zip(columns, point, strict=True))
        nearest.append(np.min(squared, where=squared > 0, initial=np.inf))
    finite = np.sqrt([square for square in nearest if square < np.inf])
    return float(np.median(finite)) if len(finite) else 0.0
