"""A scene folder on disk: one `.npy` file an array, read with every check that saves a later surprise.

The layout is the one that Pointcept's preprocessing writes: `coord` [N, 3] in metres, `color` [N, 3] in
0-255, `normal` [N, 3], labels `segment` and `instance` [N] or [N, 1], with -1 for points that have no label.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ffnet3d.atomic import write_folder

MAX_COORD = 16384.0
"""Metres; float32 resolves a millimetre up to here."""

DEFAULT_ASSETS: Mapping[str, str] = {
    "coord": "coord",
    "color": "color",
    "normal": "normal",
    "segment": "segment",
    "instance": "instance",
}
"""Array name in a sample -> name of its file, without `.npy`."""


def read_scene(
    folder: str | Path,
    assets: Mapping[str, str] = DEFAULT_ASSETS,
    required: tuple[str, ...] = ("coord",),
    num_classes: int | None = None,
    ignore_index: int = -1,
) -> dict[str, Any]:
    """Read and check one scene.

    Returns `coord` [N, 3] float32 (metres), `color` [N, 3] float32 (0-255) and `normal` [N, 3] float32 where
    the files exist, `segment` [N] int32 (`ignore_index` where unlabelled) and `instance` [N] int32 (-1 where
    unlabelled). ValueError names the file at fault: missing or truncated, wrong shape or length, values out
    of range; labels are checked against `num_classes` where it is given.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"{folder}: no such scene folder")
    files = {key: folder / f"{stem}.npy" for key, stem in assets.items()}
    for key in required:
        if not files[key].is_file():
            raise ValueError(_missing(files[key], key))
    scene: dict[str, Any] = {"coord": _check_coord(load_array(files["coord"]), files["coord"])}
    num_points = len(scene["coord"])
    for key in ("color", "normal"):
        if key in files and files[key].is_file():
            array = _check_length(_check_vectors(load_array(files[key]), files[key]), files[key], num_points)
            scene[key] = _check_color(array, files[key]) if key == "color" else array.astype(np.float32)
    for key, unlabelled in (("segment", ignore_index), ("instance", -1)):
        scene[key] = _read_labels(files.get(key), num_points, unlabelled)
    _check_classes(scene["segment"], files.get("segment"), num_classes, ignore_index)
    return scene


def write_scene(folder: str | Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write `arrays` as `<name>.npy` into `folder`: whole or not at all, replacing a former scene.

    Every array needs the same length. ValueError names those that differ.
    """
    folder = Path(folder)
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) != 1:
        raise ValueError(f"{folder}: the arrays of a scene need one common length, got {lengths}")

    def fill(staging: Path) -> None:
        for name, array in arrays.items():
            np.save(staging / f"{name}.npy", array, allow_pickle=False)

    write_folder(folder, fill)


def load_array(file: Path) -> np.ndarray:
    """One `.npy` array; ValueError naming the file where it is truncated, pickled or of another format."""
    try:
        array = np.load(file, allow_pickle=False)
    except (ValueError, EOFError, SyntaxError) as error:
        raise ValueError(
            f"{file}: not a whole .npy array (perhaps a copy was cut off): write it again"
        ) from error
    if not isinstance(array, np.ndarray):
        raise ValueError(f"{file}: an .npz archive, but one plain .npy array is needed")
    return array


def _missing(file: Path, key: str) -> str:
    if key == "coord":
        return f"{file} is missing: a scene folder needs coord.npy [N, 3] in metres"
    if key == "color":
        return (
            f"{file} is missing: this data set's scenes need colours [N, 3] in 0-255; for scans without "
            "colour use type='DefaultDataset' and leave 'color' out of Collect's feat_keys"
        )
    return f"{file} is missing: this data set's scenes need it"


def _check_vectors(array: np.ndarray, file: Path) -> np.ndarray:
    if array.ndim != 2 or array.shape[1] != 3:
        raise ValueError(f"{file}: needs the shape [N, 3], got {list(array.shape)}")
    if array.dtype.kind not in "fiu":
        raise ValueError(f"{file}: needs real numbers, got dtype {array.dtype}")
    bad = ~np.isfinite(array).all(axis=1)
    if bad.any():
        first = int(bad.argmax())
        raise ValueError(
            f"{file}: {int(bad.sum())} of {len(array)} rows hold NaN or infinity (first: row {first}, "
            f"{array[first].tolist()}); remove these points from every array of the scene"
        )
    return array


def _check_coord(array: np.ndarray, file: Path) -> np.ndarray:
    if len(array) == 0:
        raise ValueError(f"{file}: an empty scene (0 points); delete the folder or prepare it again")
    array = _check_vectors(array, file)
    farthest = float(np.abs(array).max())
    if farthest > MAX_COORD:
        raise ValueError(
            f"{file}: a coordinate of {farthest:.6g} m; beyond {MAX_COORD:g} m float32 cannot hold a "
            "millimetre. Are the units metres? For survey coordinates subtract an origin from every point"
        )
    return array.astype(np.float32)


def _check_color(array: np.ndarray, file: Path) -> np.ndarray:
    low, high = float(array.min()), float(array.max())
    if low < 0 or high > 255:
        raise ValueError(f"{file}: colours need the range 0-255, got {low:g} to {high:g}")
    if array.dtype.kind == "f" and 0 < high <= 1:
        raise ValueError(
            f"{file}: colours need the range 0-255, got {low:g} to {high:g}: multiply them by 255"
        )
    return array.astype(np.float32)


def _check_length(array: np.ndarray, file: Path, num_points: int) -> np.ndarray:
    if len(array) != num_points:
        raise ValueError(f"{file}: {len(array)} rows, but coord.npy has {num_points} points")
    return array


def _read_labels(file: Path | None, num_points: int, unlabelled: int) -> np.ndarray:
    """Labels [N] int32 with -1 replaced by `unlabelled`; all unlabelled where there is no such file."""
    if file is None or not file.is_file():
        return np.full(num_points, unlabelled, dtype=np.int32)
    array = load_array(file)
    if array.ndim != 1 and not (array.ndim == 2 and array.shape[1] == 1):
        raise ValueError(f"{file}: labels need the shape [N] or [N, 1], got {list(array.shape)}")
    if array.dtype.kind not in "iu":
        raise ValueError(f"{file}: labels need integers, got dtype {array.dtype}")
    labels = _check_length(array.reshape(-1), file, num_points).astype(np.int64)
    return np.where(labels == -1, unlabelled, labels).astype(np.int32)


def _check_classes(
    segment: np.ndarray, file: Path | None, num_classes: int | None, ignore_index: int
) -> None:
    wrong = (segment < 0) & (segment != ignore_index)
    if num_classes is not None:
        wrong |= (segment >= num_classes) & (segment != ignore_index)
    if wrong.any():
        limit = "C-1" if num_classes is None else f"{num_classes - 1} ({num_classes} classes)"
        raise ValueError(
            f"{file}: label {int(segment[wrong.argmax()])} at {int(wrong.sum())} of {len(segment)} points; "
            f"labels run from 0 to {limit}, and -1 (or ignore_index={ignore_index}) where unlabelled"
        )
