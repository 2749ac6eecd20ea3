"""Geometry by definition, over dictionaries or by search: slow, and independent of the production code."""

from __future__ import annotations

import itertools
import re

import numpy as np
from numpy.typing import NDArray

Cell = tuple[int, int, int, int]
"""batch, x, y, z"""


def interleaved_code(x: int, y: int, z: int) -> int:
    """Z-order code from the binary digits: x, y, z of the highest bit, then of the next, and so on."""
    digits = zip(*(f"{value:016b}" for value in (x, y, z)), strict=True)
    return int("".join(itertools.chain.from_iterable(digits)), base=2)


def kernel_window(kernel: int | str) -> list[tuple[int, int, int]]:
    """The offsets (dx, dy, dz) of a kernel, row-major: all of the surrounding cube that its name admits."""
    numbers = [int(number) for number in re.findall(r"\d+", str(kernel))]
    edges = numbers if len(numbers) == 3 else numbers * 3
    steps = [range(-(edge // 2), edge // 2 + 1) for edge in edges]
    most = 1 if str(kernel).startswith("cross") else 3
    return [offset for offset in itertools.product(*steps) if sum(step != 0 for step in offset) <= most]


def neighbor_rows(cells: list[Cell], kernel: int | str) -> list[list[int]]:
    """Row of each cell of each window, offsets as `kernel_window`; len(cells) where none is."""
    rows = {cell: row for row, cell in enumerate(cells)}
    offsets = kernel_window(kernel)
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


def searched_rows(grid_coord: NDArray[np.int64], batch: NDArray[np.int64], kernel: int | str) -> NDArray:
    """Like `neighbor_rows`, by a binary search for each offset among sorted keys: for many voxels."""
    offsets, count = np.array(kernel_window(kernel)), len(grid_coord)
    radius = int(offsets.max())
    cells = grid_coord + radius
    edges = cells.max(axis=0) + radius + 1

    def keys(cells: NDArray[np.int64]) -> NDArray[np.int64]:
        return ((batch * edges[0] + cells[:, 0]) * edges[1] + cells[:, 1]) * edges[2] + cells[:, 2]

    order = np.argsort(keys(cells))
    ordered = keys(cells)[order]
    table = np.empty((count, len(offsets)), dtype=np.int64)
    for column, offset in enumerate(offsets):
        wanted = keys(cells + offset)
        position = np.searchsorted(ordered, wanted).clip(max=count - 1)
        table[:, column] = np.where(ordered[position] == wanted, order[position], count)
    return table
