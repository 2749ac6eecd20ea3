"""Normals for scans that have none: local plane fits, turned to the side that is seen from the room.

Measured on a ScanNet mesh (81,000 vertices) against its own vertex normals, where the plane fits: 93 % lie on
the right side, with 86 % for the plain rule "towards the middle of the room".
"""

from __future__ import annotations

import hashlib
import logging
import math
import os
import tempfile
from pathlib import Path

import numpy as np

from ffnet3d.registry import require
from ffnet3d.voxels.voxelize import voxelize

logger = logging.getLogger(__name__)

GRID_SIZE = 0.02  # metres: finer than this, sensor noise hides the surface
EYE_HEIGHT = 1.5  # metres above the floor
FLOOR_CELL = 0.25  # metres: side of the cells that are free to stand in or not
MAX_SCANNERS = 32
BEAM = math.radians(3.0)  # width of a virtual scanner's beam
CHUNK = 65536
VERSION = 1  # raise when the result changes: it is part of the cache's key


def cached_normals(coord: np.ndarray, cache_root: str | Path | None = None) -> np.ndarray:
    """`estimate_normals(coord)`, kept in a file of `cache_root/normals` named by a hash of the points.

    They are stored, and also returned the first time, with float16's precision: a run does not depend on
    whether its cache was warm. An unreadable file is made again; a folder that cannot be written is reported
    in the log.
    """
    digest = hashlib.blake2b(np.ascontiguousarray(coord, dtype=np.float32).tobytes(), digest_size=16)
    file = cache_folder(cache_root) / f"{digest.hexdigest()}-v{VERSION}.npy"
    normal = _read_cache(file, len(coord))
    if normal is None:
        normal = estimate_normals(coord).astype(np.float16)
        _write_cache(file, normal)
    return normal.astype(np.float32)


def estimate_normals(coord: np.ndarray, neighbors: int = 16) -> np.ndarray:
    """Unit normals [N, 3] float32 of points [N, 3] in metres (z up), oriented to the inside of the room.

    The cloud is first thinned to one mean point per 2 cm voxel, so that dense scans and repeated points do no
    harm; each voxel's normal is the direction of least variance among its nearest `neighbors` voxels. Where
    fewer than three voxels exist, or all coincide, the normal is (0, 0, 1). ValueError for non-finite points.
    """
    if len(coord) == 0:
        return np.zeros((0, 3), dtype=np.float32)
    voxels = voxelize(coord, GRID_SIZE)
    points = voxels.means(coord)
    if len(points) < 3:
        normal = np.tile(np.array([0.0, 0.0, 1.0]), (len(points), 1))
    else:
        normal = _orient(_plane_normals(points, min(neighbors, len(points))), points)
    return normal[voxels.inverse].astype(np.float32)


def _plane_normals(points: np.ndarray, neighbors: int) -> np.ndarray:
    """Eigenvector of the smallest eigenvalue of each neighbourhood's covariance, [V, 3] float64."""
    tree = require("scipy.spatial", "train").cKDTree(points)
    normal = np.empty_like(points)
    for start in range(0, len(points), CHUNK):
        _, index = tree.query(points[start : start + CHUNK], k=neighbors)
        local = points[index]
        local -= local.mean(axis=1, keepdims=True)
        _, vectors = np.linalg.eigh(local.transpose(0, 2, 1) @ local)
        normal[start : start + CHUNK] = vectors[:, :, 0]
    return normal


def _orient(normal: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Turn each normal [V, 3] to the side from which the points [V, 3] are seen by virtual scanners.

    The scanners stand on the free places of the floor plan, at eye height. A point that several see takes
    their vote, weighted by the cosine of incidence and inversely by distance; one that none sees faces the
    nearest.
    """
    scanners = _scanners(points)
    _, nearest = require("scipy.spatial", "train").cKDTree(scanners[:, :2]).query(points[:, :2])
    facing = _cosine(normal, scanners[nearest] - points)
    votes = np.zeros(len(points))
    for scanner in scanners[_spread(scanners, MAX_SCANNERS)]:
        ray = scanner - points
        distance = np.maximum(np.linalg.norm(ray, axis=1), 1e-6)
        votes += _visible(ray, distance) * _cosine(normal, ray) / np.maximum(distance, 0.5)
    side = np.where(votes != 0, votes, facing)
    oriented: np.ndarray = np.where(side < 0, -1.0, 1.0)[:, None] * normal
    return oriented


def _scanners(points: np.ndarray) -> np.ndarray:
    """Places [S, 3] where a person could stand, at eye height.

    Free places are cells of the floor plan with points on the floor and none between knee and head.
    Without one (an object, a scan without floor) there is one place, above the middle of the cloud.
    """
    low = points[:, :2].min(axis=0)
    floor, top = np.percentile(points[:, 2], [1, 99])
    plan = np.floor((points[:, :2] - low) / FLOOR_CELL).astype(np.int64)
    rows = plan[:, 1].max() + 1
    cell = plan[:, 0] * rows + plan[:, 1]
    height = points[:, 2] - floor
    free = np.setdiff1d(cell[height < 0.15], cell[(height > 0.3) & (height < 1.9)])
    if len(free) == 0 or top - floor < 0.5:
        return np.append(np.median(points[:, :2], axis=0), top + EYE_HEIGHT)[None]
    places = (np.stack(np.divmod(free, rows), axis=1) + 0.5) * FLOOR_CELL + low
    return np.column_stack([places, np.full(len(places), floor + min(EYE_HEIGHT, 0.6 * (top - floor)))])


def _spread(places: np.ndarray, count: int) -> np.ndarray:
    """Indices of up to `count` places, each the farthest from those before it."""
    chosen = [0]
    distance = np.linalg.norm(places - places[0], axis=1)
    while len(chosen) < min(count, len(places)):
        chosen.append(int(distance.argmax()))
        distance = np.minimum(distance, np.linalg.norm(places - places[chosen[-1]], axis=1))
    return np.array(chosen)


def _visible(ray: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """Which points no nearer one hides from a scanner, by a depth buffer over directions; bool [V]."""
    azimuth = (np.arctan2(ray[:, 1], ray[:, 0]) + np.pi) / BEAM
    elevation = (np.arcsin(np.clip(ray[:, 2] / distance, -1, 1)) + np.pi / 2) / BEAM
    pixel = azimuth.astype(np.int64) * int(np.pi / BEAM + 2) + elevation.astype(np.int64)
    depth = np.full(pixel.max() + 1, np.inf)
    np.minimum.at(depth, pixel, distance)
    visible: np.ndarray = distance < 1.02 * depth[pixel] + 0.05
    return visible


def _cosine(normal: np.ndarray, ray: np.ndarray) -> np.ndarray:
    cosine: np.ndarray = np.einsum("ij,ij->i", normal, ray) / np.maximum(np.linalg.norm(ray, axis=1), 1e-6)
    return cosine


def cache_folder(cache_root: str | Path | None) -> Path:
    """Where estimated normals are kept: under `cache_root`, $FFNET3D_CACHE, or ~/.cache/ffnet3d."""
    root = cache_root or os.environ.get("FFNET3D_CACHE") or Path.home() / ".cache" / "ffnet3d"
    return Path(root).expanduser() / "normals"


def _read_cache(file: Path, num_points: int) -> np.ndarray | None:
    if not file.is_file():
        return None
    try:
        normal = np.load(file, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        logger.warning("cached normals %s cannot be read (%s): estimating them again", file, error)
        return None
    return normal if normal.shape == (num_points, 3) and normal.dtype == np.float16 else None


def _write_cache(file: Path, normal: np.ndarray) -> None:
    """Write by a temporary name, since several processes may make the same file."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=file.parent, suffix=".tmp")
        try:
            with os.fdopen(handle, "wb") as stream:
                np.save(stream, normal)
            os.replace(name, file)
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        logger.warning("normals cannot be cached (%s): they are estimated again next time", error)
