"""Receptive fields by distance: the share of the contribution within a radius, and the voxels in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
THRESHOLDS = (0.2, 0.3, 0.5, 0.99)


@dataclass(frozen=True)
class Ball:
    """A ball around a sample voxel.

    Args:
        radius: voxels.
        of_scan: its voxels over those of the scan: our receptive-field ratio.
        of_reach: its voxels that contribute over all that contribute.
    """

    radius: float
    of_scan: float
    of_reach: float


@dataclass(frozen=True)
class RadialField:
    """The field of one sample voxel by Euclidean distance between centres of voxels.

    Args:
        distance: [D] the distances that occur, voxels, ascending from 0.
        share: [D] contribution of all voxels up to that distance, ending at 1.
        voxels: [D] how many voxels these are.
        reached: [D] how many of them contribute at all.
    """

    distance: Floats
    share: Floats
    voxels: NDArray[np.int64]
    reached: NDArray[np.int64]

    def at(self, threshold: float) -> int:
        """Place [D] of the smallest ball that holds this share; ValueError outside 0..1."""
        if not 0 < threshold <= 1:
            raise ValueError(
                f"a threshold is a share of the contribution, above 0 and up to 1, got {threshold}"
            )
        return int(np.searchsorted(self.share, threshold))

    def ball(self, threshold: float) -> Ball:
        """The smallest ball that holds this share of the contribution."""
        place = self.at(threshold)
        return Ball(
            radius=float(self.distance[place]),
            of_scan=float(self.voxels[place] / self.voxels[-1]),
            of_reach=float(self.reached[place] / self.reached[-1]),
        )

    @property
    def reach(self) -> float:
        """Distance of the farthest voxel that contributes, voxels."""
        return float(self.distance[np.searchsorted(self.reached, self.reached[-1])])

    @property
    def share_reached(self) -> float:
        """The voxels of the scan that contribute, of all."""
        return float(self.reached[-1] / self.voxels[-1])

    def within(self, radii: Floats) -> Floats:
        """The share of the contribution within these radii [R], voxels."""
        places = np.searchsorted(self.distance, radii, side="right") - 1
        return np.where(places < 0, 0.0, self.share[places])


def radial_field(contribution: Floats, grid_coord: NDArray[np.integer], row: int) -> RadialField:
    """The contributions [V] of the voxels [V, 3] to the one in `row`, by distance from it."""
    offsets = np.asarray(grid_coord, dtype=np.int64) - np.asarray(grid_coord[row], dtype=np.int64)
    # Squared distances of voxels are whole numbers: equal ones meet exactly.
    squared, ring = np.unique((offsets**2).sum(axis=1), return_inverse=True)
    share = np.bincount(ring, weights=contribution).cumsum()
    return RadialField(
        distance=np.sqrt(squared),
        share=share / share[-1],
        voxels=np.bincount(ring).cumsum(),
        reached=np.bincount(ring, weights=contribution > 0).cumsum().astype(np.int64),
    )
