"""The protocol as one would write it down: all views and fragments of a scene are made, kept, and voted on.

It shares the transforms with the tester, and nothing of how views are cut, kept, ordered and counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from ffnet3d.data.transforms import Compose
from ffnet3d.engine.build import build_dataset
from ffnet3d.engine.config import Config


@dataclass(frozen=True)
class PlainTest:
    """votes float32 [N, C], labels int64 [N], and how many fragments there were of each view."""

    votes: np.ndarray
    labels: np.ndarray
    fragments: list[int]


def plain_test(network: nn.Module, config: Config, scene: int) -> PlainTest:
    """Test one scene whose transforms draw nothing; the network is in evaluation mode."""
    test, rng = config.data.test, np.random.default_rng(0)
    cloud = Compose(test.transform)(build_dataset(config, "test").read(scene), rng)
    total = len(cloud["coord"])
    post = Compose(test.test_cfg.post_transform)
    views = []
    for view in test.test_cfg.aug_transform:
        copied = Compose(view)({**cloud, "index": np.arange(total)}, rng)
        parts = cut(copied, test.test_cfg.voxelize.grid_size)
        views.append([post(part, rng) for part in parts])
    votes = torch.zeros(total, config.data.num_classes)
    with torch.no_grad():
        for fragment in (fragment for view in views for fragment in view):
            votes[fragment["index"]] += network(fragment)["seg_logits"].softmax(1)
    return PlainTest(votes.numpy(), votes.argmax(1).numpy(), [len(view) for view in views])


def cut(cloud: dict[str, Any], grid_size: float) -> list[dict[str, Any]]:
    """As many fragments as the fullest voxel has points: number i holds point i modulo count of each."""
    total = len(cloud["coord"])
    cells = np.floor(cloud["coord"].astype(np.float64) / grid_size).astype(int)
    cells -= cells.min(axis=0)
    points: dict[tuple[int, ...], list[int]] = {}
    for point, cell in enumerate(map(tuple, cells)):
        points.setdefault(cell, []).append(point)
    parts = []
    for number in range(max(map(len, points.values()))):
        rows = np.array([inside[number % len(inside)] for inside in points.values()])
        part = {key: value[rows] if _per_point(value, total) else value for key, value in cloud.items()}
        parts.append({**part, "grid_coord": cells[rows]})
    return parts


def _per_point(value: Any, total: int) -> bool:
    return isinstance(value, np.ndarray) and value.ndim > 0 and len(value) == total
