"""Which bricks make a tile: boxes of a given edge, or boxes that fill a budget of voxels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ffnet3d.segment.tiles.layout import Ints, Layout

MAX_VOXELS = 1 << 16
"""On an axis, of what a network gets at once."""


@dataclass(frozen=True)
class Tile:
    """A box of the voxel grid, from the voxel `low` up to, without, the voxel `high`: [3] each."""

    low: Ints
    high: Ints

    def overlaps(self, low: Ints, high: Ints) -> NDArray[np.bool_]:
        """Which of the boxes `low` to `high` [B, 3] share a voxel with this one, bool [B]."""
        return np.asarray(((low < self.high) & (high > self.low)).all(axis=-1))

    def grown(self, width: int) -> Tile:
        """The box with `width` voxels more on each side."""
        return Tile(self.low - width, self.high + width)


@dataclass(frozen=True)
class Bricks:
    """The bricks of a scan that hold anything.

    Args:
        layout: their grid.
        keys: [B], ascending, see `Layout.locate`.
        counts: [B] voxels of each.
    """

    layout: Layout
    keys: Ints
    counts: Ints

    @cached_property
    def places(self) -> Ints:
        """Where they are, counted in bricks, [B, 3]."""
        return self.layout.brick_places(self.keys)

    @cached_property
    def low(self) -> Ints:
        """Their lowest voxels, [B, 3]."""
        return self.places * self.layout.brick

    @cached_property
    def high(self) -> Ints:
        """The voxels behind their highest ones, [B, 3]."""
        return self.low + self.layout.brick

    def within(self, box: Tile) -> Ints:
        """Numbers of those that share a voxel with a box."""
        return np.flatnonzero(box.overlaps(self.low, self.high))

    def cost(self, rows: Ints) -> int:
        """Voxels of the tile around some bricks, its halo included to whole bricks."""
        return int(self.counts[self.within(self.tile(rows).grown(self.layout.halo))].sum())

    def tile(self, rows: Ints) -> Tile:
        """The smallest box around some bricks."""
        return Tile(self.low[rows].min(axis=0), self.high[rows].max(axis=0))


def plan_tiles(bricks: Bricks, budget: int, longest: int = MAX_VOXELS) -> list[Tile]:
    """Boxes that hold every brick once, near ones after each other.

    Without a given edge a box holds as much as lets it and its halo stay within `budget` voxels; a single
    brick may exceed it, since less halo would cost its labels. Neither is a box with its halo as long as
    `longest` voxels, unless it is a single brick.
    """
    rows = np.arange(len(bricks.keys))
    if bricks.layout.tile is not None:
        return list(_cubes(bricks, bricks.layout.tile))
    return list(_fill(bricks, rows, budget, longest))


def _cubes(bricks: Bricks, edge: int) -> Iterator[Tile]:
    for place in np.unique(bricks.low // edge, axis=0):
        yield Tile(place * edge, (place + 1) * edge)


def _fill(bricks: Bricks, rows: Ints, budget: int, longest: int) -> Iterator[Tile]:
    tile = bricks.tile(rows)
    size = int((tile.high - tile.low).max()) + 2 * bricks.layout.halo
    halves = _halves(bricks, rows)
    if not halves or (size < longest and bricks.cost(rows) <= budget):
        yield tile
        return
    for half in halves:
        yield from _fill(bricks, half, budget, longest)


def _halves(bricks: Bricks, rows: Ints) -> tuple[Ints, Ints] | None:
    """Cut some bricks in two halves of about as many voxels, across the axis that costs least halo."""
    cuts = [cut for axis in range(3) if (cut := _cut(bricks, rows, axis))]
    return min(cuts, key=lambda cut: sum(map(bricks.cost, cut)), default=None)


def _cut(bricks: Bricks, rows: Ints, axis: int) -> tuple[Ints, Ints] | None:
    places = bricks.places[rows, axis]
    planes = np.unique(places)[1:]
    if not len(planes):
        return None
    order = np.argsort(places, kind="stable")
    below = np.cumsum(bricks.counts[rows[order]])
    before = below[np.searchsorted(places[order], planes) - 1]  # voxels on the lower side of each plane
    plane = planes[np.abs(2 * before - below[-1]).argmin()]
    return rows[places < plane], rows[places >= plane]
