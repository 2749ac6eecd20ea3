"""Labels for points: the NumPy face of a trained network."""

from __future__ import annotations

from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ffnet3d.data.scene import MAX_COORD
from ffnet3d.segment.features import voxel_features
from ffnet3d.segment.network import VoxelNetwork
from ffnet3d.segment.points import Points
from ffnet3d.segment.recipe import Recipe
from ffnet3d.segment.weights import open_network
from ffnet3d.voxels.voxelize import grid_coordinates, group_cells

Floats = NDArray[np.float32]


class Segmenter:
    """A trained network, ready to label points.

    Args:
        weights: a run's folder, a checkpoint in one, `model.safetensors`, or an ONNX file.
        **options: of `ffnet3d.segment.weights.open_network`: runtime ("auto", "torch", "onnx"), device,
            dtype, condition, threads, and parts of the recipe that the weights do not know: grid_size
            (metres), features, classes, symmetric_color.

    Raises:
        ValueError: naming the file that is missing, damaged, or does not say what is needed.
    """

    def __init__(self, weights: str | Path, **options: Any) -> None:
        self.network: VoxelNetwork = open_network(weights, **options)

    @property
    def recipe(self) -> Recipe:
        """Voxel size, features and classes."""
        return self.network.recipe

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return len(self.recipe.classes)

    @property
    def cell(self) -> int:
        """Edge of the network's coarsest cells, in voxels."""
        return prod(self.network.strides)

    def predict(
        self,
        coord: NDArray[np.floating],
        color: NDArray[np.generic] | None = None,
        normal: NDArray[np.floating] | None = None,
    ) -> tuple[NDArray[np.int64], Floats]:
        """Labels int64 [N] and class probabilities float32 [N, C] of the points of one scan, in their order.

        Args:
            coord: [N, 3] metres, z up; any origin.
            color: [N, 3] in 0-255, integers or floats; None: the mean colour of rooms, for a network
                that wants colours.
            normal: [N, 3] unit vectors; None: estimated for a network that wants them.

        Raises:
            ValueError: naming what is not right: shapes, points that are not finite, colours out of range.
        """
        points = check_points(
            np.asarray(coord),
            None if color is None else np.asarray(color),
            None if normal is None else np.asarray(normal),
        )
        if len(points) == 0:
            return np.zeros(0, dtype=np.int64), np.zeros((0, self.num_classes), dtype=np.float32)
        cells = grid_coordinates(points.coord, self.recipe.grid_size)
        probabilities, inverse = self.voxel_probabilities(points, cells)
        return probabilities.argmax(1)[inverse], probabilities[inverse]

    def voxel_probabilities(
        self, points: Points, cells: NDArray[np.int64]
    ) -> tuple[Floats, NDArray[np.int64]]:
        """Class probabilities [V, C] of the distinct voxels, in z-order, and each point's row among them [N].

        cells: [N, 3] the voxel of each point, 0..65535. A voxel gets the mean of its points' features.
        Points without colours get the mean colour of rooms, and missing normals are estimated from these
        points, where the network wants them.
        """
        voxels = group_cells(cells)
        features = voxel_features(points, voxels, self.recipe)
        logits = self.network.logits(features, voxels.grid_coord)
        return softmax(logits), voxels.inverse


def check_points(
    coord: NDArray[np.floating], color: NDArray[np.generic] | None, normal: NDArray[np.floating] | None
) -> Points:
    """The arguments of `predict` as points near the origin, in float32; ValueError naming what is wrong."""
    for name, array in (("coord", coord), ("color", color), ("normal", normal)):
        if array is not None and np.shape(array) != (len(coord), 3):
            raise ValueError(f"{name} must be [{len(coord)}, 3], got {list(np.shape(array))}")
        if array is not None and not np.isfinite(np.asarray(array, dtype=np.float64)).all():
            raise ValueError(f"{name} holds NaN or infinity: remove these points")
    if color is not None and len(color) and (np.min(color) < 0 or np.max(color) > 255):
        raise ValueError(f"color must be 0-255, got {np.min(color):g} to {np.max(color):g}")
    if color is not None and color.dtype.kind == "f" and 0 < np.max(color, initial=0) <= 1:
        raise ValueError("color must be 0-255, got floats up to 1: multiply them by 255")
    if coord.dtype.itemsize < 8 and np.abs(coord).max(initial=0) > MAX_COORD:
        raise ValueError(
            f"coord goes up to {np.abs(coord).max():g} in {coord.dtype}, too coarse for a millimetre there: "
            "give survey coordinates in float64"
        )
    near = np.asarray(coord, dtype=np.float64)
    near = (near - near.min(0, initial=np.inf)) if len(near) else near
    return Points(
        near.astype(np.float32),
        None if color is None else np.asarray(color),
        None if normal is None else np.asarray(normal, dtype=np.float32),
    )


def softmax(logits: Floats) -> Floats:
    """Probabilities [V, C] of logits [V, C]."""
    exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities: Floats = exponents / exponents.sum(axis=1, keepdims=True)
    return probabilities
