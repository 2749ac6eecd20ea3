"""Which columns of a file are shown as what, and their values as the page needs them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

LABEL = ("predicted_label", "label")
CONFIDENCE = ("predicted_confidence", "confidence")
TRUTH = ("segment", "segment20", "segment200")
LABEL_COLORS = (
    ("predicted_red", "predicted_green", "predicted_blue"),
    ("label_red", "label_green", "label_blue"),
)
INPUT_COLORS = ("original_red", "original_green", "original_blue")
"""Names that `ffnet3d segment` and scene folders give, compared without case; the first there counts."""


@dataclass(frozen=True)
class LabelColumns:
    """Columns of labels, their confidence and colours, the truth, and the colours of a painted scan.

    None where there is none; a scan that is not painted has its colours where every file has them.
    """

    label: str | None = None
    confidence: str | None = None
    truth: str | None = None
    label_colors: tuple[str, ...] | None = None
    input_colors: tuple[str, ...] | None = None


def find_labels(names: Iterable[str], num_classes: int | None = None) -> LabelColumns:
    """What the columns `names` of a file mean.

    Where `predicted_label` stands, `label` was there before and is the truth. Of several truths that of
    `num_classes` classes is taken, else the first.
    """
    spelt = {name.lower(): name for name in names}
    label = _first(spelt, LABEL)
    truths = TRUTH if label != spelt.get(LABEL[0]) else (LABEL[1], *TRUTH)
    own = f"segment{num_classes}"
    return LabelColumns(
        label=label,
        confidence=_first(spelt, CONFIDENCE) if label else None,
        truth=spelt.get(own) if own in TRUTH and own in spelt else _first(spelt, truths),
        label_colors=next((_all(spelt, colors) for colors in LABEL_COLORS if _all(spelt, colors)), None),
        input_colors=_all(spelt, INPUT_COLORS),
    )


def _first(spelt: Mapping[str, str], names: Iterable[str]) -> str | None:
    return next((spelt[name] for name in names if name in spelt), None)


def _all(spelt: Mapping[str, str], names: tuple[str, ...]) -> tuple[str, ...] | None:
    return tuple(spelt[name] for name in names) if spelt.keys() >= set(names) else None


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
