"""The effective receptive field: how much each voxel of a scan contributes to what a network says of one.

Defined here as the gradient of the sum of the backbone's output features at a voxel with respect to the input
features of all voxels (the method commonly used for images, after RepLKNet, arXiv 2203.06717):

- Output features, not logits: class probabilities do not change where one number is added to all logits, so
  the sum of the logits is the very direction that says nothing of the class.
- The contribution of a voxel is the sum over input channels of the gradient's absolute value: pushing an
  output down is influence as well as pushing it up. (Clipping at zero, the other custom, drops the one.)
- The contributions of a sample voxel add up to 1, so that every sample counts the same.

Maxima in pooling pass a gradient to the child that was the largest only: this is the field of the network on
this scan, not of its architecture.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ffnet3d.analysis.study import progress
from ffnet3d.models import Block, FFNet3D
from ffnet3d.segment.torch_network import find_backbone

Floats = NDArray[np.float64]


def sample_rows(num_voxels: int, count: int, seed: int = 0) -> NDArray[np.int64]:
    """Rows of `count` sample voxels of `num_voxels` in z-order, int64 [count], ascending.

    One is drawn from each of `count` equal runs of the curve: they are spread over the scan, and every voxel
    is as likely as another. All voxels where there are no more. ValueError for a count below 1.
    """
    if count < 1:
        raise ValueError(f"the receptive field needs one sample voxel or more, got {count}")
    count = min(count, num_voxels)
    edges = np.arange(count + 1) * num_voxels // count
    rows: NDArray[np.int64] = np.random.default_rng(seed).integers(edges[:-1], edges[1:])
    return rows


def receptive_fields(
    segmentor: nn.Module,
    features: NDArray[np.floating],
    grid_coord: NDArray[np.integer],
    rows: Sequence[int] | NDArray[np.int64],
    condition: str | None = None,
    label: str = "receptive field",
) -> Iterator[Floats]:
    """The contribution of every voxel to each sample voxel, one after another: float64 [V], adding up to 1.

    One forward pass, and one backward pass a sample, with a bar named `label` on a terminal.

    Args:
        segmentor: a network with one FFNet3D, whichever its mixers; it stays as it is.
        features: [V, in_channels] input of the distinct voxels of one scan, in the network's own units.
        grid_coord: [V, 3] the voxels, 0..65535.
        rows: [S] the sample voxels.
        condition: for networks with norms by data set, the data set whose norms apply.

    Raises:
        ValueError: no FFNet3D, voxels that come twice, a row that is not there, a voxel whose output does not
            depend on the input.
    """
    backbone = without_recomputation(copy.deepcopy(find_backbone(segmentor)).eval().requires_grad_(False))
    parameter = next(backbone.parameters())
    feat = torch.as_tensor(features, dtype=parameter.dtype, device=parameter.device).requires_grad_()
    batch: dict[str, Any] = {
        "feat": feat,
        "grid_coord": torch.as_tensor(grid_coord, device=parameter.device),
        "offset": torch.tensor([len(feat)], device=parameter.device),
        "condition": condition,
    }
    batch["pyramid"] = pyramid = backbone.build_pyramid(batch)
    if pyramid.has_duplicates:
        raise ValueError(
            f"{len(feat)} voxels, but only {pyramid.levels[0].num_voxels} distinct ones: "
            "group the points first"
        )
    check_rows(rows, len(feat))
    with torch.enable_grad():
        output = backbone(batch).sum(dim=1)
    for row in progress([int(row) for row in rows], label):
        yield contributions(output[row], feat, row)


def without_recomputation(backbone: FFNet3D) -> FFNet3D:
    """The same network, which keeps its activations: they are needed for several backward passes."""
    for module in backbone.modules():
        if isinstance(module, Block):
            module.recompute = False
    return backbone


def contributions(output: Tensor, feat: Tensor, row: int) -> Floats:
    """The share of each voxel [V] in the gradient of one output with respect to the input `feat` [V, C].

    ValueError naming the voxel in `row` where the gradient is zero or not finite.
    """
    (gradient,) = torch.autograd.grad(output, feat, retain_graph=True)
    contribution: Floats = gradient.abs().double().sum(dim=1).cpu().numpy()
    total = contribution.sum()
    if not (np.isfinite(total) and total > 0):
        raise ValueError(
            f"the output at voxel {row} has the gradient {total:g} in all: the network's weights are "
            "degenerate there (all zero, or not finite); take a trained network"
        )
    share: Floats = contribution / total
    return share


def check_rows(rows: Sequence[int] | NDArray[np.int64], num_voxels: int) -> None:
    """ValueError where a sample voxel is not among the scan's, or there is none."""
    if len(rows) == 0:
        raise ValueError("the receptive field needs one sample voxel or more, got none")
    if np.min(rows) < 0 or np.max(rows) >= num_voxels:
        raise ValueError(
            f"sample voxels {np.min(rows)} to {np.max(rows)}: the scan has 0 to {num_voxels - 1}"
        )
