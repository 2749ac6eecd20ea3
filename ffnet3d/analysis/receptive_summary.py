"""A network's receptive field over several sample voxels: what its curve, its table and its picture show."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ffnet3d.analysis.receptive_radius import Ball, Floats, RadialField

THRESHOLDS = (0.2, 0.3, 0.5, 0.99)
"""Shares of the contribution whose balls are measured."""


@dataclass(frozen=True)
class Spread:
    """Mean and standard deviation over sample voxels."""

    mean: float
    deviation: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """The spread of some values; the deviation of one is 0."""
        return cls(float(np.mean(values)), float(np.std(values)))


@dataclass(frozen=True)
class Sample:
    """What is kept of a sample voxel's field.

    Args:
        balls: one for each of `THRESHOLDS`.
        curve: [R] share of the contribution within each of `curve_radii`.
        reach: distance of the farthest voxel that contributes, voxels.
        share_reached: voxels of the scan that contribute, of all.
    """

    balls: tuple[Ball, ...]
    curve: Floats
    reach: float
    share_reached: float

    @classmethod
    def of(cls, field: RadialField) -> Sample:
        """What is kept of this one."""
        balls = tuple(field.ball(threshold) for threshold in THRESHOLDS)
        return cls(balls, field.within(curve_radii()), field.reach, field.share_reached)


@dataclass(frozen=True)
class Shown:
    """The field of one sample voxel on its scan: contributions [V] of the voxels [V, 3] to that in `row`."""

    contribution: Floats
    grid_coord: NDArray[np.int64]
    row: int


@dataclass(frozen=True)
class Receptive:
    """A network's receptive field.

    Args:
        name: of the network.
        grid_size: edge of a voxel, metres.
        samples: of the sample voxels, scan by scan.
        shown: the field of one of them.
    """

    name: str
    grid_size: float
    samples: tuple[Sample, ...]
    shown: Shown

    def spread(self, value: Callable[[Sample], float]) -> Spread:
        """The mean and deviation of a value over the samples."""
        return Spread.of([value(sample) for sample in self.samples])

    def ball(self, place: int, value: Callable[[Ball], float]) -> Spread:
        """The same of a value of the balls for `THRESHOLDS[place]`."""
        return self.spread(lambda sample: value(sample.balls[place]))

    @property
    def curves(self) -> Floats:
        """[S, R], see `Sample.curve`."""
        return np.stack([sample.curve for sample in self.samples])


def curve_radii() -> Floats:
    """Radii [R] of the curves, voxels: every distance that occurs up to 12, then evenly spread up to 4096."""
    return np.concatenate([np.sqrt(np.arange(145)), np.geomspace(12.05, 4096, 400)])
