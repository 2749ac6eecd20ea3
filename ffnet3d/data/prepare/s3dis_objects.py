"""The objects of an S3DIS room: which files they are, what class each is of, and which are left out."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ffnet3d.data.classes import S3DIS13
from ffnet3d.data.prepare.job import SceneJob
from ffnet3d.data.prepare.s3dis_text import TextPoints, read_points

CLUTTER = S3DIS13.index("clutter")
MISSPELT = 0.8  # likeness to a class, as difflib measures it


@dataclass(frozen=True)
class RoomObject:
    """One object of a room: its file's name, points, class, and the file's index among those of the room."""

    name: str
    points: TextPoints
    label: int
    instance: int


def annotation_files(room: Path) -> tuple[Path, ...]:
    """The files of a room's objects, sorted by name; none where it has no `Annotations` folder."""
    return tuple(path for path in _entries(room) if _is_object(path))


def read_objects(job: SceneJob) -> tuple[list[RoomObject], tuple[str, ...]]:
    """All objects of a room that have points, and what was repaired; ValueError where there are none."""
    room = job.source_root / job.target
    others = [path for path in _entries(room) if not _is_object(path)]
    repairs = [f"{job.shown(path)}: no object, left out".replace("\r", "\\r") for path in others]  # Icon\r
    objects: list[RoomObject] = []
    for instance, file in enumerate(annotation_files(room)):
        name = job.shown(file)
        label, note = object_class(file.name)
        points = read_points(file, name)
        repairs += points.repairs
        if len(points.coord) == 0:
            repairs.append(f"{name}: an object without points, left out")
        elif same := _duplicated(points, objects):
            repairs.append(f"{name}: the same points as {same.name}, left out")
        else:
            repairs += [f"{name}: {note}"] if note else []
            objects.append(RoomObject(name, points, label, instance))
    if not objects:
        raise ValueError(f"{room}: a room without objects: it needs Annotations/CLASS_NUMBER.txt with points")
    return objects, tuple(repairs)


def object_class(file_name: str) -> tuple[int, str]:
    """The class that a file is named by (`chair_1.txt`), and a note where the name is no class of S3DIS.

    A name that is nearly that of a class is taken as misspelt; any other is clutter, as in Pointcept.
    """
    word = file_name.removesuffix(".txt").split("_")[0]
    if word in S3DIS13:
        return S3DIS13.index(word), ""
    near = difflib.get_close_matches(word.strip().lower(), S3DIS13, n=1, cutoff=MISSPELT)
    if near:
        return S3DIS13.index(near[0]), f"class {word!r} taken as {near[0]}"
    return CLUTTER, f"class {word!r} is none of the 13, made clutter"


def _entries(room: Path) -> list[Path]:
    """All that lies in the room's folder of annotations, sorted by name."""
    folders = (
        [path for path in room.iterdir() if path.name == "Annotations" and path.is_dir()]
        if room.is_dir()
        else []
    )
    return sorted(path for folder in folders for path in folder.iterdir())


def _is_object(path: Path) -> bool:
    return path.suffix == ".txt" and not path.name.startswith(".") and path.is_file()


def _duplicated(points: TextPoints, objects: list[RoomObject]) -> RoomObject | None:
    """An object of the same points in whatever order."""
    for one in objects:
        alike = len(one.points.coord) == len(points.coord) and np.array_equal(
            one.points.coord.min(axis=0), points.coord.min(axis=0)
        )
        if alike and np.array_equal(_sorted_rows(one.points), _sorted_rows(points)):
            return one
    return None


def _sorted_rows(points: TextPoints) -> np.ndarray:
    rows = np.column_stack([points.coord, points.color])
    return rows[np.lexsort(rows.T)]
