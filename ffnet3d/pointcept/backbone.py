"""The backbone behind Pointcept's interface: a `Point` gives a `Point`, a plain dict gives features."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from pointcept.models.builder import MODELS
from pointcept.models.utils.structure import Point
from torch import Tensor

from ffnet3d.models import network
from ffnet3d.models.network import Encoding
from ffnet3d.models.registry import MODELS as OURS
from ffnet3d.models.release import check_function, from_release_entry, is_released
from ffnet3d.ops import segment_reduce
from ffnet3d.voxels import batch2offset

BATCH_WIDE = ("condition", "context")  # keys of a Point that hold for the whole batch


@MODELS.register_module("FFNet3D")
class FFNet3D(network.FFNet3D):
    """FFNet3D for Pointcept; arguments as for the standalone backbone, which are those of the release.

    ValueError naming an argument that is unknown or out of range.
    """

    def __init__(self, **arguments: Any) -> None:
        OURS.check({"type": "FFNet3D", **arguments})
        super().__init__(**arguments)
        # Pointcept's CheckpointLoader passes over names that it does not know, and would train from scratch.
        self.register_load_state_dict_pre_hook(take_released)

    def forward(self, batch: Mapping[str, Any]) -> Any:
        """A Point with `feat` [N, C] for a Point, features [N, C] for any other mapping.

        `cls_mode`: a Point of the coarsest voxels, whose `pooling_parent` and `pooling_inverse` lead back to
        the points; the mean of each scene [B, C] for any other mapping.
        """
        if not isinstance(batch, Point):
            return super().forward(with_grid(batch))
        point = Point(with_grid(batch))
        if self.config.cls_mode:
            return coarsest_point(point, self.encode(point))
        point["feat"] = super().forward(point)
        return point


if MODELS.get("ffnet") is None:  # the authors' fork of Pointcept has its own
    MODELS.register_module("ffnet", module=FFNet3D)


def take_released(module: FFNet3D, weights: dict[str, Tensor], prefix: str, *_: Any) -> None:
    """Bring names and layout of the released code in `weights`, where they are its, to ours."""
    names = [name.removeprefix(prefix) for name in weights if name.startswith(prefix)]
    if not is_released(names):
        return
    check_function(module.config.pdnorm_ln, module.config.pdnorm_decouple)
    for name in names:
        renamed, value = from_release_entry(name, weights.pop(prefix + name))
        weights[prefix + renamed] = value


def with_grid(batch: Mapping[str, Any]) -> Mapping[str, Any]:
    """The batch with `grid_coord` [N, 3], made of `coord` [N, 3] m and `grid_size` m where it has none."""
    if "grid_coord" in batch or not {"coord", "grid_size"} <= set(batch):
        return batch
    coord = batch["coord"]
    cells = torch.div(coord - coord.amin(0), batch["grid_size"], rounding_mode="trunc")
    return {**batch, "grid_coord": cells.int()}


def coarsest_point(point: Point, encoding: Encoding) -> Point:
    """The encoder's coarsest voxels, chained to the points level by level as Pointcept's poolings do."""
    pyramid = encoding.pyramid
    point["feat"] = encoding.features[0].index_select(0, pyramid.point_to_voxel)
    parents = [pyramid.parents[0].index_select(0, pyramid.point_to_voxel), *pyramid.parents[1:]]
    for features, level, parent in zip(encoding.features[1:], pyramid.levels[1:], parents, strict=True):
        shared = {key: point[key] for key in BATCH_WIDE if key in point}
        point = Point(
            feat=features,
            coord=segment_reduce(point["coord"], parent, level.num_voxels, "mean"),
            grid_coord=level.grid_coord,
            batch=level.batch,
            offset=batch2offset(level.batch, len(point["offset"])),
            pooling_inverse=parent,
            pooling_parent=point,
            **shared,
        )
    return point
