"""What predicts the classes of voxels, whichever library runs it."""

from __future__ import annotations

from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ffnet3d.segment.recipe import Recipe
from ffnet3d.voxels.kernels import Kernel

StageReach: TypeAlias = "tuple[tuple[int | None, ...], tuple[int | None, ...]]"
"""How far the blocks of each encoder and of each decoder stage look, finest first, in voxels of its level.

None: without bound, or not known.
"""


class VoxelNetwork(Protocol):
    """A network in evaluation, NumPy in and out."""

    recipe: Recipe
    strides: tuple[int, ...]  # between its levels
    kernel_sizes: tuple[tuple[Kernel, ...], ...]  # of each level
    reach: StageReach | None  # None where it is not known
    description: str  # such as "FFNet3D, 4.6 M parameters, PyTorch float32"

    def logits(self, features: NDArray[np.float32], grid_coord: NDArray[np.int64]) -> NDArray[np.float32]:
        """Features [V, recipe.in_channels] of distinct voxels [V, 3], 0..65535 -> logits [V, classes]."""
        ...
