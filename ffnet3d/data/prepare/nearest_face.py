"""The triangle that is nearest to each point, by samples on the triangles and exact distances to a few.

A triangle carries samples by its area, so that a wall of two triangles is found as well as one of thousands.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ffnet3d.registry import require

SPACING = 0.05  # metres between the samples of a large triangle
FEW, MANY = 8, 64  # samples looked at around a point, and around one whose nearest triangle is not at hand
AT_HAND = 0.002  # metres
CHUNK = 1 << 15  # points at once

Array = NDArray[np.float64]
Index = NDArray[np.int64]


def nearest_faces(corners: Array, points: Array) -> tuple[Index, Array]:
    """Nearest triangle [N] of each point [N, 3], and the distance to it [N], both in metres.

    `corners` [F, 3, 3] holds at least one triangle, and none without an area. Looked at are those that own
    the nearest 8 samples (64 where none of these is within 2 mm); the first of several equally near is taken.
    """
    samples, owner = _samples(corners)
    tree = require("scipy.spatial", "train").cKDTree(samples)
    face = np.empty(len(points), np.int64)
    distance = np.empty(len(points))
    for start in range(0, len(points), CHUNK):
        part = slice(start, start + CHUNK)
        face[part], distance[part] = _among(tree, owner, corners, points[part], FEW)
        far = start + np.flatnonzero(distance[part] > AT_HAND)
        for begin in range(0, len(far), CHUNK * FEW // MANY):
            some = far[begin : begin + CHUNK * FEW // MANY]
            face[some], distance[some] = _among(tree, owner, corners, points[some], MANY)
    return face, distance


def _samples(corners: Array) -> tuple[Array, Index]:
    """Points [S, 3] on the triangles, the middle of each first, and their triangles [S]."""
    one, two = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    area = np.linalg.norm(np.cross(one, two), axis=1) / 2
    counts = 1 + np.ceil(area / SPACING**2).astype(np.int64)
    owner = np.repeat(np.arange(len(corners)), counts)
    number = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
    u = (number * 0.7548776662466927 + 1 / 3) % 1  # the R2 sequence spreads any number of points evenly
    v = (number * 0.5698402909980532 + 1 / 3) % 1
    outside = u + v > 1
    u[outside], v[outside] = 1 - u[outside], 1 - v[outside]
    return corners[owner, 0] + u[:, None] * one[owner] + v[:, None] * two[owner], owner


def _among(tree, owner: Index, corners: Array, points: Array, count: int) -> tuple[Index, Array]:  # type: ignore[no-untyped-def]
    """Nearest of the triangles with the nearest `count` samples, and its distance."""
    _, near = tree.query(points, k=np.arange(1, min(count, len(owner)) + 1))
    faces = np.sort(owner[near], axis=1)
    distance = triangle_distance(corners[faces], points[:, None])
    best = distance.argmin(axis=1)
    rows = np.arange(len(points))
    return faces[rows, best], distance[rows, best]


def triangle_distance(corners: Array, points: Array) -> Array:
    """Distance [...] of points [..., 3] to the triangles [..., 3, 3], which must not be degenerate."""
    inside, height = _above(corners, points)
    edges = np.stack(
        [_segment_distance(corners[..., k, :], corners[..., (k + 1) % 3, :], points) for k in range(3)]
    )
    distance: Array = np.where(inside, height, edges.min(axis=0))
    return distance


def _above(corners: Array, points: Array) -> tuple[NDArray[np.bool_], Array]:
    """Whether a point's foot on the plane lies in the triangle, and its distance to the plane."""
    one, two = corners[..., 1, :] - corners[..., 0, :], corners[..., 2, :] - corners[..., 0, :]
    offset = points - corners[..., 0, :]
    normal = np.cross(one, two)
    square = (normal * normal).sum(-1)
    u = (np.cross(offset, two) * normal).sum(-1) / square
    v = (np.cross(one, offset) * normal).sum(-1) / square
    return (u >= 0) & (v >= 0) & (u + v <= 1), np.abs((offset * normal).sum(-1)) / np.sqrt(square)


def _segment_distance(start: Array, end: Array, points: Array) -> Array:
    edge = end - start
    along = ((points - start) * edge).sum(-1) / (edge * edge).sum(-1)
    foot = start + np.clip(along, 0, 1)[..., None] * edge
    return np.asarray(np.linalg.norm(points - foot, axis=-1))
