"""Voxels to measure on: furnished demo rooms side by side, cut to an exact number."""

from __future__ import annotations

import functools

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ffnet3d.data.demo.make import make_room
from ffnet3d.voxels import voxelize

GRID_SIZE = 0.04  # metres
AREAS = 6  # of the demo rooms
GAP = 2  # empty voxels between two rooms


def furnished_rooms(num_voxels: int, seed: int = 0, first_room: int = 0) -> Tensor:
    """Exactly `num_voxels` distinct voxels int64 [V, 3] of 4 cm, in random order: rooms in a row along x.

    `seed` draws the order, and another `first_room` (0 or more) gives another scene.

    At 4 cm the demo rooms' 3 cm sampling is closed: about 10 of the 27 cells around a voxel are occupied on
    the finest level and 13 to 15 on the coarser ones, as in scans voxelised at 2 cm.
    """
    rooms: list[NDArray[np.int64]] = []
    shift = total = 0
    while total < num_voxels:
        room = _room(first_room + len(rooms)) + np.array([shift, 0, 0])
        rooms.append(room)
        shift, total = int(room[:, 0].max()) + GAP, total + len(room)
    voxels = np.concatenate(rooms)
    voxels = voxels[np.argsort(voxels[:, 0], kind="stable")[:num_voxels]]
    return torch.from_numpy(np.random.default_rng(seed).permutation(voxels))


@functools.cache
def _room(index: int) -> NDArray[np.int64]:
    coord = make_room(1 + index % AREAS, 1 + index // AREAS)["coord"]
    return voxelize(coord, GRID_SIZE).grid_coord.astype(np.int64)
