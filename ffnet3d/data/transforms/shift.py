"""Where a scene lies: shifts, clipping, and the unit sphere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ffnet3d.data.registry import TRANSFORMS, Sample
from ffnet3d.data.transforms.arguments import check_interval, check_numbers
from ffnet3d.data.transforms.points import box, coordinates, extremes, moved


@TRANSFORMS.register()
@dataclass(frozen=True)
class CenterShift:
    """Centre of the bounding box to x = y = 0 and, with `apply_z`, its floor to z = 0."""

    apply_z: bool = True

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:  # noqa: ARG002
        coord = coordinates(sample)
        lower, upper = extremes(coord)
        shift = (lower + upper) / 2  # in the type of the coordinates, as in Pointcept: to the same last bit
        shift[2] = lower[2] if self.apply_z else 0
        return moved(sample, coord - shift)


@TRANSFORMS.register()
@dataclass(frozen=True)
class PositiveShift:
    """Lower corner of the bounding box to the origin."""

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:  # noqa: ARG002
        return moved(sample, coordinates(sample) - box(sample)[0])


@TRANSFORMS.register()
@dataclass(frozen=True)
class NormalizeCoord:
    """Centroid to the origin, farthest point to distance 1 (a single place stays at the origin)."""

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:  # noqa: ARG002
        coord = coordinates(sample).astype(np.float64)
        coord -= coord.mean(axis=0)
        radius = np.linalg.norm(coord, axis=1).max()
        return moved(sample, coord / radius if radius > 0 else coord)


@TRANSFORMS.register()
@dataclass(frozen=True)
class RandomShift:
    """One shift for the whole scene, uniform on each axis.

    `shift` holds for each axis an interval (low, high) in metres, or a number s for (-s, s).
    """

    shift: Sequence[Any] = ((-0.2, 0.2), (-0.2, 0.2), (0, 0))

    def __post_init__(self) -> None:
        if not isinstance(self.shift, Sequence) or len(self.shift) != 3:
            raise ValueError(f"shift must have three entries, one for each axis, got {self.shift!r}")
        for interval in self._intervals():
            check_interval("shift", interval)

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        low, high = np.array(self._intervals(), dtype=np.float64).T
        return moved(sample, coordinates(sample) + rng.uniform(low, high))

    def _intervals(self) -> list[Any]:
        return [s if isinstance(s, Sequence) else (-s, s) for s in self.shift]


@TRANSFORMS.register()
@dataclass(frozen=True)
class PointClip:
    """Points outside (x, y, z, x, y, z: lower corner, upper corner; metres) move to its surface."""

    point_cloud_range: Sequence[float] = (-80, -80, -3, 80, 80, 1)

    def __post_init__(self) -> None:
        check_numbers("point_cloud_range", self.point_cloud_range, 6)
        for low, high in zip(self.point_cloud_range[:3], self.point_cloud_range[3:], strict=True):
            check_interval("point_cloud_range", (low, high))

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:  # noqa: ARG002
        lower, upper = self.point_cloud_range[:3], self.point_cloud_range[3:]
        return moved(sample, np.clip(coordinates(sample), lower, upper))
