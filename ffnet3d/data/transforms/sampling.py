"""Which points of a scene go on: one of each voxel, the nearest of a place, all in random order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ffnet3d.data.registry import TRANSFORMS, Sample
from ffnet3d.data.transforms.arguments import check_choice, check_positive
from ffnet3d.data.transforms.points import (
    POINT_KEYS,
    box,
    coordinates,
    point_keys,
    select_points,
    value_of,
)
from ffnet3d.voxels import Voxels, voxelize


@TRANSFORMS.register()
@dataclass(frozen=True)
class GridSample:
    """One point of each voxel of edge `grid_size` metres.

    mode "train": a point drawn uniformly from each voxel; points stay in their order. mode "test": a sequence
    of samples, as many as the fullest voxel has points; number i takes point i modulo count of each voxel, in
    z-order of the voxels, and names it in "index", so that together they hold every point.

    Optional results: "grid_coord" int64 [M, 3] voxels; "inverse" int64 [N], the row in the result of each
    point that came in; "min_coord" [1, 3] metres, the lower corner of grid_coord 0; "displacement" [M, 3],
    from the voxel's centre in units of its edge, or with `project_displacement` its part along the normal
    ([M, 1]).

    `keys` (of older configs) are taken with the usual keys of one row per point. `hash_type` has no effect:
    voxels are told apart by exact keys.
    """

    grid_size: float = 0.05
    hash_type: str = "fnv"
    mode: str = "train"
    keys: Sequence[str] = ()
    return_inverse: bool = False
    return_grid_coord: bool = False
    return_min_coord: bool = False
    return_displacement: bool = False
    project_displacement: bool = False

    def __post_init__(self) -> None:
        check_positive("grid_size", self.grid_size)
        check_choice("hash_type", self.hash_type, ("fnv", "ravel"))
        check_choice("mode", self.mode, ("train", "test"))

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample | Fragments:
        for key in self.keys:
            value_of(sample, key)
        voxels = voxelize(coordinates(sample), self.grid_size)
        if self.mode == "test":
            return Fragments(self, sample, voxels)
        chosen = draw(voxels, rng)
        is_chosen = np.zeros(len(voxels.order), dtype=bool)
        is_chosen[chosen] = True
        points = np.flatnonzero(is_chosen)  # ascending: rows that follow each other are read much faster
        made = {}
        if self.return_grid_coord:
            made["grid_coord"] = voxels.grid_coord_of(points)
        if self.return_inverse:
            row = np.cumsum(is_chosen) - 1
            made["inverse"] = row.take(chosen).take(voxels.inverse)
        return self.finish(sample, select_points(sample, points, also=self.keys), made)

    def finish(self, sample: Sample, taken: Sample, made: Sample) -> Sample:
        """`taken`, one point of each voxel of `sample`, with `made` and the other results asked for."""
        if self.return_displacement:
            made["displacement"] = self._displacement(taken)
        if "index_valid_keys" in sample:
            rows = [key for key in made if key in POINT_KEYS]
            made["index_valid_keys"] = list(dict.fromkeys([*sample["index_valid_keys"], *rows]))
        if self.return_min_coord:
            corner = np.floor(box(sample)[0] / self.grid_size) * self.grid_size
            made["min_coord"] = corner[None].astype(coordinates(sample).dtype)
        return {**taken, **made}

    def _displacement(self, taken: Sample) -> NDArray[np.floating]:
        coord = coordinates(taken)
        scaled = coord.astype(np.float64) / self.grid_size
        displacement = scaled - np.floor(scaled) - 0.5
        if self.project_displacement:
            displacement = (displacement * value_of(taken, "normal")).sum(axis=1, keepdims=True)
        return displacement.astype(coord.dtype)


def draw(voxels: Voxels, rng: np.random.Generator) -> NDArray[np.int64]:
    """A point [M] of each voxel, uniformly."""
    # A fraction below 1 times the count: a whole number below the count, and faster than rng.integers.
    number = (rng.random(len(voxels.counts)) * voxels.counts).astype(np.int64)
    return voxels.order.take(voxels.starts[:-1] + number)


@dataclass(frozen=True, eq=False)
class Fragments(Sequence[Sample]):
    """The samples of GridSample(mode="test"), each made when asked for: a crowded voxel means very many."""

    grid_sample: GridSample
    sample: Sample
    voxels: Voxels

    def __len__(self) -> int:
        return int(self.voxels.counts.max())

    def __getitem__(self, fragment: int) -> Sample:  # type: ignore[override]
        if not 0 <= fragment < len(self):
            raise IndexError(f"fragment {fragment} of {len(self)}")
        rows = self.voxels.starts[:-1] + fragment % self.voxels.counts
        taken = select_points(self.sorted_sample, rows, also=self.grid_sample.keys)
        made = {}
        if self.grid_sample.return_grid_coord:
            made["grid_coord"] = self.voxels.grid_coord
        if self.grid_sample.return_inverse:
            made["inverse"] = self.voxels.inverse
        # A cloud that is itself a part of a larger one goes on naming the points of the larger one.
        if "index" not in point_keys(self.sample):
            taken["index"] = self.voxels.order.take(rows)
        return self.grid_sample.finish(self.sample, taken, made)

    @cached_property
    def sorted_sample(self) -> Sample:
        """The sample with its points in the order of their voxels, in which fragments are taken quickly."""
        return select_points(self.sample, self.voxels.order, also=self.grid_sample.keys)


@TRANSFORMS.register()
@dataclass(frozen=True)
class SphereCrop:
    """The points nearest to one of them, where there are more than `point_max`, or int(`sample_rate` * N).

    The centre is a random point (mode "random") or point N // 2 of the list (mode "center"). At least one
    point is kept; points stay in their order.
    """

    point_max: int = 80000
    sample_rate: float | None = None
    mode: str = "random"

    def __post_init__(self) -> None:
        check_positive("point_max", self.point_max)
        check_choice("mode", self.mode, ("random", "center"))
        if self.sample_rate is not None:
            check_positive("sample_rate", self.sample_rate)

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        coord = coordinates(sample)
        total = len(coord)
        keep = self.point_max if self.sample_rate is None else int(self.sample_rate * total)
        keep = max(1, int(keep))
        if total <= keep:
            return dict(sample)
        center = coord[rng.integers(total) if self.mode == "random" else total // 2]
        return select_points(sample, smallest(squared_distance(coord, center), keep))


def squared_distance(coord: NDArray[np.floating], center: NDArray[np.floating]) -> NDArray[np.floating]:
    """Squared distances [N] of points [N, 3] from `center` [3]."""
    x, y, z = (coord[:, axis] - center[axis] for axis in range(3))
    distance: NDArray[np.floating] = x * x + y * y + z * z
    return distance


def smallest(values: NDArray[np.floating], count: int) -> NDArray[np.int64]:
    """Rows of the `count` smallest of `values` [N], 1 <= count <= N, ascending; of equal values the first."""
    limit = np.partition(values, count - 1)[count - 1]
    rows = np.flatnonzero(values <= limit)
    if len(rows) > count:
        at_limit = np.flatnonzero(values.take(rows) == limit)
        rows = np.delete(rows, at_limit[count - len(rows) :])
    return rows


@TRANSFORMS.register()
@dataclass(frozen=True)
class ShufflePoint:
    """The points in random order."""

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        return select_points(sample, rng.permutation(len(coordinates(sample))))
