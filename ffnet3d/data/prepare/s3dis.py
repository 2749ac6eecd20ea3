"""S3DIS from its text files: `Area_N/ROOM/Annotations/CLASS_K.txt` to scene folders `Area_N/ROOM`.

The conventions are Pointcept's: points in the order of the files' sorted names, the class named by the file,
unknown classes (stairs) as clutter, the file's index as instance, rooms turned by their alignment angle.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from ffnet3d.data.normals import VERSION as ESTIMATOR
from ffnet3d.data.normals import estimate_normals
from ffnet3d.data.prepare.job import Prepared, SceneJob
from ffnet3d.data.prepare.places import check_source, check_target, claim
from ffnet3d.data.prepare.record import RECORDS
from ffnet3d.data.prepare.run import Say, Summary, prepare
from ffnet3d.data.prepare.s3dis_align import align, alignment_file, room_angle, rotation
from ffnet3d.data.prepare.s3dis_meshes import find_meshes, mesh_normals, store_meshes
from ffnet3d.data.prepare.s3dis_objects import annotation_files, read_objects

logger = logging.getLogger(__name__)

VERSION = 1  # raise when the arrays change
AREA = re.compile(r"Area_[1-6]")

NormalSource = Literal["estimated", "meshes", "none"]


def prepare_s3dis(
    source: Path,
    target: Path,
    *,
    aligned: bool = True,
    meshes: Path | None = None,
    normals: bool = True,
    workers: int = 1,
    say: Say = logger.info,
) -> Summary:
    """Prepare all rooms of `source`: Stanford3dDataset_v1.2, its aligned version, or the folder above.

    Args:
        source: holds folders `Area_N`; any of the six will do.
        target: root of the scene folders.
        aligned: turn each room by the angle in `Area_N_alignmentAngle.txt`, where there is such a file.
        meshes: root of the 2D-3D-S download; a point's normal is that of the nearest face of its mesh.
        normals: without meshes, whether they are estimated and written, or left out.
        workers: processes.
        say: told what will be done.

    Raises ValueError where `source` holds no areas, or `meshes` not those of its areas, and for a target that
    is not ours.
    """
    root = find_areas(source)
    check_target(source, target, "s3dis")
    jobs = list_rooms(root, aligned)
    kind = _normal_source(meshes, normals)
    stores: dict[str, Path] = {}
    if meshes:
        claim(target, "s3dis")
        files = {area: find_meshes(meshes, area) for area in sorted({job.split for job in jobs})}
        stores = {area: store_meshes(area, files[area], target / RECORDS / "meshes") for area in files}
        jobs = [replace(job, sources=(*job.sources, *files[job.split])) for job in jobs]
    return prepare(
        jobs,
        partial(make_room, aligned=aligned, normals=kind, stores=stores),
        target,
        dataset="s3dis",
        version=VERSION,
        options={"aligned": aligned, "normals": kind, "estimator": ESTIMATOR if kind == "estimated" else 0},
        workers=workers,
        say=say,
    )


def find_areas(source: Path) -> Path:
    """The folder that holds `Area_N`: `source`, or the one folder in it that does."""
    check_source(source, "name the unpacked Stanford3dDataset_v1.2", "Annotations")
    roots = [folder for folder in (source, *_folders(source)) if _areas(folder)]
    if not roots:
        raise ValueError(
            f"{source}: neither it nor a folder in it holds Area_1 to Area_6{_elsewhere(source)}"
        )
    if roots[0] != source and len(roots) > 1:
        raise ValueError(f"{source} holds several versions of S3DIS, name one: {', '.join(map(str, roots))}")
    return roots[0]


def _elsewhere(source: Path) -> str:
    """Where the areas are: above `source`, or two levels below; empty where they are nowhere near."""
    above = [
        path.parent for path in (source.absolute(), *source.absolute().parents) if AREA.fullmatch(path.name)
    ]
    below = [path.parent for path in sorted(source.glob("*/*/Area_[1-6]"))]
    return f": name {(above or below)[0]}" if above or below else ""


def list_rooms(root: Path, aligned: bool) -> list[SceneJob]:
    """A job for every room of every area, sorted; a room's sources are the files that count for it."""
    jobs = []
    for area in _areas(root):
        angles = [alignment_file(area)] if aligned and alignment_file(area).is_file() else []
        for room in _folders(area):
            files = (*annotation_files(room), *angles)
            name = f"{area.name}/{room.name}"
            jobs.append(SceneJob(name, area.name, Path(area.name, room.name), root, files))
    if not jobs:
        raise ValueError(f"{root}: its areas hold no rooms; was the download unpacked whole?")
    return jobs


def describe(source: Path, aligned: bool, meshes: Path | None, normals: bool) -> list[str]:
    """What the options mean for `source`: how the rooms of each area are turned, whence normals come."""
    kind = _normal_source(meshes, normals)
    turned = [_alignment(area, aligned) for area in _areas(find_areas(source))]
    if kind == "meshes":
        return [*turned, f"Normals: of the nearest face of the meshes in {meshes}"]
    how = (
        "estimated from the points, written"
        if normals
        else "not written; estimated when a room is first read"
    )
    return [*turned, f"Normals: {how}"]


def make_room(job: SceneJob, *, aligned: bool, normals: NormalSource, stores: Mapping[str, Path]) -> Prepared:
    """The arrays of a room; ValueError naming the file where it has no objects or a broken one."""
    objects, repairs = read_objects(job)
    coord = np.concatenate([one.points.coord for one in objects])
    normal = mesh_normals(stores[job.split], coord, _meshes(job)) if normals == "meshes" else None
    angles = alignment_file(job.source_root / job.split)
    if aligned and angles.is_file():
        angle = room_angle(angles, job.target.name)
        coord = align(coord, angle)
        normal = normal if normal is None else normal @ rotation(angle).T
    counts = [len(one.points.coord) for one in objects]
    arrays = {
        "coord": coord.astype(np.float32),
        "color": np.concatenate([one.points.color for one in objects]),
        "segment": np.repeat(np.array([[one.label] for one in objects], np.int16), counts, axis=0),
        "instance": np.repeat(np.array([[one.instance] for one in objects], np.int16), counts, axis=0),
    }
    if normals == "estimated":
        normal = estimate_normals(arrays["coord"])
    if normal is not None:
        arrays["normal"] = normal.astype(np.float32)
    return Prepared(arrays, repairs)


def _normal_source(meshes: Path | None, normals: bool) -> NormalSource:
    if meshes and not normals:
        raise ValueError("--meshes gives normals, --no-normals leaves them out: use one of them")
    return "meshes" if meshes else "estimated" if normals else "none"


def _alignment(area: Path, aligned: bool) -> str:
    if not alignment_file(area).is_file():
        return f"{area.name}: no {alignment_file(area).name}, points as they are"
    if not aligned:
        return f"{area.name}: not turned (--no-align)"
    return f"{area.name}: rooms turned by {alignment_file(area).name}"


def _meshes(job: SceneJob) -> str:
    return " and ".join(str(file) for file in job.sources if file.suffix == ".obj")


def _areas(root: Path) -> list[Path]:
    return [folder for folder in _folders(root) if AREA.fullmatch(folder.name)]


def _folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
