"""How far a key tells a class from the rest: means in and outside, contrast, separation. Defined here.

Everything is counted over points: a point has the coefficients of the voxel it lies in, on the mixer's level.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ffnet3d.voxels import Pyramid

BLOCK = 1 << 16  # voxels whose coefficients are held in float64 at once


@dataclass(frozen=True)
class Membership:
    """Points of a class, and other labelled points, in each voxel.

    Args:
        inside: [V] float64, number of points of the class.
        outside: [V] float64, number of points of other classes; unlabelled points count nowhere.
    """

    inside: Tensor
    outside: Tensor


def memberships(
    labels: NDArray[np.integer], label: int, point_to_voxel: NDArray[np.int64], pyramid: Pyramid
) -> tuple[Membership, ...]:
    """The class `label` among the labels [N] of points, on every level of the pyramid, finest first.

    `point_to_voxel` [N] are rows of its finest level.
    """
    finest = pyramid.levels[0]
    counts = [
        torch.from_numpy(
            np.bincount(point_to_voxel[mask], minlength=finest.num_voxels).astype(np.float64)
        ).to(finest.batch.device)
        for mask in (labels == label, (labels >= 0) & (labels != label))
    ]
    found = [Membership(*counts)]
    for parents, level in zip(pyramid.parents, pyramid.levels[1:], strict=True):
        counts = [count.new_zeros(level.num_voxels).index_add(0, parents, count) for count in counts]
        found.append(Membership(*counts))
    return tuple(found)


@dataclass(frozen=True)
class Moments:
    """Sums over points, in and outside of a class, for every key of a mixer; those of several scans add up.

    Args:
        weight: [2] numbers of points, inside and outside.
        total: [2, keys] sums of coefficients.
        square: [keys] sums of squared coefficients, inside and outside together.
    """

    weight: Tensor
    total: Tensor
    square: Tensor

    def __add__(self, other: Moments) -> Moments:
        return Moments(self.weight + other.weight, self.total + other.total, self.square + other.square)

    def means(self) -> Tensor:
        """[2, keys] float64: means inside and outside; NaN where there is no point."""
        return self.total / self.weight[:, None]

    def contrasts(self) -> Tensor:
        """[keys]: mean inside minus mean outside, over the standard deviation of all; 0 for constant keys."""
        everything = self.weight.sum()
        variance = self.square / everything - (self.total.sum(0) / everything).square()
        inside, outside = self.means()
        spread = variance.clamp(min=0).sqrt()
        return torch.where(spread > 0, (inside - outside) / spread, 0.0)


def moments(coefficients: Tensor, member: Membership) -> Moments:
    """The sums of coefficients [V, keys] over the points in the voxels."""
    weights = torch.stack([member.inside, member.outside])
    keys = coefficients.shape[1]
    total = weights.new_zeros(2, keys)
    square = weights.new_zeros(keys)
    for part, share in zip(coefficients.split(BLOCK), weights.split(BLOCK, dim=1), strict=True):
        wide = part.to(total.dtype)
        total += share @ wide
        square += share.sum(0) @ wide.square()
    return Moments(weights.sum(1).cpu(), total.cpu(), square.cpu())


def separation(
    values: NDArray[np.floating], inside: NDArray[np.floating], outside: NDArray[np.floating]
) -> float:
    """The chance that a point of the class has a larger coefficient than another, ties half (the AUC).

    values: [V] coefficients of voxels; inside, outside: [V] points of each kind there. 0.5 says nothing, 1
    tells the class from everything else, 0 does so the other way. NaN where one kind has no points.
    """
    _, rank = np.unique(values, return_inverse=True)
    ours, others = np.bincount(rank, inside), np.bincount(rank, outside)
    below = np.cumsum(others) - others
    pairs = inside.sum() * outside.sum()
    return float((ours * (below + others / 2)).sum() / pairs) if pairs else float("nan")
