"""Validation: a network's loss and scores on the voxelised scenes of data.val."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from ffnet3d.engine.distributed import all_reduce
from ffnet3d.engine.errors import unwrap_errors
from ffnet3d.engine.metrics import ConfusionMatrix, Scores
from ffnet3d.registry import require
from ffnet3d.voxels import Pyramid

if TYPE_CHECKING:
    from lightning_fabric import Fabric


@dataclass(frozen=True)
class Evaluation:
    """Mean loss over the batches, and the scores over all points."""

    loss: float
    scores: Scores


@torch.no_grad()
def evaluate(
    network: nn.Module, loader: DataLoader, fabric: Fabric, num_classes: int, ignore_index: int = -1
) -> Evaluation:
    """Evaluate `network` (not wrapped for DDP) on the batches of every process's `loader`.

    In float32, without test-time views, each scene once, as Pointcept's SemSegEvaluator (which counts some
    scenes twice on several GPUs). A batch with `origin_segment` [N] and `inverse` [N], or, as in older
    configs, `origin_coord` [N, 3], is scored at full resolution, any other voxel by voxel. The network is
    left in evaluation mode.
    """
    network.eval()
    confusion = ConfusionMatrix(num_classes, ignore_index)
    losses = torch.zeros(2, dtype=torch.float64)  # sum, number of batches
    for batch in unwrap_errors(loader):
        batch = to_device(batch, fabric.device)
        output = network(batch)
        confusion.update(*predictions(output["seg_logits"], batch))
        losses += torch.tensor([output["loss"].item(), 1.0], dtype=torch.float64)
    total = all_reduce(fabric, losses, "sum")
    reduce_confusion(confusion, fabric)
    return Evaluation(loss=float(total[0] / total[1].clamp(min=1)), scores=confusion.scores())


def predictions(seg_logits: Tensor, batch: Mapping[str, Any]) -> tuple[Tensor, Tensor]:
    """Predicted and true labels [N] of a batch: of the original points where it maps them, else of voxels."""
    predicted = seg_logits.argmax(1)
    maps = [key for key in ("inverse", "origin_coord") if key in batch]
    if not maps:
        return predicted, batch["segment"]
    if "origin_segment" not in batch:
        raise ValueError(
            f"data.val.transform: {maps[0]!r} needs 'origin_segment' beside it; put "
            "Copy(keys_dict=dict(segment='origin_segment')) before GridSample and the key into Collect"
        )
    rows = batch["inverse"] if "inverse" in batch else nearest_points(batch)
    return predicted[rows], batch["origin_segment"]


def nearest_points(batch: Mapping[str, Any]) -> Tensor:
    """Row [N] of `coord` [M, 3] that is nearest to each of `origin_coord` [N, 3], scene by scene."""
    if "origin_offset" not in batch:
        raise ValueError(
            "data.val.transform: 'origin_coord' needs 'origin_offset' beside it; give Collect "
            "offset_keys_dict=dict(offset='coord', origin_offset='origin_coord')"
        )
    trees = require("scipy.spatial", "train").cKDTree
    coord, origin = batch["coord"].cpu().numpy(), batch["origin_coord"].cpu().numpy()
    bounds = pairwise([0, *batch["offset"].tolist()])
    origin_bounds = pairwise([0, *batch["origin_offset"].tolist()])
    rows = [
        start + trees(coord[start:end]).query(origin[first:last])[1]
        for (start, end), (first, last) in zip(bounds, origin_bounds, strict=True)
    ]
    return torch.from_numpy(np.concatenate(rows)).to(batch["coord"].device)


def reduce_confusion(confusion: ConfusionMatrix, fabric: Fabric) -> None:
    """Sum the matrix over all processes, in place."""
    confusion.matrix = all_reduce(fabric, confusion.matrix, "sum")


def to_device(batch: Mapping[str, Any], device: torch.device) -> dict[str, Any]:
    """The batch with its tensors, and its pyramid, on `device`."""
    return {
        key: value.to(device, non_blocking=True) if isinstance(value, Tensor | Pyramid) else value
        for key, value in batch.items()
    }
