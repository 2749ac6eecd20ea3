"""Corruptions of coordinates: noise, rotation, scale. Every point keeps its place in the list.

Each takes a scene, its level and a generator, whose draws do not depend on the level: a higher one goes
further the same way.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ffnet3d.analysis.robustness.scene import PointScene


def add_noise(scene: PointScene, sigma: float, rng: np.random.Generator) -> PointScene:
    """Gaussian noise of standard deviation `sigma` metres on every coordinate."""
    noise = sigma * rng.standard_normal(scene.coord.shape)
    return replace(scene, coord=(scene.coord + noise).astype(np.float32))


def rotate_upright(scene: PointScene, degrees: float, rng: np.random.Generator) -> PointScene:  # noqa: ARG001
    """A turn about the vertical, counter-clockwise seen from above."""
    return rotate(scene, rotation_about(np.array([0.0, 0.0, 1.0]), degrees))


def rotate_freely(scene: PointScene, degrees: float, rng: np.random.Generator) -> PointScene:
    """A turn about an axis that is drawn from all directions alike."""
    return rotate(scene, rotation_about(rng.standard_normal(3), degrees))


def rotate(scene: PointScene, rotation: NDArray[np.float64]) -> PointScene:
    """The scene turned by `rotation` [3, 3] about the middle of its box, normals along with it."""
    middle = np.mean(scene.box(), axis=0)
    coord = (scene.coord - middle) @ rotation.T + middle
    normal = None if scene.normal is None else (scene.normal @ rotation.T).astype(np.float32)
    return replace(scene, coord=coord.astype(np.float32), normal=normal)


def rotation_about(axis: NDArray[np.float64], degrees: float) -> NDArray[np.float64]:
    """R [3, 3] by which points turn as columns about `axis` [3], right-handed (Rodrigues)."""
    x, y, z = axis / np.linalg.norm(axis)
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    angle = np.radians(degrees)
    rotation: NDArray[np.float64] = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    return rotation


def enlarge(scene: PointScene, factor: float, rng: np.random.Generator) -> PointScene:  # noqa: ARG001
    """The scene `factor` times as large, about the middle of its box."""
    middle = np.mean(scene.box(), axis=0)
    return replace(scene, coord=((scene.coord - middle) * factor + middle).astype(np.float32))
