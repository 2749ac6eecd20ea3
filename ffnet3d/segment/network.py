"""What predicts the classes of voxels, whichever library runs it."""

from __future__ import annotations

from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ffnet3d.segment.recipe import Recipe

Depths: TypeAlias = "tuple[tuple[int, ...], tuple[int, ...], int]"
"""Blocks of each encoder and of each decoder stage, finest first, and the kernel of their convolutions."""


class VoxelNetwork(Protocol):
    """A network in evaluation, NumPy in and out."""

    recipe: Recipe
    strides: tuple[int, ...]  # between its levels
    kernel_sizes: tuple[tuple[int, ...], ...]  # of each level
    depths: Depths | None  # None where they are not known; how far it looks follows from them
    description: str  # such as "FFNet3D, 4.6 M parameters, PyTorch float32"

    def logits(self, features: NDArray[np.float32], grid_coord: NDArray[np.int64]) -> NDArray[np.float32]:
        """Features [V, recipe.in_channels] of distinct voxels [V, 3], 0..65535 -> logits [V, classes]."""
        ...
