"""Triangles of a Wavefront OBJ file of any size: its text is read in pieces, and only numbers are kept.

Only `v` and `f` lines count; textures, normals, groups and materials are passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ffnet3d.registry import require

CHUNK = 1 << 24  # bytes of text in memory
OTHER_INDICES = re.compile(rb"/[^ \t\r\n]*")  # of texture and normal, as in 7/3/7

Vertices = NDArray[np.float64]
Faces = NDArray[np.int32]


def read_obj(file: Path) -> tuple[Vertices, Faces]:
    """Vertices [V, 3] and triangles [F, 3] (indices from 0); polygons become fans of triangles.

    ValueError naming the file for lines that cannot be read, and for vertices that it does not hold.
    """
    points: list[Vertices] = [np.empty((0, 3))]
    corners: list[Faces] = [np.empty((0, 3), np.int32)]
    for text, position in _chunks(file):
        lines = text.split(b"\n")
        try:
            points.append(_vertices([line for line in lines if line[:2] == b"v "]))
            corners.append(_triangles([line for line in lines if line[:2] == b"f "]))
        except ValueError as error:
            raise ValueError(f"{file}: no mesh can be read after byte {position}: {error}") from error
    vertices, faces = np.concatenate(points), np.concatenate(corners) - 1
    if len(faces) == 0:
        raise ValueError(f"{file}: a mesh without faces; is the file cut off?")
    if faces.min() < 0 or faces.max() >= len(vertices):
        wrong = faces.min() + 1 if faces.min() < 0 else faces.max() + 1
        raise ValueError(f"{file}: a face has vertex {wrong} of {len(vertices)}; is the file cut off?")
    return vertices, faces


def _chunks(file: Path) -> Iterator[tuple[bytes, int]]:
    """Whole lines of the file and the byte at which they begin, behind a progress bar."""
    position, size = 0, file.stat().st_size
    bar = require("tqdm", "train").tqdm(
        total=size, desc=str(file)[-40:], unit="B", unit_scale=True, disable=None
    )
    with file.open("rb") as stream, bar:
        while text := stream.read(CHUNK):
            text += stream.readline()
            yield text, position
            position += len(text)
            bar.update(len(text))


def _vertices(lines: list[bytes]) -> Vertices:
    """Points [V, 3]; colours behind the coordinates are passed over."""
    if not lines:
        return np.empty((0, 3))
    return np.loadtxt(lines, dtype=np.float64, comments=None, usecols=(1, 2, 3), ndmin=2)


def _triangles(lines: list[bytes]) -> Faces:
    """Vertices [F, 3] of each triangle, counted from 1."""
    if not lines:
        return np.empty((0, 3), np.int32)
    bare = OTHER_INDICES.sub(b"", b"\n".join(lines)).split(b"\n")
    sizes = np.array([len(line.split()) - 1 for line in bare])
    if sizes.min() < 3:
        raise ValueError(f"a face of {sizes.min()} vertices")
    polygons = [
        np.loadtxt(
            [bare[k] for k in np.flatnonzero(sizes == size)], np.int32, usecols=range(1, size + 1), ndmin=2
        )
        for size in np.unique(sizes)
    ]
    return np.concatenate([_fan(polygon) for polygon in polygons])


def _fan(corners: Faces) -> Faces:
    """Polygons [P, k] as triangles [P * (k - 2), 3] that share the first vertex."""
    return np.concatenate([corners[:, [0, k, k + 1]] for k in range(1, corners.shape[1] - 1)])
