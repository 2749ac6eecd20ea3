"""The columns that a labelled scan has more than the scan."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ffnet3d.data.classes import palette
from ffnet3d.data.formats.cloud import Addition, Cloud, Column, Rows
from ffnet3d.segment.labels import Labels

GREY = (128, 128, 128)
"""The colour of points without a label."""

RGB = ("red", "green", "blue")


@dataclass(frozen=True)
class Paint:
    """Class colours in place of a scan's own.

    Args:
        cloud: the scan.
        names: of its columns of colours; None where it has none: `red`, `green` and `blue` are new.
        full: the value of a full red there.
    """

    cloud: Cloud
    names: tuple[str, str, str] | None
    full: float

    def dtypes(self) -> list[np.dtype]:
        """Types of the three columns."""
        own = {column.name: column.dtype for column in self.cloud.columns}
        return [own[name] for name in self.names] if self.names else [np.dtype("u1")] * 3


def label_columns(
    labels: Labels, num_classes: int, taken: Collection[str], paint: Paint | None = None
) -> Addition:
    """Columns `label`, `confidence` and `label_red`, `label_green`, `label_blue` of a scan's points.

    Where the scan has such a column (`taken`, case aside), ours are `predicted_label` and so on. `label` is
    int16, -1 where there is none; `confidence` float32; the colours are those of `palette`, uint8. With
    `paint`, the colours replace the scan's own, in their range and type, and those stay as `original_red`,
    `original_green` and `original_blue`.
    """
    label, confidence, *colors = label_names(taken)
    columns = [Column(label, np.dtype(np.int16)), Column(confidence, np.dtype(np.float32))]
    if paint is None:
        full, dtypes = 255.0, [np.dtype("u1")] * 3
    else:
        full, dtypes, colors = paint.full, paint.dtypes(), list(paint.names or RGB)
    columns += map(Column, colors, dtypes)
    originals = _originals(paint, taken)
    columns += [Column(name, dtype) for name, dtype in zip(originals, dtypes, strict=False)]
    table = class_colors(num_classes)
    source = RunReader(paint.cloud, paint.names) if paint and paint.names and originals else None

    def rows(start: int, stop: int) -> Rows:
        numbers = np.asarray(labels.label[start:stop], dtype=np.int16)
        run: Rows = {label: numbers, confidence: np.asarray(labels.confidence[start:stop], dtype=np.float32)}
        shown = table[numbers]
        for axis, (name, dtype) in enumerate(zip(colors, dtypes, strict=True)):
            run[name] = _in_range(shown[:, axis], full, dtype)
        if source is not None:
            run |= dict(zip(originals, source.read(start, stop), strict=True))
        return run

    return Addition(tuple(columns), rows)


def label_names(taken: Collection[str]) -> tuple[str, ...]:
    """Names of the columns of label, confidence, red, green and blue, beside those that are `taken`."""
    lower = {name.lower() for name in taken}
    label = "predicted_label" if "label" in lower else "label"
    confidence = "predicted_confidence" if "confidence" in lower else "confidence"
    prefix = "predicted" if any(f"label_{color}" in lower for color in RGB) else "label"
    return label, confidence, *(f"{prefix}_{color}" for color in RGB)


def class_colors(num_classes: int) -> NDArray[np.uint8]:
    """Colours [C + 1, 3] by label; the last, which is that of label -1, is grey."""
    return np.array([*palette(num_classes), GREY], dtype=np.uint8)


class RunReader:
    """Some columns of a cloud by runs of points, meant for runs that follow one another."""

    def __init__(self, cloud: Cloud, names: Sequence[str]) -> None:
        own = {column.name: column.dtype for column in cloud.columns}
        self.cloud = cloud
        self.names = names
        self._none: list[NDArray[np.generic]] = [np.zeros(0, own[name]) for name in names]
        self._chunks, self._start, self._held = cloud.chunks(), 0, self._none

    def read(self, start: int, stop: int) -> list[NDArray[np.generic]]:
        """The columns for the points start..stop - 1; earlier ones than the last time begin a new pass."""
        if start < self._start:
            self._chunks, self._start, self._held = self.cloud.chunks(), 0, self._none
        while self._start + len(self._held[0]) < stop and (chunk := next(self._chunks, None)) is not None:
            keep = slice(max(0, start - self._start), None)
            self._start += min(keep.start, len(self._held[0]))
            fresh = [chunk[name] for name in self.names]
            self._held = [
                np.concatenate([held[keep], new]) for held, new in zip(self._held, fresh, strict=True)
            ]
        return [held[start - self._start : stop - self._start] for held in self._held]


def _originals(paint: Paint | None, taken: Collection[str]) -> list[str]:
    """Names under which the scan's own colours stay; none where it has none, or was painted before."""
    names = [f"original_{color}" for color in RGB]
    if paint is None or paint.names is None or {name.lower() for name in taken} & set(names):
        return []
    return names


def _in_range(color: NDArray[np.uint8], full: float, dtype: np.dtype) -> NDArray[np.generic]:
    scaled = color * (full / 255)
    return (scaled if dtype.kind == "f" else np.rint(scaled)).astype(dtype)
