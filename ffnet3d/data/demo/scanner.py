"""A depth sensor in the room: what it sees from a few positions, and how precisely."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ffnet3d.data.demo.style import Style
from ffnet3d.data.demo.surfaces import Array

BIN = np.radians(1.5)  # of the depth buffer, about the spacing of the samples two metres away
GRAZING = 0.08  # cosine below which a surface returns nothing


def depth_buffer(direction: Array, depth: Array) -> tuple[Array, NDArray[np.int64]]:
    """Least depth about the bin of each point, and the bin of each point.

    direction: [N, 3] unit; depth: [N] metres. The minimum is over the 3 x 3 bins about each, so that no
    ray slips between two samples of a near surface.
    """
    rows, columns = round(np.pi / BIN), round(2 * np.pi / BIN)
    row = np.minimum((np.arccos(np.clip(direction[:, 2], -1, 1)) / BIN).astype(np.int64), rows - 1)
    column = ((np.arctan2(direction[:, 1], direction[:, 0]) + np.pi) / BIN).astype(np.int64) % columns
    bins = row * columns + column
    nearest = np.full(rows * columns, np.inf)
    np.minimum.at(nearest, bins, depth)
    image = nearest.reshape(rows, columns)
    image = np.minimum(image, np.minimum(np.roll(image, 1, 1), np.roll(image, -1, 1)))
    padded = np.pad(image, ((1, 1), (0, 0)), mode="edge")
    return np.minimum(image, np.minimum(padded[:-2], padded[2:])).ravel(), bins


def returns(points: Array, normals: Array, position: Array) -> Array:
    """Strength [N] of what each point sends back to a scanner at `position` [3]; 0 where it is hidden.

    points, normals: [N, 3]. Hidden: turned away, seen at a grazing angle, or behind something nearer. A
    surface seen at a slant spans a range of depths within one bin, which the tolerance allows for.
    """
    ray = position - points
    depth = np.linalg.norm(ray, axis=1) + 1e-6
    cosine = (ray * normals).sum(1) / depth
    nearest, bins = depth_buffer(-ray / depth[:, None], depth)
    slant = np.sqrt(np.clip(1 - cosine**2, 0, 1)) / np.clip(cosine, GRAZING, None)
    tolerance = 0.03 + np.minimum(2 * BIN * depth * slant, 0.5)
    visible = (cosine > GRAZING) & (depth < nearest[bins] + tolerance)
    return np.where(visible, cosine / depth**2, 0.0)


def scan(
    points: Array, normals: Array, positions: Array, style: Style, rng: np.random.Generator
) -> tuple[NDArray[np.int64], Array, Array]:
    """Look at points and normals [N, 3] from positions [S, 3].

    Returns the indices [M] of the points that came back, and their noisy points and normals [M, 3]. Far and
    slanted surfaces come back sparser. Noise is along the ray; two points in a thousand are torn off an edge.
    """
    strength = np.stack([returns(points, normals, position) for position in positions])
    kept = np.flatnonzero(rng.random(len(points)) < 1 - np.exp(-60 * strength.sum(0)))
    ray = points[kept] - positions[strength[:, kept].argmax(0)]
    ray /= np.linalg.norm(ray, axis=1, keepdims=True) + 1e-6
    error = rng.normal(0, style.range_noise, len(kept))
    torn = rng.random(len(kept)) < 0.002
    error[torn] += rng.exponential(0.06, int(torn.sum()))
    noisy_normals = normals[kept] + rng.normal(0, style.normal_noise, (len(kept), 3))
    noisy_normals /= np.linalg.norm(noisy_normals, axis=1, keepdims=True)
    return kept, points[kept] + error[:, None] * ray, noisy_normals
