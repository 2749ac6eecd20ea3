"""Records of tested areas: what a test counts for each class, in Pointcept's `Area_x.pth`.

Records of areas add up, and the scores of a sum are those of all its points: the six areas of S3DIS so make
one score. Pointcept's own script (tools/test_s3dis_6fold.py) adds NumPy arrays, which torch.load refuses from
PyTorch 2.6 on: there it needs TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD=1 in its environment. No other form serves it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ffnet3d.atomic import write_atomic
from ffnet3d.engine.checkpoint import read_file
from ffnet3d.engine.metrics import Scores

COUNTS = ("intersection", "union", "target")
REMEDY = "test that area again, or copy its record again"


@dataclass(frozen=True, eq=False)
class Record:
    """Points of each class, int64 [C]: rightly predicted, predicted or true, true.

    Raises ValueError for arrays of other shapes, and for counts that no test can give.
    """

    intersection: np.ndarray
    union: np.ndarray
    target: np.ndarray

    def __post_init__(self) -> None:
        for name in COUNTS:
            object.__setattr__(self, name, as_counts(name, getattr(self, name)))
        shapes = {getattr(self, name).shape for name in COUNTS}
        if len(shapes) > 1:
            raise ValueError(f"intersection, union and target are of {sorted(shapes)}: they must be alike")
        self._check("intersection", self.intersection, "target", self.target)
        self._check("target", self.target, "union", self.union)

    @classmethod
    def from_confusion(cls, matrix: np.ndarray | torch.Tensor) -> Record:
        """Of a confusion matrix [C, C]: rows are the truth, columns the prediction."""
        counts = np.asarray(matrix)
        hits, target = counts.diagonal(), counts.sum(1)
        return cls(hits, target + counts.sum(0) - hits, target)

    def __add__(self, other: Record) -> Record:
        """The record of the points of both; ValueError for records of other classes."""
        if len(self.target) != len(other.target):
            raise ValueError(f"records of {len(self.target)} and {len(other.target)} classes do not add up")
        return Record(*(getattr(self, name) + getattr(other, name) for name in COUNTS))

    def scores(self) -> Scores:
        """The scores of the counted points; 0 where there are none."""
        return Scores.of_counts(*(torch.from_numpy(getattr(self, name)) for name in COUNTS))

    @staticmethod
    def _check(part: str, counts: np.ndarray, whole: str, limits: np.ndarray) -> None:
        above = np.flatnonzero(counts > limits)
        if len(above):
            where = above[0]
            raise ValueError(
                f"class {where} has {part} {counts[where]}, more than its {whole} of {limits[where]}"
            )


def sum_records(records: list[Record]) -> Record:
    """The record of all points of one or more records."""
    return reduce(Record.__add__, records)


def write_record(file: Path, record: Record) -> None:
    """Write a record as Pointcept does: a dict of three int64 arrays [C]."""
    counts = {name: getattr(record, name) for name in COUNTS}
    write_atomic(file, lambda stream: torch.save(counts, stream))


def read_record(file: Path) -> Record:
    """Read a record of this package or of Pointcept; nothing in the file is executed.

    Raises ValueError naming the file where it is none, or its counts cannot be.
    """
    if not file.is_file():
        raise ValueError(f"there is no record {file}")
    try:
        with torch.serialization.safe_globals(array_globals()):
            counts = read_file(file)
    except ValueError as error:
        raise ValueError(
            f"{file} is truncated, or holds more than the counts of an area: {REMEDY}"
        ) from error
    if not isinstance(counts, Mapping) or set(counts) != set(COUNTS):
        held = ", ".join(map(str, counts)) if isinstance(counts, Mapping) else type(counts).__name__
        raise ValueError(f"{file} holds {held or 'nothing'}, not {', '.join(COUNTS)}: {REMEDY}")
    try:
        return Record(**counts)
    except ValueError as error:
        raise ValueError(f"{file}: {error}: {REMEDY}") from error


def as_counts(name: str, values: Any) -> np.ndarray:
    """Values as int64 [C]; ValueError where they are no counts of classes."""
    array = np.asarray(values)
    if array.ndim != 1 or not len(array):
        raise ValueError(f"{name} is of {array.shape}, not one number for each class")
    if array.dtype.kind not in "iuf" or not np.all(np.isfinite(array)) or np.any(array != np.floor(array)):
        raise ValueError(f"{name} holds values that are no whole numbers")
    if np.any(array < 0):
        raise ValueError(f"{name} holds the negative count {array.min()}")
    return array.astype(np.int64)


def array_globals() -> list[Any]:
    """What a pickled array of numbers names, in NumPy 1 and 2."""
    kinds = [type(np.dtype(kind)) for kind in ("int32", "int64", "float32", "float64")]
    return [np.ndarray, np.dtype, *kinds, *map(_reconstruct, ("numpy.core", "numpy._core"))]


def _reconstruct(package: str) -> Callable[..., Any]:
    """NumPy's maker of unpickled arrays, by the name that it has in that package."""
    maker: Any = np.zeros(0).__reduce__()[0]

    def stand_in(*arguments: Any) -> Any:
        return maker(*arguments)

    stand_in.__module__ = f"{package}.multiarray"
    stand_in.__name__ = stand_in.__qualname__ = "_reconstruct"
    return stand_in
