"""Rotation, scale, mirror, jitter. Normals turn and mirror with the coordinates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ffnet3d.data.registry import TRANSFORMS, Sample
from ffnet3d.data.transforms.arguments import (
    check_choice,
    check_interval,
    check_numbers,
    check_positive,
    check_probability,
)
from ffnet3d.data.transforms.points import box, coordinates, moved

AXES = ("x", "y", "z")


def rotation_matrix(axis: str, angle: float) -> NDArray[np.float64]:
    """R [3, 3] by which points turn as columns, R @ p: right-handed, `angle` in radians."""
    i = AXES.index(axis)
    j, k = (i + 1) % 3, (i + 2) % 3
    matrix = np.eye(3)
    matrix[j, j] = matrix[k, k] = np.cos(angle)
    matrix[k, j] = np.sin(angle)
    matrix[j, k] = -matrix[k, j]
    return matrix


def rotate(sample: Sample, axis: str, angle: float, center: Sequence[float] | None) -> Sample:
    """The sample turned by `angle` radians about `center` (None: the middle of its bounding box)."""
    turn = rotation_matrix(axis, angle).T
    middle = np.mean(box(sample), axis=0) if center is None else np.asarray(center, dtype=np.float64)
    rotated = moved(sample, (coordinates(sample) - middle) @ turn + middle)
    if "normal" in sample:
        rotated["normal"] = (sample["normal"] @ turn).astype(sample["normal"].dtype)
    return rotated


def _check_rotation(axis: str, center: Sequence[float] | None, p: float) -> None:
    check_choice("axis", axis, AXES)
    check_probability("p", p)
    if center is not None:
        check_numbers("center", center, 3)


@TRANSFORMS.register()
@dataclass(frozen=True)
class RandomRotate:
    """With probability `p`, a rotation about `axis` by an angle uniform in `angle`, in units of pi.

    It turns about `center`, by default the middle of the bounding box; `always_apply` means p = 1.
    """

    angle: Sequence[float] = (-1, 1)
    center: Sequence[float] | None = None
    axis: str = "z"
    always_apply: bool = False
    p: float = 0.5

    def __post_init__(self) -> None:
        check_interval("angle", self.angle)
        _check_rotation(self.axis, self.center, self.p)

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        if not self.always_apply and rng.random() >= self.p:
            return dict(sample)
        return rotate(sample, self.axis, rng.uniform(self.angle[0], self.angle[1]) * np.pi, self.center)


@TRANSFORMS.register()
@dataclass(frozen=True)
class RandomRotateTargetAngle:
    """With probability `p`, a rotation about `axis` by one of the angles in `angle`, in units of pi."""

    angle: Sequence[float] = (1 / 2, 1, 3 / 2)
    center: Sequence[float] | None = None
    axis: str = "z"
    always_apply: bool = False
    p: float = 0.75

    def __post_init__(self) -> None:
        if len(self.angle) == 0:
            raise ValueError("angle must hold at least one angle, got none")
        check_numbers("angle", self.angle, len(self.angle))
        _check_rotation(self.axis, self.center, self.p)

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        if not self.always_apply and rng.random() >= self.p:
            return dict(sample)
        return rotate(sample, self.axis, float(rng.choice(self.angle)) * np.pi, self.center)


@TRANSFORMS.register()
@dataclass(frozen=True)
class RandomScale:
    """Coordinates times a factor uniform in `scale`: one, or with `anisotropic` one for each axis.

    Normals stay as they are, as in Pointcept.
    """

    scale: Sequence[float] = (0.95, 1.05)
    anisotropic: bool = False

    def __post_init__(self) -> None:
        check_interval("scale", self.scale)
        check_positive("scale", self.scale[0])

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        factor = rng.uniform(self.scale[0], self.scale[1], size=3 if self.anisotropic else 1)
        return moved(sample, coordinates(sample) * factor)


@TRANSFORMS.register()
@dataclass(frozen=True)
class RandomFlip:
    """x, and independently y, mirrored about the origin, each with probability `p`.

    p = 1 mirrors both, which is the rotation by pi about z.
    """

    p: float = 0.5

    def __post_init__(self) -> None:
        check_probability("p", self.p)

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        sign = np.append(np.where(rng.random(2) < self.p, -1, 1), 1)
        flipped = moved(sample, coordinates(sample) * sign)
        if "normal" in sample:
            flipped["normal"] = (sample["normal"] * sign).astype(sample["normal"].dtype)
        return flipped


@TRANSFORMS.register()
@dataclass(frozen=True)
class RandomJitter:
    """Gaussian noise on each coordinate: standard deviation `sigma`, cut off at +-`clip`, both in metres."""

    sigma: float = 0.01
    clip: float = 0.05

    def __post_init__(self) -> None:
        check_positive("clip", self.clip)
        check_interval("sigma", (0, self.sigma))

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        coord = coordinates(sample)
        noise = rng.standard_normal(coord.shape, dtype=np.float32) * np.float32(self.sigma)
        return moved(sample, coord + np.clip(noise, -self.clip, self.clip))
