"""Normals of S3DIS from the meshes of 2D-3D-S (`area_N/3d/rgb.obj` of the noXYZ download).

The text of a mesh is read once, and its triangles are kept in a binary file, from which each room takes those
in its box: memory holds one mesh while it is read, and then a room for each process.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ffnet3d.atomic import write_atomic
from ffnet3d.data.prepare.nearest_face import nearest_faces
from ffnet3d.data.prepare.obj_mesh import read_obj

Array = NDArray[np.float64]

PARTS = {"Area_5": ("Area_5a", "Area_5b")}  # scanned in two parts
UPRIGHT = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]])  # a mesh has y up, the points have z up
TURN_5B = np.array([[0, 0, -1], [0, 1, 0], [1, 0, 0]])  # 5b into the frame of 5a, as Pointcept has it
SHIFT_5B = np.array([-4.09703582, 0.0, -6.22617759])
STORED = np.dtype("<f4")
CHUNK = 1 << 18  # triangles in memory
MARGIN = 0.1  # metres around a room
MAX_MEDIAN = 0.05  # metres: the points were sampled on the mesh
REMEDY = (
    "--meshes needs the points of Stanford3dDataset_v1.2 (those of the aligned version are turned), and the "
    "mesh of the same area"
)


def find_meshes(root: Path, area: str) -> tuple[Path, ...]:
    """The files of an area's mesh below `root`; ValueError naming what is not there."""
    folders = {path.name.lower(): path for path in root.iterdir()} if root.is_dir() else {}
    names = PARTS.get(area, (area,))
    files = tuple(folders.get(name.lower(), root / name) / "3d" / "rgb.obj" for name in names)
    for file in files:
        if not file.is_file():
            raise ValueError(
                f"{file}: no such mesh; --meshes takes the folder of 2D-3D-S (noXYZ) that holds "
                f"{names[0].lower()}, and without it normals are estimated"
            )
    return files


def store_meshes(area: str, files: tuple[Path, ...], folder: Path) -> Path:
    """Keep the triangles of an area, z up, in one file of `folder`; one of the same meshes is kept."""
    stats = [(file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    store = folder / f"{area}-{hashlib.sha256(repr(stats).encode()).hexdigest()[:12]}.triangles"
    if not store.is_file():
        pieces = _upright(area, files)
        write_atomic(store, lambda stream: [stream.write(piece.tobytes()) for piece in pieces])
    return store


def mesh_normals(store: Path, coord: Array, named: str) -> Array:
    """Unit normals [N, 3] of points [N, 3] in metres: each that of the nearest triangle.

    Triangles are those with all corners in the points' box and 10 cm around it. ValueError where there are
    none, or where they do not lie on the points; it calls the mesh `named`.
    """
    corners = _in_box(store, coord.min(axis=0) - MARGIN, coord.max(axis=0) + MARGIN)
    if len(corners) == 0:
        raise ValueError(f"{named}: no part of the mesh lies in this room: {REMEDY}")
    face, distance = nearest_faces(corners, coord)
    if (median := float(np.median(distance))) > MAX_MEDIAN:
        raise ValueError(f"{named}: half of the points are over {median:.2f} m from the mesh: {REMEDY}")
    normal = _cross(corners)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    return np.asarray(normal[face])


def _upright(area: str, files: tuple[Path, ...]) -> Iterator[NDArray[np.float32]]:
    """Triangles [F, 3, 3] of the meshes in the frame of the points, in pieces."""
    for part, file in enumerate(files):
        vertices, faces = read_obj(file)
        if area in PARTS and part == 1:
            vertices = vertices @ TURN_5B.T + SHIFT_5B
        vertices = vertices @ UPRIGHT.T
        for start in range(0, len(faces), CHUNK):
            yield vertices[faces[start : start + CHUNK]].astype(STORED)


def _in_box(store: Path, low: Array, high: Array) -> Array:
    """Triangles [F, 3, 3] of the store that have an area and lie in the box."""
    triangles = np.memmap(store, dtype=STORED, mode="r").reshape(-1, 3, 3)
    found = []
    for start in range(0, len(triangles), CHUNK):
        some = triangles[start : start + CHUNK]
        inside = ((some >= low) & (some <= high)).all(axis=(1, 2))
        found.append(some[inside].astype(np.float64))
    corners = np.concatenate(found)
    return np.asarray(corners[(_cross(corners) ** 2).sum(axis=1) > 0])


def _cross(corners: Array) -> Array:
    return np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
