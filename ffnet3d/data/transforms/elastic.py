"""Elastic distortion: a smooth random field of displacements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from math import prod

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import embedding_bag

from ffnet3d.data.registry import TRANSFORMS, Sample
from ffnet3d.data.transforms.arguments import check_numbers, check_positive
from ffnet3d.data.transforms.points import coordinates, moved

PROBABILITY = 0.95  # no argument, as in Pointcept
MAX_NODES = 1 << 26  # of a noise grid: 0.8 GB of float32
BLOCK = 1 << 15  # points interpolated at once: what is made for them stays in the cache


@TRANSFORMS.register()
@dataclass(frozen=True)
class ElasticDistortion:
    """In 95 % of samples, a smooth random field for each (granularity, magnitude), in metres, in turn.

    A field is Gaussian noise on a grid of spacing `granularity`, smoothed twice by a box of three nodes on
    each axis, interpolated linearly at the points and multiplied by `magnitude`.
    """

    distortion_params: Sequence[Sequence[float]] = ((0.2, 0.4), (0.8, 1.6))

    def __post_init__(self) -> None:
        for params in self.distortion_params:
            check_numbers("each of distortion_params", params, 2)
            check_positive("granularity", params[0])

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        if rng.random() >= PROBABILITY:
            return dict(sample)
        coord = np.array(coordinates(sample).T, dtype=np.float64, order="C")  # [3, N]: fast along each axis
        for granularity, magnitude in self.distortion_params:
            coord += magnitude * displacement_field(coord, granularity, rng)
        return moved(sample, coord.T)


def displacement_field(
    coord: NDArray[np.float64], granularity: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Smoothed noise [3, N] at points [3, N]: about unit variance before the smoothing."""
    low = coord.min(axis=1, keepdims=True)
    high = coord.max(axis=1, keepdims=True)
    # One node of margin on each side of the points, and one behind a point that lies on a node.
    shape = np.floor((high - low) / granularity + 1).ravel() + 2
    if not shape.prod() <= MAX_NODES:
        metres = " x ".join(f"{size:.6g}" for size in (high - low).ravel())
        raise ValueError(
            f"the scene measures {metres} m, too much for elastic distortion of granularity "
            f"{granularity:g} m: are the coordinates in metres? remove outliers, or crop the scene first"
        )
    noise = rng.standard_normal((*map(int, shape), 3), dtype=np.float32)
    for axis in (0, 1, 2) * 2:
        noise = box_blur(noise, axis)
    field: NDArray[np.float32] = np.empty_like(coord, dtype=np.float32)
    for start in range(0, field.shape[1], BLOCK):
        block = slice(start, start + BLOCK)
        field[:, block] = interpolate(noise, (coord[:, block] - low) / granularity + 1).T
    return field


def box_blur(grid: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    """Mean of each node and its two neighbours on `axis`; beyond the border is 0."""
    step = prod(grid.shape[axis + 1 :])  # from a node to its neighbour
    lines = grid.reshape(-1, grid.shape[axis] * step)
    blurred = lines.copy()
    blurred[:, step:] += lines[:, :-step]
    blurred[:, :-step] += lines[:, step:]
    blurred /= 3
    return blurred.reshape(grid.shape)


def interpolate(grid: NDArray[np.float32], place: NDArray[np.float64]) -> NDArray[np.float32]:
    """Trilinear interpolation [N, C] of a grid [X, Y, Z, C] at places [3, N] within it, in units of nodes.

    A place is the weighted sum of eight rows of the grid, which is what an embedding bag computes.
    """
    steps = (grid.shape[1] * grid.shape[2], grid.shape[2])  # rows from a node to the next in x and in y
    node = np.floor(place)
    upper = (place - node).astype(np.float32)
    weights = tuple(zip(1 - upper, upper, strict=True))  # by axis: of the lower and of the upper node
    first = (node[0] * steps[0] + node[1] * steps[1] + node[2]).astype(np.int32)
    rows = np.empty((8, len(first)), dtype=np.int32)
    weight = np.empty((8, len(first)), dtype=np.float32)
    for corner, (x, y, z) in enumerate(product((0, 1), repeat=3)):
        rows[corner] = first + (x * steps[0] + y * steps[1] + z)
        np.multiply(weights[0][x] * weights[1][y], weights[2][z], out=weight[corner])
    result: NDArray[np.float32] = embedding_bag(
        torch.from_numpy(np.ascontiguousarray(rows.T)),
        torch.from_numpy(grid.reshape(-1, grid.shape[3])),
        per_sample_weights=torch.from_numpy(np.ascontiguousarray(weight.T)),
        mode="sum",
    ).numpy()
    return result
