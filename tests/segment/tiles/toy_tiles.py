"""Scans in memory, and segmenters that label without a trained network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from scipy.spatial import cKDTree

from ffnet3d.models import build_model
from ffnet3d.segment.points import Points
from ffnet3d.segment.recipe import Recipe
from ffnet3d.segment.segmenter import Segmenter
from ffnet3d.segment.torch_network import TorchNetwork

GRID = 0.1


@dataclass(frozen=True)
class ToyChunk:
    points: Points
    rows: np.ndarray


@dataclass(frozen=True)
class ToyScan:
    """Points in memory; those that `hidden` marks are given out in no chunk, as if they were not finite."""

    points: Points
    needs_normals: bool = False
    hidden: tuple[int, ...] = ()

    @property
    def num_points(self) -> int:
        return len(self.points)

    @property
    def bounds(self) -> np.ndarray:
        coord = np.delete(self.points.coord, self.hidden, axis=0).astype(np.float64)
        return np.stack([coord.min(axis=0), coord.max(axis=0)]) if len(coord) else np.zeros((2, 3))

    def chunks(self, rows: int = 700) -> Iterator[ToyChunk]:
        shown = np.delete(np.arange(len(self.points)), self.hidden)
        for start in range(0, len(shown), rows):
            numbers = shown[start : start + rows]
            yield ToyChunk(self.points.take(numbers), numbers)


@dataclass
class CountingSegmenter:
    """Labels a voxel by how many others are near it and in its cell: `reach` voxels of surroundings count.

    It records the voxels of each call. Tiles whose cells are not those of the whole scan are found out.
    """

    cell: int = 4
    reach: int = 4
    network: object = None
    sizes: list[int] = field(default_factory=list)

    @property
    def recipe(self) -> Recipe:
        return Recipe(GRID, ("color",), ("none", "few", "some", "many"))

    @property
    def num_classes(self) -> int:
        return len(self.recipe.classes)

    def voxel_probabilities(self, points: Points, cells: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        assert len(points) == len(cells)
        voxels, inverse = np.unique(cells, axis=0, return_inverse=True)
        self.sizes.append(len(voxels))
        near = cKDTree(voxels).query_ball_point(voxels, self.reach, p=np.inf, return_length=True)
        _, mine, same = np.unique(voxels // self.cell, axis=0, return_inverse=True, return_counts=True)
        probabilities = np.full((len(voxels), self.num_classes), 0.1, dtype=np.float32)
        probabilities[np.arange(len(voxels)), (near + 3 * same[mine.reshape(-1)]) % self.num_classes] = 0.7
        return probabilities, inverse.reshape(-1)


def torch_segmenter(
    features: tuple[str, ...] = ("color",), seed: int = 0, grid_size: float = GRID, **arguments: Any
) -> Segmenter:
    """A random network of three levels; `arguments` of the backbone beside the usual."""
    torch.manual_seed(seed)
    backbone = {
        "type": "FFNet3D",
        "in_channels": 3 * len(features),
        "stride": (2, 2),
        "enc_depths": (1, 1, 1),
        "enc_channels": (8, 8, 8),
        "dec_depths": (1, 1),
        "dec_channels": (8, 8),
        **arguments,
    }
    model = build_model(
        {"type": "DefaultSegmentorV2", "num_classes": 5, "backbone_out_channels": 8, "backbone": backbone}
    ).eval()
    with torch.no_grad():
        for weight in model.parameters():
            if weight.dim() > 1:  # loud enough for its whole reach to be heard
                torch.nn.init.normal_(weight, std=2 / weight.shape[-1] ** 0.5)
    segmenter = Segmenter.__new__(Segmenter)
    segmenter.network = TorchNetwork(model, Recipe(grid_size, features, tuple("abcde")), "cpu")
    return segmenter


def walls(points: int = 4000, extent: tuple[float, float, float] = (9.0, 6.0, 3.0), seed: int = 0) -> Points:
    """Points on planes across a box, as a building's storeys and walls lie."""
    rng = np.random.default_rng(seed)
    coord = rng.uniform(0, 1, (points, 3)) * extent
    axis = rng.integers(0, 3, points)
    coord[np.arange(points), axis] = np.round(coord[np.arange(points), axis] / 3) * 3
    return Points(coord.astype(np.float32), rng.integers(0, 256, (points, 3), dtype=np.uint8))
