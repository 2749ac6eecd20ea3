"""Geometry by definition, over dictionaries or by search: slow, and independent of the production code."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

Cell = tuple[int, int, int, int]
"""batch, x, y, z"""


def interleaved_code(x: int, y: int, z: int) -> int:
    """Z-order code from the binary digits: x, y, z of the highest bit, then of the next, and so on."""
    digits = zip(*(f"{value:016b}" for value in (x, y, z)), strict=True)
    return int("".join(itertools.chain.from_iterable(digits)), base=2)


def neighbor_rows(cells: list[Cell], kernel_size: int) -> list[list[int]]:
    """Row of each cell of each window, offsets row-major over (dx, dy, dz); len(cells) where none is."""
    rows = {cell: row for row, cell in enumerate(cells)}
    steps = range(-(kernel_size // 2), kernel_size // 2 + 1)
    offsets = list(itertools.product(steps, steps, steps))
    return [
        [rows.get((b, x + dx, y + dy, z + dz), len(cells)) for dx, dy, dz in offsets] for b, x, y, z in cells
    ]


def sorted_cells(cells: list[Cell]) -> list[Cell]:
    """The distinct cells, batch by batch in z-order."""
    return sorted(set(cells), key=lambda cell: (cell[0], interleaved_code(*cell[1:])))


def parent_cell(cell: Cell, stride: int) -> Cell:
    """The cell `stride` times as large that contains `cell`."""
    b, x, y, z = cell
    return b, x // stride, y // stride, z // stride


def searched_rows(grid_coord: NDArray[np.int64], batch: NDArray[np.int64], kernel_size: int) -> NDArray:
    """Like `neighbor_rows`, by a binary search for each offset among sorted keys: for many voxels."""
    radius, count = kernel_size // 2, len(grid_coord)
    cells = grid_coord + radius
    edges = cells.max(axis=0) + radius + 1

    def keys(cells: NDArray[np.int64]) -> NDArray[np.int64]:
        return ((batch * edges[0] + cells[:, 0]) * edges[1] + cells[:, 1]) * edges[2] + cells[:, 2]

    order = np.argsort(keys(cells))
    ordered = keys(cells)[order]
    steps = range(-radius, radius + 1)
    table = np.empty((count, kernel_size**3), dtype=np.int64)
    for column, offset in enumerate(itertools.product(steps, steps, steps)):
        wanted = keys(cells + np.array(offset))
        position = np.searchsorted(ordered, wanted).clip(max=count - 1)
        table[:, column] = np.where(ordered[position] == wanted, order[position], count)
    return table
