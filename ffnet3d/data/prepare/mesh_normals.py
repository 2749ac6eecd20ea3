"""Normals of the vertices of a triangle mesh."""

from __future__ import annotations

import numpy as np


def vertex_normals(coord: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Unit normals [N, 3] float64 of vertices [N, 3]: the mean of their triangles' [F, 3], weighted by area.

    They are 0 at vertices without a triangle, or whose triangles cancel out. ValueError for corners that are
    no vertices.
    """
    outside = (faces < 0) | (faces >= len(coord))
    if outside.any():
        face = int(outside.any(axis=1).argmax())
        raise ValueError(
            f"face {face} has the corners {faces[face].tolist()}, but there are {len(coord)} vertices"
        )
    corners = coord.astype(np.float64)[faces]
    doubled = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])  # 2 area times normal
    at, shares = faces.reshape(-1), np.repeat(doubled, 3, axis=0)
    sums = [np.bincount(at, weights=shares[:, axis], minlength=len(coord)) for axis in range(3)]
    normal = np.stack(sums, axis=1)
    length = np.linalg.norm(normal, axis=1, keepdims=True)
    unit: np.ndarray = np.divide(normal, length, out=np.zeros_like(normal), where=length > 0)
    return unit
