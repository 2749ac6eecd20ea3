"""The mesh of a scan of ScanNet: places, colours and normals of its vertices."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ffnet3d.data.formats import Ply, read_ply
from ffnet3d.data.normals import estimate_normals
from ffnet3d.data.prepare.mesh_normals import vertex_normals


@dataclass(frozen=True)
class Mesh:
    """`coord` and `normal` float32 [N, 3], `color` uint8 [N, 3], and a line for each defect that was met."""

    arrays: dict[str, np.ndarray]
    defects: tuple[str, ...] = ()


def read_mesh(file: Path) -> Mesh:
    """Read a `_vh_clean_2.ply`; ValueError naming what is wrong with it."""
    ply = read_ply(file, only=("vertex", "face"))
    coord, color = _coordinates(ply), _colors(ply)
    normal = _normals(ply, coord)
    bare = ~normal.any(axis=1)
    defects: tuple[str, ...] = ()
    if bare.any():
        normal[bare] = estimate_normals(coord)[bare]
        defects = (f"{int(bare.sum())} vertices without faces, their normals are estimated",)
    return Mesh({"coord": coord, "color": color, "normal": normal.astype(np.float32)}, defects)


def _coordinates(ply: Ply) -> np.ndarray:
    """Vertices [N, 3] float32; none may be dropped, since results are told by their order."""
    coord = ply.stack("vertex", ("x", "y", "z")).astype(np.float32)
    if len(coord) == 0:
        raise ValueError(f"{ply.file}: a scan without vertices")
    bad = ~np.isfinite(coord).all(axis=1)
    if bad.any():
        first = int(bad.argmax())
        raise ValueError(
            f"{ply.file}: {int(bad.sum())} of {len(coord)} vertices are not finite (first: vertex {first}, "
            f"{coord[first].tolist()}); download the scan again"
        )
    return coord


def _colors(ply: Ply) -> np.ndarray:
    """Colours [N, 3] uint8."""
    colors = ply.stack("vertex", ("red", "green", "blue"))
    if colors.dtype.kind not in "iu" or colors.min() < 0 or colors.max() > 255:
        raise ValueError(
            f"{ply.file}: red, green and blue must be integers from 0 to 255, but are {colors.dtype} from "
            f"{colors.min()} to {colors.max()}; download the scan again"
        )
    return colors.astype(np.uint8)


def _normals(ply: Ply, coord: np.ndarray) -> np.ndarray:
    """Unit normals [N, 3] of the triangles around each vertex, 0 where there are none."""
    columns = ply.elements.get("face", {})
    faces = columns.get("vertex_indices", columns.get("vertex_index"))
    if faces is None or len(faces) == 0:
        return np.zeros((len(coord), 3))
    if not isinstance(faces, np.ndarray) or faces.shape[1:] != (3,):
        raise ValueError(f"{ply.file}: its faces must be triangles; download the scan again")
    try:
        return vertex_normals(coord, faces)
    except ValueError as error:
        raise ValueError(f"{ply.file}: {error}; download the scan again") from error
