"""Voxels of made-up rooms, by integer arithmetic: the same on every machine."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from models.released.weights import stream
from torch import Tensor

VOXEL = 4  # side of a voxel, in the units of the rooms
STEP = 2  # between samples of a face
TURN = np.array([[3, -4, 0], [4, 3, 0], [0, 0, 5]])  # fifths: walls do not lie along the grid
COARSEST = 16  # sides of a voxel of the coarsest level: scenes begin anywhere in one
BOXES = 6
CHANNELS = 6
CONTEXT = 256


def make_batch(voxels: int, num_classes: int, scenes: int = 2) -> dict[str, Any]:
    """Scenes of `voxels` voxels each: grid_coord [N, 3], coord [N, 3] m, feat [N, 6], segment [N], offset.

    Besides, what norms by data set read: a condition for each scene and a context [1, 256].
    """
    grids = [room(voxels, number) for number in range(scenes)]
    grid = torch.from_numpy(np.concatenate(grids))
    random = stream(f"batch of {voxels}")
    return {
        "grid_coord": grid.int(),
        "coord": grid * 0.02,
        "feat": uniform(random, len(grid), CHANNELS),
        "segment": torch.from_numpy(random.integers(-1, num_classes, len(grid))),
        "offset": torch.arange(1, scenes + 1) * voxels,
        "condition": ["S3DIS"] * scenes,
        "context": uniform(random, 1, CONTEXT),
    }


def uniform(random: np.random.Generator, *shape: int) -> Tensor:
    """Values in [-1, 1), float32."""
    return torch.from_numpy(random.random(shape, dtype=np.float32) * np.float32(2) - np.float32(1))


def room(voxels: int, number: int) -> np.ndarray:
    """Distinct grid coordinates [voxels, 3] in random order: what lies nearest to a corner of a room."""
    random = stream(f"room {number} of {voxels}")
    side = VOXEL * (int(voxels**0.5) + 8)
    faces = box(np.zeros(3, dtype=np.int64), np.array([side, side, side]), faces=(0, 1, 2))
    for _ in range(BOXES):
        corner = random.integers(0, side // 2, 3) * [1, 1, 0]
        faces += box(corner, random.integers(side // 12, side // 4, 3), faces=(0, 1, 2, 3, 4, 5))
    grid = np.unique(np.concatenate(faces) @ TURN.T // (5 * VOXEL), axis=0)
    nearest = np.argsort((grid**2).sum(axis=1), kind="stable")[:voxels]
    grid = grid[random.permutation(nearest)]
    return grid - grid.min(axis=0) + random.integers(0, COARSEST, 3)


def box(corner: np.ndarray, sides: np.ndarray, faces: tuple[int, ...]) -> list[np.ndarray]:
    """Samples [M, 3] of faces of a box: 0 to 2 lie at its corner, 3 to 5 across from it."""
    samples = []
    for face in faces:
        axes = [np.arange(0, extent, STEP) for extent in sides]
        axes[face % 3] = sides[[face % 3]] * (face // 3)
        samples.append(corner + np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3))
    return samples
