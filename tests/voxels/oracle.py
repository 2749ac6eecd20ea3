"""Geometry by definition, in plain Python over dictionaries: slow, and independent of the production code."""

from __future__ import annotations

import itertools

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
