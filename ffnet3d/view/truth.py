"""The true labels: a column of the file itself, or those of another file."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ffnet3d.data.formats.cloud import Cloud
from ffnet3d.data.formats.open import open_cloud
from ffnet3d.view.columns import find_labels
from ffnet3d.view.sample import take


def read_truth(given: str, cloud: Cloud, index: np.ndarray, num_classes: int | None) -> np.ndarray:
    """Values [n] of the file `given` by `--truth` for the points `index` of `cloud`.

    ValueError where it is no file, holds no labels, or another number of points.
    """
    file = Path(given)
    if not file.exists():
        there = ", ".join(cloud.names)
        raise ValueError(f"--truth {given}: neither a file nor a column of {cloud.file}, which has {there}")
    if file.suffix.lower() == ".npy" and (labels := _label_array(file)) is not None:
        _check_length(file, len(labels), cloud)
        values: np.ndarray = labels[index]
        return values
    other = open_cloud(file)
    _check_length(file, other.num_points, cloud)
    found = find_labels(other.names, num_classes)
    name = found.truth or found.label
    if name is None:
        raise ValueError(f"--truth {given}: no column segment, segment20, segment200 or label in it")
    return take(other, [name], index)[name]


def _label_array(file: Path) -> np.ndarray | None:
    """Labels [N] of a .npy file of one column, mapped; None where it is of another kind."""
    try:
        array = np.load(file, mmap_mode="r")
    except (ValueError, EOFError) as error:
        raise ValueError(f"{file}: not an array of NumPy: {error}") from error
    one_column = array.ndim == 1 or (array.ndim == 2 and array.shape[1] == 1)
    return array.reshape(-1) if one_column and array.dtype.names is None else None


def _check_length(file: Path, length: int, cloud: Cloud) -> None:
    if length != cloud.num_points:
        raise ValueError(f"--truth {file}: {length:,} points, but {cloud.file} has {cloud.num_points:,}")
