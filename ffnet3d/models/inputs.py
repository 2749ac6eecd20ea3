"""What the network reads of a batch, checked at the border."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ffnet3d.voxels import offset2batch

REMEDY = {
    "feat": "Collect(feat_keys=(...)) makes it",
    "grid_coord": "GridSample(return_grid_coord=True) and Collect(keys=(..., 'grid_coord')) make it",
}


@dataclass(frozen=True)
class PointBatch:
    """Points of several scenes, one after another.

    feat: [N, C] floating point; grid_coord: [N, 3] integers, voxels; batch: [N] int64, each point's scene.
    """

    feat: Tensor
    grid_coord: Tensor
    batch: Tensor


def read_points(sample: Mapping[str, Any], in_channels: int) -> PointBatch:
    """The points of a batch mapping: keys feat, grid_coord, and offset [B] or batch [N].

    Raises ValueError naming the key that is missing, or has the wrong shape or dtype, and the remedy.
    """
    feat = _read(sample, "feat")
    grid_coord = _read(sample, "grid_coord")
    if feat.ndim != 2 or feat.shape[1] != in_channels:
        raise ValueError(
            f"feat must be [N, {in_channels}], got {list(feat.shape)}: "
            "in_channels of the backbone must be the width of Collect's feat_keys"
        )
    if not feat.is_floating_point():
        raise ValueError(f"feat must be floating point, got {feat.dtype}: add NormalizeColor or .float()")
    if feat.shape[0] == 0:
        raise ValueError("the batch has no points: drop empty scenes before batching")
    if list(grid_coord.shape) != [feat.shape[0], 3]:
        raise ValueError(f"grid_coord must be [{feat.shape[0]}, 3] beside feat, got {list(grid_coord.shape)}")
    if not _is_integer(grid_coord):
        raise ValueError(f"grid_coord must hold integers (voxels, not metres), got {grid_coord.dtype}")
    return PointBatch(feat, grid_coord, _read_batch(sample, feat.shape[0]))


def _read(sample: Mapping[str, Any], key: str) -> Tensor:
    if key not in sample:
        raise ValueError(f"the batch has no {key!r} (it has {', '.join(map(str, sample))}): {REMEDY[key]}")
    value = sample[key]
    if not isinstance(value, Tensor):
        raise ValueError(f"{key} must be a tensor, got {type(value).__name__}: add ToTensor")
    return value


def _is_integer(tensor: Tensor) -> bool:
    return not (tensor.is_floating_point() or tensor.is_complex() or tensor.dtype == torch.bool)


def _read_batch(sample: Mapping[str, Any], num_points: int) -> Tensor:
    """The scene of each point [N], from `batch` [N] or from `offset` [B] (the end of each scene)."""
    key = "batch" if "batch" in sample else "offset"
    value = sample.get(key)
    if not isinstance(value, Tensor) or value.ndim != 1 or not _is_integer(value):
        raise ValueError(f"the batch needs integers offset [B] or batch [N], got {key}={value!r}")
    if key == "batch":
        if value.shape[0] != num_points:
            raise ValueError(
                f"batch must name the scene of each of {num_points} points, got {value.shape[0]}"
            )
        return value.long()
    if value.shape[0] == 0 or int(value[-1]) != num_points:
        raise ValueError(f"offset must end at the number of points, {num_points}, got {value.tolist()}")
    return offset2batch(value)
