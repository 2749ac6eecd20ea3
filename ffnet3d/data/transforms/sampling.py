"""Which points of a scene go on: one of each voxel, the nearest of a place, all in random order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ffnet3d.data.registry import TRANSFORMS, Sample
from ffnet3d.data.transforms.arguments import check_choice, check_positive
from ffnet3d.data.transforms.points import coordinates, point_keys, select_points, value_of
from ffnet3d.voxels import Voxels, voxelize


@TRANSFORMS.register()
@dataclass(frozen=True)
class GridSample:
    """One point of each voxel of edge `grid_size` metres; the voxels come in z-order.

    mode "train": a point drawn uniformly from each voxel. mode "test": a sequence of samples, as many as the
    fullest voxel has points; number i takes point i modulo count of each voxel and names it in "index", so
    that together they hold every point.

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
        chosen = voxels.order[voxels.starts[:-1] + rng.integers(voxels.counts)]
        return self.take(sample, voxels, chosen)

    def take(self, sample: Sample, voxels: Voxels, chosen: NDArray[np.int64]) -> Sample:
        """The sample of the points `chosen` [M], one of each voxel, with the results asked for."""
        taken = select_points(sample, chosen, also=self.keys)
        coord = coordinates(sample)
        made: Sample = {}
        if self.return_grid_coord:
            made["grid_coord"] = voxels.grid_coord
        if self.return_displacement:
            made["displacement"] = self._displacement(taken)
        if "index_valid_keys" in sample:
            made["index_valid_keys"] = list(dict.fromkeys([*sample["index_valid_keys"], *made]))
        if self.return_inverse:
            made["inverse"] = voxels.inverse
        if self.return_min_coord:
            corner = np.floor(coord.min(axis=0).astype(np.float64) / self.grid_size) * self.grid_size
            made["min_coord"] = corner[None].astype(coord.dtype)
        return {**taken, **made}

    def _displacement(self, taken: Sample) -> NDArray[np.floating]:
        coord = coordinates(taken)
        scaled = coord.astype(np.float64) / self.grid_size
        displacement = scaled - np.floor(scaled) - 0.5
        if self.project_displacement:
            displacement = (displacement * value_of(taken, "normal")).sum(axis=1, keepdims=True)
        return displacement.astype(coord.dtype)


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
        chosen = self.voxels.order[self.voxels.starts[:-1] + fragment % self.voxels.counts]
        taken = self.grid_sample.take(self.sample, self.voxels, chosen)
        # A cloud that is itself a part of a larger one goes on naming the points of the larger one.
        return taken if "index" in point_keys(self.sample) else {**taken, "index": chosen}


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
        squared_distance = np.square(coord - center).sum(axis=1)
        return select_points(sample, np.sort(np.argpartition(squared_distance, keep - 1)[:keep]))


@TRANSFORMS.register()
@dataclass(frozen=True)
class ShufflePoint:
    """The points in random order."""

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        return select_points(sample, rng.permutation(len(coordinates(sample))))
