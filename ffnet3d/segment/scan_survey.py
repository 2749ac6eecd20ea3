"""What one pass over a scan tells before any point is used: bounds, colours, normals, a sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ffnet3d.data.formats.cloud import CHUNK, Cloud, Rows

Floats = NDArray[np.float64]
SAMPLE = 200_000  # points


@dataclass
class Range:
    """Of values seen so far."""

    low: float = np.inf
    high: float = -np.inf
    whole: bool = True  # integers alone
    broken: int = 0  # rows that are not finite

    def add(self, values: NDArray[np.generic]) -> None:
        """Rows [n, 3] more."""
        if values.dtype.kind == "f":
            fine = np.isfinite(values).all(axis=1)
            self.broken += int((~fine).sum())
            values = values[fine]
            self.whole = self.whole and bool((values == np.trunc(values)).all())
        if len(values):
            self.low = min(self.low, float(values.min()))
            self.high = max(self.high, float(values.max()))


@dataclass
class Survey:
    """Of a whole scan, in the units and axes of its file.

    Attributes:
        num_valid: points with finite coordinates; all else is about them.
        low, high: [3] bounds.
        color: range of the colours; None where the file has none.
        zero_normals: points whose normal is zero or not finite.
        sample: [S, 3] every k-th point, S at most 200,000.
    """

    num_valid: int = 0
    low: Floats = field(default_factory=lambda: np.full(3, np.inf))
    high: Floats = field(default_factory=lambda: np.full(3, -np.inf))
    color: Range | None = None
    zero_normals: int = 0
    sample: Floats = field(default_factory=lambda: np.zeros((0, 3)))


def survey_cloud(
    cloud: Cloud,
    coord: Sequence[str],
    color: Sequence[str] | None,
    normal: Sequence[str] | None,
    rows: int = CHUNK,
) -> Survey:
    """Read all points once, `rows` at a time; the names are of the columns that hold each."""
    survey = Survey(color=None if color is None else Range())
    step = max(1, -(-cloud.num_points // SAMPLE))
    samples, start = [survey.sample], 0
    for chunk in cloud.chunks(rows):
        points = stack(chunk, coord)
        valid = np.isfinite(points).all(axis=1)
        sampled = points[-start % step :: step]
        samples.append(sampled[np.isfinite(sampled).all(axis=1)])
        start += len(points)
        _add_points(survey, points if valid.all() else points[valid])
        if color is not None and survey.color is not None:
            survey.color.add(stack(chunk, color, own_type=True)[valid])
        if normal is not None:
            survey.zero_normals += int((~usable(stack(chunk, normal)[valid])).sum())
    survey.sample = np.concatenate(samples)
    return survey


def stack(chunk: Rows, names: Sequence[str], own_type: bool = False) -> NDArray[Any]:
    """Columns side by side, [n, 3]: in float64, or in their own type."""
    return np.stack([chunk[name] for name in names], axis=1, dtype=None if own_type else np.float64)


def usable(normals: NDArray[np.generic]) -> NDArray[np.bool_]:
    """Which normals [N, 3] have a direction."""
    with np.errstate(over="ignore", invalid="ignore"):
        squared = np.square(normals).sum(axis=1)
    fine: NDArray[np.bool_] = np.isfinite(squared) & (squared > 1e-12)
    return fine


def _add_points(survey: Survey, points: NDArray[np.generic]) -> None:
    survey.num_valid += len(points)
    survey.low = np.minimum(survey.low, points.min(axis=0, initial=np.inf))
    survey.high = np.maximum(survey.high, points.max(axis=0, initial=-np.inf))
