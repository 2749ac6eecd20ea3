"""Made-up scans for the tests of reading and writing them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ffnet3d.data.formats.ply_write import write_ply


def room(size=(5.0, 4.0, 2.8), count=20_000, seed=0):
    """Points [count, 3] on floor, ceiling, walls, and a table top, by area; float64, metres."""
    rng = np.random.default_rng(seed)
    x, y, z = size
    faces = [
        (x * y, lambda u, v: (u * x, v * y, 0 * u)),
        (x * y * 0.3, lambda u, v: (u * x, v * y, 0 * u + z)),
        *[(x * z / 2, lambda u, v, w=w: (u * x, 0 * u + w, v * z)) for w in (0, y)],
        *[(y * z / 2, lambda u, v, w=w: (0 * u + w, u * y, v * z)) for w in (0, x)],
        (1.6, lambda u, v: (1 + 1.6 * u, 1 + v, 0 * u + 0.75)),
    ]
    areas = np.array([area for area, _ in faces])
    which = rng.choice(len(faces), count, p=areas / areas.sum())
    u, v = rng.random((2, count))
    parts = np.stack([np.stack(face(u, v), axis=1) for _, face in faces])
    return parts[which, np.arange(count)] + rng.normal(0, 0.003, (count, 3))


def building(size=(200.0, 60.0, 16.0), storeys=4, count=200_000, seed=0):
    """Points [count, 3] of a long building: floors, facades, walls every eight metres."""
    rng = np.random.default_rng(seed)
    points = rng.random((count, 3)) * size
    kind = rng.integers(0, 3, count)
    height = size[2] / storeys
    points[kind == 0, 2] = np.round(points[kind == 0, 2] / height) * height
    points[kind == 1, 0] = np.round(points[kind == 1, 0] / 8) * 8
    points[kind == 2, 1] = np.round(points[kind == 2, 1] / 8) * 8
    return points


def write_scan(file: Path, coord, color=None, normal=None, **more) -> Path:
    """A PLY file; coordinates in their own type."""
    columns = dict(zip("xyz", np.asarray(coord).T, strict=True))
    if color is not None:
        columns |= dict(zip(("red", "green", "blue"), np.asarray(color).T, strict=True))
    if normal is not None:
        columns |= dict(zip(("nx", "ny", "nz"), np.asarray(normal).T, strict=True))
    write_ply(file, {**columns, **more})
    return file
