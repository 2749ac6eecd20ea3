"""Points as the page holds them: positions in 16 bits an axis, the rest in bytes, all in base64."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np

from ffnet3d.view.read import Shown

STEPS = 65535  # of a 16-bit position
UNLABELLED = (150, 150, 150)
CELLS = 128  # along the diagonal, to find how far points are apart
COVERED = 0.5  # of the floor plan, above which what lies on top is a ceiling


def encode_arrays(shown: Shown) -> dict[str, str]:
    """Name -> base64 of: position uint16 [N, 3] over the box; color, confidence uint8; label, truth.

    Labels are rows of the list of classes, the row after the last for unlabelled points; uint16. All are
    little-endian.
    """
    low, extent = bounds(shown.coord)
    span = np.where(extent > 0, extent, 1)
    arrays = {
        "position": np.rint((shown.coord - low) / span * STEPS).astype("<u2"),
        "color": shown.color,
        "label": _rows(shown, shown.label),
        "confidence": shown.confidence,
        "truth": _rows(shown, shown.truth),
    }
    return {
        name: base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()
        for name, array in arrays.items()
        if array is not None
    }


def describe(shown: Shown) -> dict[str, Any]:
    """What else the page needs, for JSON: lengths in the unit of the coordinates."""
    low, extent = bounds(shown.coord)
    inner = np.quantile(shown.coord[: 2**17], (0.005, 0.995), axis=0) - low
    cut = cut_height(shown.coord)
    inner[:, 2] = np.minimum(inner[:, 2], cut * extent[2])
    return {
        "name": shown.name,
        "total": shown.total,
        "shown": len(shown),
        "low": low.tolist(),
        "extent": extent.tolist(),
        "box": inner.tolist(),
        "spacing": spacing(shown.coord),
        "cut": cut,
        "classes": [
            {"label": each.label, "name": each.name, "color": list(each.color)} for each in shown.classes
        ],
        "unlabelled": list(UNLABELLED),
    }


def bounds(coord: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lowest corner [3] and edges [3] of the box around the points."""
    low = coord.min(0)
    return low, coord.max(0) - low


def spacing(coord: np.ndarray) -> float:
    """About how far points are apart on their surfaces, from the number of cells that they touch."""
    low, extent = bounds(coord)
    cell = float(np.linalg.norm(extent)) / CELLS
    if not cell:
        return 1.0
    cells = ((coord - low) / cell).astype(np.int64) @ np.array([1, 1000, 1_000_000])
    return float(cell * np.sqrt(len(np.unique(cells)) / len(coord)))


def cut_height(coord: np.ndarray) -> float:
    """Share of the height to show at first: below a ceiling where there is one, else 1."""
    low, extent = bounds(coord)
    if not extent.all():
        return 1.0
    plan = ((coord[:, :2] - low[:2]) / extent[:2].max() * 40).astype(np.int64) @ np.array([1, 1000])
    top = coord[:, 2] > low[2] + 0.85 * extent[2]
    return 0.8 if len(np.unique(plan[top])) > COVERED * len(np.unique(plan)) else 1.0


def _rows(shown: Shown, labels: np.ndarray | None) -> np.ndarray | None:
    if labels is None:
        return None
    known = np.array([each.label for each in shown.classes], dtype=np.int64)
    rows: np.ndarray = np.where(labels < 0, len(known), np.searchsorted(known, labels)).astype("<u2")
    return rows
