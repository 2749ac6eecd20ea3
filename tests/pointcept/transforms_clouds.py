"""The clouds that transforms are tried on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

Sample = dict[str, Any]

COARSE = 0.5  # m: voxels of the cloud with one, two or four points
FINE = 0.02  # m: no two points in one voxel


def cloud(counts: Sequence[int] = (1, 2, 4)) -> Sample:
    """8 voxels of 0.5 m for each of the counts, with so many points, 0.17 m apart or more: a room as read.

    `segment` numbers the points, so that a result tells which of them it holds.
    """
    state = np.random.RandomState(1)  # the same numbers in every version of NumPy
    counts = np.repeat(counts, 8)
    cells = np.stack(np.unravel_index(state.permutation(8 * 6 * 4)[: len(counts)], (8, 6, 4)), axis=1)
    octants = np.concatenate([state.permutation(8)[:count] for count in counts])
    corners = np.stack(np.unravel_index(octants, (2, 2, 2)), axis=1) / 2 + 0.25
    place = np.repeat(cells, counts, axis=0) + corners + state.uniform(-0.08, 0.08, corners.shape)
    coord = state.permutation(place) * COARSE + [10, -7, 1]
    normal = state.standard_normal(coord.shape)
    return {
        "coord": coord.astype(np.float32),
        "color": state.randint(20, 230, coord.shape).astype(np.float32),
        "normal": (normal / np.linalg.norm(normal, axis=1, keepdims=True)).astype(np.float32),
        "segment": np.arange(len(coord), dtype=np.int32),
        "name": "room",
    }


def unlabelled() -> Sample:
    """The cloud as testers take it apart: without labels."""
    return {key: value for key, value in cloud().items() if key != "segment"}


def with_voxels_of_three() -> Sample:
    """One, two or three points a voxel: counts that do not all divide the largest."""
    return cloud((1, 2, 3))


def with_a_flat_channel() -> Sample:
    """All points as green as each other."""
    sample = cloud()
    sample["color"][:, 1] = 100
    return sample


def of_all_kinds() -> Sample:
    """The cloud with other types of arrays, and with single values."""
    return {
        **cloud(),
        "coord": cloud()["coord"].astype(np.float64),
        "color": cloud()["color"].astype(np.uint8),
        "mask": cloud()["segment"] > 3,
        "label": cloud()["segment"].astype(np.int16),
        "count": 3,
        "ratio": 0.5,
    }


def with_a_flag() -> Sample:
    """The cloud with a Python bool."""
    return {**cloud(), "flag": True}
