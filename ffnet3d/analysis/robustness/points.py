"""Corruptions that take points away or add some. Labels stay with their points, which keep their order.

The draws do not depend on the level: what a level takes away, the higher ones take away too.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ffnet3d.analysis.robustness.scene import Floats, PointScene

HOLE_RADIUS = 0.5  # metres
SCANNER_HEIGHT = 1.5  # metres above the lowest point, at most the middle of the box


def drop_points(scene: PointScene, share: float, rng: np.random.Generator) -> PointScene:
    """The scene without a `share` of its points, drawn uniformly; one stays in any case."""
    kept = max(1, len(scene) - round(share * len(scene)))
    return scene.take(np.sort(rng.permutation(len(scene))[:kept]))


def thin_by_distance(scene: PointScene, radius: float, rng: np.random.Generator) -> PointScene:
    """Thinned as by a scanner: a point at distance d stays with probability min(1, (radius / d)^2).

    The scanner stands in the middle half of the floor plan; `radius` is in metres. One point stays in any
    case.
    """
    lower, upper = scene.box()
    place = lower + (upper - lower) * np.array([*rng.uniform(0.25, 0.75, 2), 0.5])
    place[2] = min(place[2], lower[2] + SCANNER_HEIGHT)
    distance = np.linalg.norm(scene.coord - place, axis=1)
    reach = distance * np.sqrt(rng.random(len(scene)))  # within the radius with the probability above
    return scene.take(np.flatnonzero(reach <= max(radius, reach.min())))


def cut_holes(scene: PointScene, share: float, rng: np.random.Generator) -> PointScene:
    """The scene without a `share` of its points, all of them from balls of `HOLE_RADIUS`; one stays.

    The balls lie about points that are drawn from those still there. The last ball ends where the share is
    reached.
    """
    lost = np.zeros(len(scene), dtype=bool)
    missing = min(len(scene) - 1, round(share * len(scene)))
    centers = iter(rng.permutation(len(scene)))
    while missing > 0:
        center = next(centers)
        if not lost[center]:
            rows = hole(scene.coord, lost, center)[:missing]
            lost[rows] = True
            missing -= len(rows)
    return scene.take(np.flatnonzero(~lost))


def hole(coord: Floats, lost: NDArray[np.bool_], center: int) -> NDArray[np.int64]:
    """Rows of the points within `HOLE_RADIUS` of point `center` that are not lost, nearest first."""
    rows = np.flatnonzero(~lost)
    distance = np.linalg.norm(coord[rows] - coord[center], axis=1)
    inside = distance <= HOLE_RADIUS
    order = np.argsort(distance[inside], kind="stable")
    nearest: NDArray[np.int64] = rows[inside][order]
    return nearest


def add_outliers(scene: PointScene, share: float, rng: np.random.Generator) -> PointScene:
    """The scene, and `share` times as many points again, uniform in its box, behind it in the list.

    They have random colours and normals, and the label `ignore_index`.
    """
    draws = rng.random((round(share * len(scene)), 8))  # a row a point: fewer points are the first of more
    lower, upper = scene.box()
    coord = (lower + draws[:, :3] * (upper - lower)).astype(np.float32)
    labels = np.full(len(draws), scene.ignore_index, dtype=scene.segment.dtype)
    return replace(
        scene,
        coord=np.concatenate([scene.coord, coord]),
        color=behind(scene.color, 255 * draws[:, 3:6]),
        normal=behind(scene.normal, directions(draws[:, 6:])),
        segment=np.concatenate([scene.segment, labels]),
    )


def behind(rows: Floats | None, more: NDArray[np.float64]) -> Floats | None:
    """`rows` [N, 3] and then `more` [M, 3]; None where the scene has no such rows."""
    return None if rows is None else np.concatenate([rows, more.astype(np.float32)])


def directions(draws: NDArray[np.float64]) -> NDArray[np.float64]:
    """Unit vectors [M, 3], uniform on the sphere where `draws` [M, 2] are uniform in 0..1."""
    height, angle = 2 * draws[:, 0] - 1, 2 * np.pi * draws[:, 1]
    width = np.sqrt(1 - height**2)
    return np.stack([width * np.cos(angle), width * np.sin(angle), height], axis=1)
