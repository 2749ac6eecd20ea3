"""A scan of any size -> labels."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ffnet3d.data.normals import GRID_SIZE as NORMALS_GRID
from ffnet3d.segment.labels import Labels
from ffnet3d.segment.points import Points, join
from ffnet3d.segment.tiles.blend import Blender
from ffnet3d.segment.tiles.layout import Layout, make_layout
from ffnet3d.segment.tiles.normals import fill_normals
from ffnet3d.segment.tiles.options import TileOptions
from ffnet3d.segment.tiles.plan import MAX_VOXELS, Bricks, Tile, plan_tiles
from ffnet3d.segment.tiles.predict import Predictor, predict_tile
from ffnet3d.segment.tiles.progress import MakeBar, NoBar
from ffnet3d.segment.tiles.reach import theoretical_reach
from ffnet3d.segment.tiles.scratch import check_space, mapped_array, naming_full_disk
from ffnet3d.segment.tiles.spill import Spill
from ffnet3d.segment.tiles.voxels import VoxelStore, store_voxels
from ffnet3d.voxels.voxelize import grid_coordinates

POINT_BYTES = 64
"""Of scratch space for a point, about: what is known of it, its label, and its share of a voxel."""
UNBOUNDED = (
    "how far this network looks has no known bound (window attention goes along the curve of the voxels): "
    "the labels of tiles may differ from those of the whole scan, far from their borders as well"
)

logger = logging.getLogger(__name__)


class Chunk(Protocol):
    """Some points of a scan, and their numbers [n] in it."""

    @property
    def points(self) -> Points: ...
    @property
    def rows(self) -> NDArray[np.int64]: ...


class PointSource(Protocol):
    """What is needed of a `Scan`: its points in runs, in metres, z up."""

    @property
    def num_points(self) -> int: ...
    @property
    def bounds(self) -> NDArray[np.float64]: ...
    @property
    def needs_normals(self) -> bool: ...

    def chunks(self) -> Iterator[Any]:
        """`Chunk`s; points that are in none have no label."""
        ...


def label_scan(
    scan: PointSource,
    predictor: Predictor,
    options: TileOptions,
    scratch: Path,
    progress: MakeBar = NoBar,
) -> Labels:
    """Labels int16 and confidences float32 [N] of every point of a scan, in its order.

    Points that the scan does not give out get -1 and 0. Of a large scan both arrays are mapped from a file
    in the folder `scratch`; nothing stays there. `progress` is tqdm or the like. Raises ValueError for
    options that do not fit the network, a scan that cannot be in metres, and too small a scratch disk.
    """
    if scan.num_points <= options.whole_up_to and _fits_grid(scan, predictor):
        return _label_whole(scan, predictor)
    reach = reach_of(predictor.network)
    layout = make_layout(
        scan.bounds, predictor.recipe.grid_size, predictor.cell, options, reach, scan.needs_normals
    )
    if reach is None:
        logger.warning(UNBOUNDED)
    check_space(scratch, scan.num_points * POINT_BYTES)
    with naming_full_disk(scratch):
        return _label_tiles(scan, predictor, options, layout, scratch, progress)


def reach_of(network: Any) -> int | None:
    """`theoretical_reach` of a network that says how far its stages look (`reach`); else None."""
    stages = getattr(network, "reach", None)
    return None if stages is None else theoretical_reach(network.strides, *stages)


def _fits_grid(scan: PointSource, predictor: Predictor) -> bool:
    grid_size = predictor.recipe.grid_size
    finest = min(grid_size, NORMALS_GRID) if scan.needs_normals else grid_size
    return bool((np.ptp(scan.bounds, axis=0) / finest).max() < MAX_VOXELS - 2)


def _label_whole(scan: PointSource, predictor: Predictor) -> Labels:
    label = np.full(scan.num_points, -1, dtype=np.int16)
    confidence = np.zeros(scan.num_points, dtype=np.float32)
    chunks = [chunk for chunk in scan.chunks() if len(chunk.rows)]
    if not chunks:
        return Labels(label, confidence)
    points, rows = join([chunk.points for chunk in chunks]), np.concatenate([chunk.rows for chunk in chunks])
    cells = grid_coordinates(points.coord, predictor.recipe.grid_size)
    probabilities, inverse = predictor.voxel_probabilities(points, cells)
    label[rows] = probabilities.argmax(axis=1)[inverse]
    confidence[rows] = probabilities.max(axis=1)[inverse]
    return Labels(label, confidence)


@dataclass(frozen=True)
class _Stored:
    """A scan in scratch files."""

    spill: Spill
    store: VoxelStore
    bricks: Bricks


def _label_tiles(
    scan: PointSource,
    predictor: Predictor,
    options: TileOptions,
    layout: Layout,
    scratch: Path,
    progress: MakeBar,
) -> Labels:
    labels = Labels(
        mapped_array(scratch, scan.num_points, np.int16, -1),
        mapped_array(scratch, scan.num_points, np.float32, 0),
    )
    with ExitStack() as stack:
        spill = stack.enter_context(closing(_spill(scan, layout, scratch, progress)))
        keys = spill.bricks()
        if not len(keys):
            return labels
        store = stack.enter_context(closing(_reduce(spill, keys, scan, scratch, progress)))
        bricks = Bricks(layout, keys, store.counts)
        tiles = plan_tiles(bricks, options.voxels)
        blender = stack.enter_context(closing(Blender(scratch, bricks, tiles, predictor.num_classes)))
        _log_plan(bricks, tiles)
        _predict(_Stored(spill, store, bricks), tiles, blender, predictor, labels, progress)
    return labels


def _spill(scan: PointSource, layout: Layout, scratch: Path, progress: MakeBar) -> Spill:
    spill = Spill(scratch, layout)
    try:
        with progress(total=scan.num_points, desc="read", unit="point", unit_scale=True) as bar:
            for chunk in scan.chunks():
                spill.add(chunk.points, chunk.rows)
                bar.update(len(chunk.rows))
        spill.flush()
    except BaseException:
        spill.close()
        raise
    return spill


def _reduce(
    spill: Spill, keys: NDArray[np.int64], scan: PointSource, scratch: Path, progress: MakeBar
) -> VoxelStore:
    with progress(total=scan.num_points, desc="voxels", unit="point", unit_scale=True) as bar:
        store = store_voxels(spill, scratch, bar, scan.needs_normals)
    if scan.needs_normals:
        with progress(total=int(store.sizes.sum()), desc="normals", unit="voxel", unit_scale=True) as bar:
            fill_normals(store, spill.layout, keys, bar)
    return store


def _log_plan(bricks: Bricks, tiles: list[Tile]) -> None:
    layout = bricks.layout
    logger.info(
        "%d voxels in %d tiles, halo %.2f m, blended over %.2f m on each side of a border",
        bricks.counts.sum(),
        len(tiles),
        layout.halo * layout.grid_size,
        layout.blend * layout.grid_size,
    )


def _predict(
    stored: _Stored,
    tiles: list[Tile],
    blender: Blender,
    predictor: Predictor,
    labels: Labels,
    progress: MakeBar,
) -> None:
    with progress(total=len(tiles), desc="predict", unit="tile") as bar:
        for tile in tiles:
            votes = predict_tile(tile, stored.bricks, stored.store, predictor)
            for brick, probabilities in blender.add(tile, votes):
                _write_labels(stored, brick, probabilities, labels)
            bar.update(1)


def _write_labels(stored: _Stored, brick: int, probabilities: NDArray[np.float32], labels: Labels) -> None:
    """Give the points of a brick the answer [V, C] for its voxels."""
    label, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    parts = stored.spill.layout.parts**3
    voxels = stored.store.voxel_keys(stored.store.read(brick))
    for block in stored.spill.blocks(int(stored.bricks.keys[brick])):
        _, keys = stored.spill.layout.locate(block["coord"])
        voxel = np.searchsorted(voxels, keys // parts)
        labels.label[block["row"]] = label[voxel]
        labels.confidence[block["row"]] = confidence[voxel]
