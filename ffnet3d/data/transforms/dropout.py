"""Points, colours and normals left out at random."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ffnet3d.data.registry import TRANSFORMS, Sample
from ffnet3d.data.transforms.arguments import check_probability
from ffnet3d.data.transforms.points import coordinates, select_points


@TRANSFORMS.register()
@dataclass(frozen=True)
class RandomDropout:
    """With probability `dropout_application_ratio`, only int(N * (1 - `dropout_ratio`)) points are kept.

    At least one is; they come in random order.
    """

    dropout_ratio: float = 0.2
    dropout_application_ratio: float = 0.5

    def __post_init__(self) -> None:
        check_probability("dropout_ratio", self.dropout_ratio)
        check_probability("dropout_application_ratio", self.dropout_application_ratio)

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        if rng.random() >= self.dropout_application_ratio:
            return dict(sample)
        total = len(coordinates(sample))
        return select_points(sample, _choice(total, max(1, int(total * (1 - self.dropout_ratio))), rng))


@dataclass(frozen=True)
class _DropValues:
    """With probability `drop_application_ratio`, int(N * `drop_ratio`) rows of a key become 0."""

    drop_ratio: float = 0.2
    drop_application_ratio: float = 0.5

    def __post_init__(self) -> None:
        check_probability("drop_ratio", self.drop_ratio)
        check_probability("drop_application_ratio", self.drop_application_ratio)

    def _drop(self, sample: Sample, key: str, rng: np.random.Generator) -> Sample:
        if key not in sample or rng.random() >= self.drop_application_ratio:
            return dict(sample)
        values = np.array(sample[key])
        values[_choice(len(values), int(len(values) * self.drop_ratio), rng)] = 0
        return {**sample, key: values}


@TRANSFORMS.register()
@dataclass(frozen=True)
class RandomDropColor(_DropValues):
    """With probability `drop_application_ratio`, int(N * `drop_ratio`) points turn black."""

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        return self._drop(sample, "color", rng)


@TRANSFORMS.register()
@dataclass(frozen=True)
class RandomDropNormal(_DropValues):
    """With probability `drop_application_ratio`, int(N * `drop_ratio`) normals become zero."""

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        return self._drop(sample, "normal", rng)


def _choice(total: int, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """`count` of the rows 0..total-1, in random order."""
    return rng.choice(total, count, replace=False)
