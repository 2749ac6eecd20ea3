"""A scene as corruptions take it: points with their labels, before any transform."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ffnet3d.data.registry import Sample
from ffnet3d.data.transforms.points import POINT_KEYS

Floats: TypeAlias = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class PointScene:
    """Points of a scene, N >= 1; corruptions make new scenes of it and leave its arrays as they are."""

    coord: Floats  # [N, 3] metres, z up
    color: Floats | None  # [N, 3] 0-255; None: the scene has no colours
    normal: Floats | None  # [N, 3] of length 1; None: the scene has no normals
    segment: NDArray[np.int32]  # [N] labels
    ignore_index: int = -1  # label of the points that are not scored

    def __len__(self) -> int:
        return len(self.coord)

    def take(self, rows: NDArray[np.integer]) -> PointScene:
        """The points `rows` [M] alone, labels and all."""
        return replace(
            self,
            coord=self.coord[rows],
            color=None if self.color is None else self.color[rows],
            normal=None if self.normal is None else self.normal[rows],
            segment=self.segment[rows],
        )

    def box(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Lower and upper corner [3], metres."""
        return self.coord.min(axis=0).astype(np.float64), self.coord.max(axis=0).astype(np.float64)


def scene_of(sample: Mapping[str, Any], ignore_index: int = -1, with_normals: bool = True) -> PointScene:
    """The scene of an untransformed sample; without its normals where those are only estimated."""
    normal = sample.get("normal") if with_normals else None
    return PointScene(sample["coord"], sample.get("color"), normal, sample["segment"], ignore_index)


def sample_of(scene: PointScene, former: Mapping[str, Any]) -> Sample:
    """A sample of the scene with the name and split of `former`; other arrays by point are left out."""
    sample = {key: value for key, value in former.items() if key not in POINT_KEYS}
    arrays = {"coord": scene.coord, "color": scene.color, "normal": scene.normal, "segment": scene.segment}
    return {**sample, **{key: array for key, array in arrays.items() if array is not None}}
