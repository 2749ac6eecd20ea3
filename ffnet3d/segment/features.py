"""Features of voxels: the means over their points of what the network was trained on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ffnet3d.data.normals import estimate_normals
from ffnet3d.segment.points import Points
from ffnet3d.segment.recipe import Recipe
from ffnet3d.voxels.voxelize import Voxels

ROOM_COLOR = (124, 112, 98)
"""The colour of points that have none, 0-255: the mean of 18 scans of ScanNet.

`docs/scans.md` compares it with others.
"""


def voxel_features(points: Points, voxels: Voxels, recipe: Recipe) -> NDArray[np.float32]:
    """The network's input [V, in_channels] for the voxels of some points, see `Recipe`.

    Points without colours get `ROOM_COLOR`, normals that they lack are estimated.
    """
    parts = {"color": _colors, "normal": _normals, "coord": _coordinates}
    return np.concatenate([parts[name](points, voxels, recipe) for name in recipe.features], axis=1)


def voxel_means(values: NDArray[np.generic], voxels: Voxels) -> NDArray[np.float32]:
    """Mean of the rows of `values` [N, C] in each voxel, [V, C]."""
    return voxels.means(values).astype(np.float32)


def _colors(points: Points, voxels: Voxels, recipe: Recipe) -> NDArray[np.float32]:
    if points.color is None:
        color = np.tile(np.array(ROOM_COLOR, dtype=np.float32), (len(voxels.counts), 1))
    else:
        color = voxel_means(points.color, voxels)
    return color / np.float32(127.5) - 1 if recipe.symmetric_color else color / np.float32(255)


def _normals(points: Points, voxels: Voxels, recipe: Recipe) -> NDArray[np.float32]:  # noqa: ARG001
    normal = estimate_normals(points.coord) if points.normal is None else points.normal
    return voxel_means(normal, voxels)


def _coordinates(points: Points, voxels: Voxels, recipe: Recipe) -> NDArray[np.float32]:  # noqa: ARG001
    """As CenterShift leaves them: x and y from the middle of the bounding box, z from its floor."""
    low, high = points.coord.min(axis=0), points.coord.max(axis=0)
    origin = (low + high) / 2
    origin[2] = low[2]
    return voxel_means(points.coord - origin, voxels)
