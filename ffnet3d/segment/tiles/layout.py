"""Where bricks, tiles and halos lie on the voxel grid of a scan: metres to voxels."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ffnet3d.data.normals import GRID_SIZE as NORMALS_GRID
from ffnet3d.segment.tiles.options import BRICK_CELLS, DEFAULT_HALO_CELLS, REACH_SHARE, TileOptions

AXIS_BITS = 21
"""Bits of a brick's place on each axis within its key."""

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Layout:
    """The grid of a scan; lengths in voxels.

    Args:
        grid_size: edge of a voxel, metres.
        origin: [3] float64, the lowest voxel, which becomes 0.
        cell: edge of the network's coarsest cell.
        brick: edge of a brick, a multiple of `cell`.
        tile: edge of a tile, a multiple of `brick`; None: as the budget allows.
        halo: width of the surroundings, a multiple of `cell`.
        blend: width of the ramp on each side of a tile's border, at most `halo`.
        parts: each voxel keeps its points' means in parts**3 cubes, more than one where normals will be
            estimated from them, which wants a finer grid.
    """

    grid_size: float
    origin: NDArray[np.float64]
    cell: int
    brick: int
    tile: int | None
    halo: int
    blend: int
    parts: int = 1

    def locate(self, coord: NDArray[np.float32]) -> tuple[Ints, Ints]:
        """Points [N, 3] in metres -> the keys [N] of their bricks, and of their voxels' parts within those.

        Keys ascend lexicographically by x, y, z; `brick_places` and `part_cells` undo them.
        """
        place = coord.astype(np.float64) / self.grid_size
        whole = np.floor(place)
        part = np.minimum((place - whole) * self.parts, self.parts - 1).astype(np.int64)
        brick, cell = np.divmod(np.maximum(whole - self.origin, 0).astype(np.int64), self.brick)
        return _join(brick, 1 << AXIS_BITS), _join(cell, self.brick) * self.parts**3 + _join(part, self.parts)

    def brick_places(self, keys: Ints) -> Ints:
        """The bricks [B, 3], counted in bricks, of their keys [B]."""
        return _split(keys, 1 << AXIS_BITS)

    def part_cells(self, keys: Ints) -> Ints:
        """The voxels [V, 3] within a brick of the keys [V] of their parts."""
        return _split(keys // self.parts**3, self.brick)


def make_layout(
    bounds: NDArray[np.float64],
    grid_size: float,
    cell: int,
    options: TileOptions,
    reach: int | None = None,
    needs_normals: bool = False,
) -> Layout:
    """The layout for a scan within `bounds` [2, 3] metres and a network with coarsest cells of `cell` voxels.

    `reach` is the network's, in voxels, where it is known (see `theoretical_reach`). Raises ValueError for
    tiles smaller than a cell, a blend wider than the halo, and scans that cannot be in metres.
    """
    edge = cell * grid_size  # of the coarsest cell, metres
    tile_cells = None if options.tile is None else round(options.tile / edge)
    if options.tile is not None and options.tile < edge * (1 - 1e-6):
        raise ValueError(
            f"a tile of {options.tile:g} m is smaller than the network's coarsest cell, {edge:g} m: "
            "make --tile larger"
        )
    brick_cells = BRICK_CELLS if tile_cells is None else math.gcd(BRICK_CELLS, tile_cells)
    halo = _halo_cells(options, edge, cell, reach) * cell
    blend = halo // 4 if options.blend is None else round(options.blend / grid_size)
    if blend > halo:
        raise ValueError(
            f"tiles cannot be blended over {options.blend:g} m with a halo of {halo * grid_size:g} m: "
            "make the halo wider or the blend narrower"
        )
    origin = np.floor(bounds[0] / grid_size)
    brick = brick_cells * cell
    _check_extent(bounds, grid_size * brick)
    tile = None if tile_cells is None else tile_cells * cell
    parts = max(1, math.ceil(grid_size / NORMALS_GRID - 1e-6)) if needs_normals else 1
    return Layout(grid_size, origin, cell, brick, tile, halo, blend, parts)


def _halo_cells(options: TileOptions, edge: float, cell: int, reach: int | None) -> int:
    """Whole cells, since half a cell pools other voxels than the whole scan does."""
    if options.halo is not None:
        return math.ceil(options.halo / edge - 1e-6)
    return DEFAULT_HALO_CELLS if reach is None else math.ceil(REACH_SHARE * reach / cell)


def _check_extent(bounds: NDArray[np.float64], brick: float) -> None:
    size = bounds[1] - bounds[0]
    if not (np.isfinite(size).all() and size.max() / brick < 1 << AXIS_BITS):
        metres = " x ".join(f"{length:.6g}" for length in size)
        raise ValueError(
            f"the scan measures {metres} m, more than {brick * (1 << AXIS_BITS):.6g}: are its coordinates in "
            "metres? remove outliers, or say its unit (--unit)"
        )


def _join(place: Ints, edge: int) -> Ints:
    joined: Ints = (place[:, 0] * edge + place[:, 1]) * edge + place[:, 2]
    return joined


def _split(key: Ints, edge: int) -> Ints:
    return np.stack([key // edge**2, key // edge % edge, key % edge], axis=1)
