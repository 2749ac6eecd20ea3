"""An exported network against the segmentor it came from: the same clouds through both."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ffnet3d.voxels import NumpyPyramid, build_numpy_pyramid
from ffnet3d.voxels.kernels import Kernel

TOLERANCE = 1e-4  # of the largest logit
Floats = NDArray[np.float32]
Run = Callable[[Floats, Mapping[str, NDArray[np.int32]]], Floats]
"""Features [V, C] and tables, as `ExportableNetwork` takes them, to logits [V, classes]."""


@dataclass(frozen=True)
class Trial:
    """A cloud, ready for an exported network, and what PyTorch says of it."""

    features: Floats  # [V, C], voxels in z-order
    pyramid: NumpyPyramid
    expected: Floats  # [V, classes]


def make_trials(
    segmentor: nn.Module,
    in_channels: int,
    strides: tuple[int, ...],
    kernel_sizes: tuple[tuple[Kernel, ...], ...],
    condition: str | None,
) -> list[Trial]:
    """A random cloud and a surface with the segmentor's own logits, from PyTorch in float32.

    ValueError where these are not finite.
    """
    reference = copy.deepcopy(segmentor).eval().float().cpu()
    rng = np.random.default_rng(0)
    trials = []
    for cells in (_random_cells(rng), _surface_cells()):
        pyramid = build_numpy_pyramid(cells, strides, kernel_sizes)
        grid_coord = pyramid.levels[0].grid_coord
        features = rng.uniform(-1, 1, (len(grid_coord), in_channels)).astype(np.float32)
        batch = {
            "feat": torch.from_numpy(features),
            "grid_coord": torch.from_numpy(grid_coord),
            "offset": torch.tensor([len(features)]),
            "condition": condition,
        }
        with torch.inference_mode():
            expected = reference(batch)["seg_logits"].numpy()
        if not np.isfinite(expected).all():
            raise ValueError("the network's logits are not finite: are its weights?")
        trials.append(Trial(features, pyramid, expected))
    return trials


def check_against(trials: list[Trial], run: Run, name: str) -> float:
    """The largest difference of logits; ValueError where it is over 1e-4 of the largest logit."""
    largest = 0.0
    for trial in trials:
        difference = float(np.abs(run(trial.features, trial.pyramid.tables()) - trial.expected).max())
        scale = float(np.abs(trial.expected).max())
        if not difference <= TOLERANCE * scale:  # a NaN is no agreement
            raise ValueError(
                f"{name}: its logits differ from PyTorch's by {difference:.2g}, where the largest is "
                f"{scale:.2g}: no file was written"
            )
        largest = max(largest, difference)
    return largest


def _random_cells(rng: np.random.Generator) -> NDArray[np.int64]:
    """Voxels [N, 3] here and there, many without neighbours."""
    return rng.integers((100, 1000, 0), (124, 1024, 24), (1500, 3))


def _surface_cells() -> NDArray[np.int64]:
    """Voxels [N, 3] of a floor with waves and a wall."""
    x, y = np.divmod(np.arange(48 * 48), 48)
    floor = np.column_stack((x, y, 3 + np.round(2 * np.sin(x / 5) + np.cos(y / 4))))
    wall = np.column_stack((np.zeros_like(x), x, y))
    return np.concatenate((floor, wall)).astype(np.int64)
