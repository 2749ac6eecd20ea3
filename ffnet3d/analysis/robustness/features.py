"""Corruptions of colours and normals. A scene that has none of them stays as it is.

The draws do not depend on the level: what a level changes, the higher ones change further.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ffnet3d.analysis.robustness.scene import Floats, PointScene

GREY = 127.5  # the middle of 0-255


def lose_color(scene: PointScene, share: float, rng: np.random.Generator) -> PointScene:
    """A `share` of the points, drawn uniformly, is mid-grey."""
    return scene if scene.color is None else replace(scene, color=overwrite(scene.color, share, GREY, rng))


def add_color_noise(scene: PointScene, sigma: float, rng: np.random.Generator) -> PointScene:
    """Gaussian noise of standard deviation `sigma` (of 255) on every channel, cut off at 0 and 255."""
    if scene.color is None:
        return scene
    noisy = scene.color + sigma * rng.standard_normal(scene.color.shape)
    return replace(scene, color=np.clip(noisy, 0, 255).astype(np.float32))


def lose_normals(scene: PointScene, share: float, rng: np.random.Generator) -> PointScene:
    """A `share` of the normals, drawn uniformly, is zero."""
    return scene if scene.normal is None else replace(scene, normal=overwrite(scene.normal, share, 0.0, rng))


def tilt_normals(scene: PointScene, sigma: float, rng: np.random.Generator) -> PointScene:
    """Each normal turned, to any side, by a Gaussian angle of standard deviation `sigma` degrees."""
    if scene.normal is None:
        return scene
    angle = np.radians(sigma) * rng.standard_normal((len(scene), 1))
    side = rng.uniform(0, 2 * np.pi, (len(scene), 1))
    normal = scene.normal.astype(np.float64)
    length = np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
    helper = np.eye(3)[np.abs(normal).argmin(axis=1)]  # never along the normal
    first = np.cross(normal, helper)
    first *= length / np.maximum(np.linalg.norm(first, axis=1, keepdims=True), 1e-12)
    second = np.cross(normal, first) / length
    tilted = np.cos(angle) * normal + np.sin(angle) * (np.cos(side) * first + np.sin(side) * second)
    return replace(scene, normal=tilted.astype(np.float32))


def overwrite(rows: Floats, share: float, value: float, rng: np.random.Generator) -> Floats:
    """A copy of `rows` [N, 3] with `value` in a `share` of them."""
    changed = rows.copy()
    changed[rng.permutation(len(rows))[: round(share * len(rows))]] = value
    return changed
