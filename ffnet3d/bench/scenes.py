"""Scenes to measure on, each a new one: a user's next scene is never the last one again."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ffnet3d.bench.clouds import furnished_rooms
from ffnet3d.data.scene import read_scene
from ffnet3d.voxels import voxelize

LESS = 37  # voxels by which each further scene of a size is smaller
TURN = math.radians(17)  # by which each further view of a real scene is turned


@dataclass(frozen=True)
class Rooms:
    """Furnished demo rooms of about a number of voxels."""

    num_voxels: int

    @property
    def name(self) -> str:
        """As in a table."""
        return f"{self.num_voxels:,} voxels"

    def voxels(self, index: int) -> NDArray[np.int64]:
        """Distinct voxels [V, 3] of scene `index`: other rooms, and a few voxels fewer, for each index."""
        return furnished_rooms(max(1, self.num_voxels - LESS * index), index, first_room=index).numpy()


@dataclass(frozen=True)
class RealScene:
    """A scene folder, voxelised."""

    folder: Path
    grid_size: float  # metres

    @property
    def name(self) -> str:
        """As in a table."""
        return f"{self.folder.name}, {100 * self.grid_size:g} cm"

    def voxels(self, index: int) -> NDArray[np.int64]:
        """Distinct voxels [V, 3] of the scene, turned about the vertical a little further for each index."""
        coord = read_scene(self.folder, required=("coord",))["coord"]
        cos, sin = math.cos(TURN * index), math.sin(TURN * index)
        turned = coord @ np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]], dtype=np.float32)
        return voxelize(turned, self.grid_size).grid_coord.astype(np.int64)


Scene = Rooms | RealScene


def as_batch(voxels: NDArray[np.int64], in_channels: int = 6) -> dict[str, Tensor]:
    """A batch of one scene with voxels [V, 3] and random features [V, in_channels], one point a voxel."""
    grid_coord = torch.from_numpy(voxels)
    generator = torch.Generator().manual_seed(0)
    return {
        "coord": grid_coord.float(),
        "grid_coord": grid_coord,
        "feat": torch.rand(len(voxels), in_channels, generator=generator),
        "offset": torch.tensor([len(voxels)]),
    }
