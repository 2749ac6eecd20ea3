"""Which columns of a file are shown as what, and their values as the page needs them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

PREDICTED = ("predicted_label", "predicted_confidence")
PLAIN = ("label", "confidence")
TRUTH = ("segment", "segment20", "segment200")


@dataclass(frozen=True)
class LabelColumns:
    """Names of the columns of labels, of their confidence, and of the truth; None where there is none."""

    label: str | None
    confidence: str | None
    truth: str | None


def find_labels(names: Collection[str], num_classes: int | None = None) -> LabelColumns:
    """What the columns `names` of a file mean, as `ffnet3d segment` and scene folders name them.

    Where `predicted_label` stands, `label` was there before and is the truth. Of several truths that of
    `num_classes` classes is taken, else the first.
    """
    label, confidence = PREDICTED if PREDICTED[0] in names else PLAIN
    truths = [name for name in TRUTH if name in names]
    if label == PREDICTED[0] and PLAIN[0] in names:
        truths.insert(0, PLAIN[0])
    if (own := f"segment{num_classes}") in truths:
        truths = [own]
    return LabelColumns(
        label=label if label in names else None,
        confidence=confidence if label in names and confidence in names else None,
        truth=truths[0] if truths else None,
    )


def as_labels(values: np.ndarray, what: str) -> np.ndarray:
    """Labels int32 [N]: -1 where the value is negative, or the highest of an unsigned type, or no number.

    ValueError naming `what` where other values are no labels.
    """
    if values.dtype.kind == "b":
        values = values.astype(np.uint8)
    if values.dtype.kind not in "iuf":
        raise ValueError(f"{what}: labels must be integers, got {values.dtype}")
    if values.dtype.kind == "f":
        values = np.where(np.isnan(values), -1, values)
        if (values != np.floor(values)).any():
            odd = values[values != np.floor(values)][0]
            raise ValueError(f"{what}: labels must be integers, got {odd:g}")
    none = values < 0
    if values.dtype.kind == "u":
        none = none | (values == np.iinfo(values.dtype).max)
    highest = values[~none].max(initial=0)
    if highest > np.iinfo(np.int32).max:
        raise ValueError(f"{what}: {highest:g} is too large for a label")
    return np.where(none, -1, np.where(none, 0, values).astype(np.int32))


def as_colors(values: np.ndarray) -> np.ndarray:
    """Colours uint8 [N, 3] of those in 0..1 (floating point), 0..255, or 16 bits; black where no number."""
    highest = np.nanmax(values, initial=0)
    scale = 255.0 if values.dtype.kind == "f" and highest <= 1 else 1.0
    if highest > 255:
        scale = 1 / 257  # 65535 -> 255
    colors: np.ndarray = np.clip(np.rint(np.nan_to_num(values) * scale), 0, 255).astype(np.uint8)
    return colors


def as_shares(values: np.ndarray) -> np.ndarray:
    """Confidences as uint8 [N]: 0..1 becomes 0..255; 0 where no number."""
    return np.rint(np.clip(np.nan_to_num(values.astype(np.float64)), 0, 1) * 255).astype(np.uint8)
