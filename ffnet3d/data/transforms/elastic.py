"""Elastic distortion: a smooth random field of displacements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from ffnet3d.data.registry import TRANSFORMS, Sample
from ffnet3d.data.transforms.arguments import check_numbers, check_positive
from ffnet3d.data.transforms.points import coordinates, moved

PROBABILITY = 0.95  # no argument, as in Pointcept
MAX_NODES = 1 << 26  # of a noise grid: 0.8 GB of float32


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
        coord = coordinates(sample).astype(np.float64)
        for granularity, magnitude in self.distortion_params:
            coord += magnitude * displacement_field(coord, granularity, rng)
        return moved(sample, coord)


def displacement_field(
    coord: NDArray[np.float64], granularity: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Smoothed noise [N, 3] at points [N, 3]: about unit variance before the smoothing."""
    place = (coord - coord.min(axis=0)) / granularity + 1  # one node of margin on each side
    extent = np.floor(place.max(axis=0))
    if not (extent + 2).prod() <= MAX_NODES:
        metres = " x ".join(f"{size:.6g}" for size in np.ptp(coord, axis=0))
        raise ValueError(
            f"the scene measures {metres} m, too much for elastic distortion of granularity "
            f"{granularity:g} m: are the coordinates in metres? remove outliers, or crop the scene first"
        )
    noise = rng.standard_normal((*(extent.astype(int) + 2), 3), dtype=np.float32)
    for axis in (0, 1, 2) * 2:
        noise = box_blur(noise, axis)
    return interpolate(noise, place)


def box_blur(grid: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    """Mean of each node and its two neighbours on `axis`; beyond the border is 0."""
    lines = np.moveaxis(grid, axis, 0)
    blurred = lines.copy()
    blurred[1:] += lines[:-1]
    blurred[:-1] += lines[1:]
    blurred /= 3
    return np.moveaxis(blurred, 0, axis)


def interpolate(grid: NDArray[np.float32], place: NDArray[np.float64]) -> NDArray[np.float32]:
    """Trilinear interpolation of a grid [X, Y, Z, C] at places [N, 3] within it, in units of nodes."""
    node = np.floor(place).astype(np.int64)
    fraction = (place - node).astype(np.float32).T
    weights = (1 - fraction, fraction)
    table = np.ascontiguousarray(grid).reshape(-1, grid.shape[3])
    row = np.ravel_multi_index(tuple(node.T), grid.shape[:3])
    strides = (grid.shape[1] * grid.shape[2], grid.shape[2], 1)
    result = np.zeros((len(place), grid.shape[3]), dtype=np.float32)
    for x, y, z in product((0, 1), repeat=3):
        weight = weights[x][0] * weights[y][1] * weights[z][2]
        result += weight[:, None] * table.take(row + np.dot((x, y, z), strides), axis=0)
    return result
