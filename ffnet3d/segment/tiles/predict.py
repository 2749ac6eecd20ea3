"""A tile and its halo through the network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ffnet3d.segment.network import VoxelNetwork
from ffnet3d.segment.points import Points
from ffnet3d.segment.recipe import Recipe
from ffnet3d.segment.tiles.layout import Ints
from ffnet3d.segment.tiles.plan import Bricks, Tile
from ffnet3d.segment.tiles.voxels import VoxelStore
from ffnet3d.voxels.numpy_keys import first_of_runs

Floats = NDArray[np.float32]


class Predictor(Protocol):
    """What is needed of a `Segmenter`."""

    @property
    def recipe(self) -> Recipe: ...
    @property
    def cell(self) -> int: ...
    @property
    def num_classes(self) -> int: ...
    @property
    def network(self) -> VoxelNetwork: ...

    def voxel_probabilities(self, points: Points, cells: Ints) -> tuple[Floats, Ints]:
        """Points [N] and their voxels [N, 3] -> probabilities [V, C], and each point's row among them [N]."""
        ...


@dataclass(frozen=True)
class Vote:
    """What a tile says of the voxels of one brick.

    Args:
        brick: its number.
        cells: [V, 3] all of its voxels, in the order of the store.
        probabilities: [V, C]; where the tile's weight is 0 they may be anything.
    """

    brick: int
    cells: Ints
    probabilities: Floats


@dataclass(frozen=True)
class _Piece:
    """A brick as far as it lies in a tile's context."""

    number: int
    cells: Ints  # [V, 3], all of its voxels
    inside: NDArray[np.bool_]  # [V]
    records: NDArray  # [P], the parts of those inside
    first: NDArray[np.bool_]  # [P], which of them begin a voxel


def predict_tile(tile: Tile, bricks: Bricks, store: VoxelStore, predictor: Predictor) -> Iterator[Vote]:
    """The votes of a tile on its bricks, and on those that its blend with its neighbours reaches."""
    context = tile.grown(bricks.layout.halo)
    pieces = [_piece(number, bricks, store, context) for number in bricks.within(context).tolist()]
    points = store.points(
        np.concatenate([piece.records for piece in pieces]), np.concatenate([piece.first for piece in pieces])
    )
    cells = np.concatenate([piece.cells[piece.inside] for piece in pieces])
    probabilities, inverse = predictor.voxel_probabilities(points, cells - context.low)
    zone = tile.grown(bricks.layout.blend)
    start = 0
    for piece in pieces:
        stop = start + int(piece.inside.sum())
        if zone.overlaps(bricks.low[piece.number], bricks.high[piece.number]):
            answer = np.zeros((len(piece.cells), probabilities.shape[1]), dtype=np.float32)
            answer[piece.inside] = probabilities[inverse[start:stop]]
            yield Vote(piece.number, piece.cells, answer)
        start = stop


def _piece(number: int, bricks: Bricks, store: VoxelStore, context: Tile) -> _Piece:
    records = store.read(number)
    parts = bricks.layout.parts**3
    first = first_of_runs(records["key"] // parts)
    cells = bricks.layout.part_cells(records["key"][first]) + bricks.low[number]
    inside = ((cells >= context.low) & (cells < context.high)).all(axis=1)
    kept = inside[np.cumsum(first) - 1]
    return _Piece(number, cells, inside, records[kept], first[kept])
