"""Hypothesis strategies for voxels: clustered, at the borders of the grid, in several batches."""

from __future__ import annotations

import torch
from hypothesis import strategies as st
from torch import Tensor

COORDINATES = st.one_of(st.integers(0, 3), st.integers(65532, 65535), st.sampled_from([255, 256, 4095, 4096]))
CELLS = st.tuples(st.sampled_from([0, 1, 2, 32700]), COORDINATES, COORDINATES, COORDINATES)
DENSE_CELLS = st.tuples(st.integers(0, 2), *[st.integers(0, 4)] * 3)

KERNELS = st.sampled_from(
    [1, 3, 5, 7, 9, "9x1x1", "1x9x1", "1x1x9", "3x1x5", "7x5x1", "1x3x3", "cross9", "cross5"]
)
"""Cubes, boxes along every axis and in planes, crosses."""


def cell_lists(unique: bool, min_size: int = 0) -> st.SearchStrategy[list[tuple[int, int, int, int]]]:
    """Lists of (batch, x, y, z): some packed so that windows are full, some scattered over the borders."""
    kinds = [st.lists(cells, unique=unique, min_size=min_size, max_size=60) for cells in (CELLS, DENSE_CELLS)]
    return st.one_of(*kinds)


def tensors(cells: list[tuple[int, int, int, int]]) -> tuple[Tensor, Tensor]:
    """grid_coord [N, 3] and batch [N] of cells."""
    table = torch.tensor(cells, dtype=torch.int64).reshape(-1, 4)
    return table[:, 1:].contiguous(), table[:, 0].contiguous()


def surface_cells(points: int) -> tuple[Tensor, Tensor]:
    """Distinct cells [V, 3] of three bumpy sheets, two of them at one place, and their batch indices [V]."""
    generator = torch.Generator().manual_seed(0)
    x, y = torch.rand(2, points, generator=generator) * points**0.5 / 3
    z = 30000 + 5 * torch.sin(x / 9) + 4 * torch.cos(y / 7)
    batch = torch.randint(0, 3, (points,), generator=generator)
    cells = torch.stack((batch, x + 100 * (batch == 2), y, z), dim=1).long().unique(dim=0)
    return cells[:, 1:].contiguous(), cells[:, 0].contiguous()
