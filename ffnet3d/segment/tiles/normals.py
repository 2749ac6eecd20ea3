"""Normals for the voxels of a scan that has none, each estimated once.

Which side of a surface is the inside of a room is told by places where one can stand, so the boxes are large:
several rooms in one, as much as a machine holds. They do not depend on the tiles that are predicted later.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ffnet3d.data.normals import estimate_normals
from ffnet3d.segment.tiles.layout import Ints, Layout
from ffnet3d.segment.tiles.plan import MAX_VOXELS, Bricks, plan_tiles
from ffnet3d.segment.tiles.progress import NoBar
from ffnet3d.segment.tiles.voxels import VoxelStore

BUDGET = 1_000_000
"""Most parts of voxels in a box, its halo of one brick included; about 0.7 GB."""


def fill_normals(store: VoxelStore, layout: Layout, keys: Ints, bar: NoBar) -> None:
    """Put estimated normals into a store of the bricks with the keys [B]; `bar` is told the parts."""
    bricks = Bricks(replace(layout, halo=layout.brick, tile=None), keys, store.sizes)
    for box in plan_tiles(bricks, BUDGET, MAX_VOXELS // layout.parts):
        around = bricks.within(box.grown(bricks.layout.halo)).tolist()
        parts = [store.read(brick) for brick in around]
        normal = estimate_normals(np.concatenate([part["coord"] for part in parts]))
        ends = np.cumsum([len(part) for part in parts])
        own = set(bricks.within(box).tolist())
        for brick, part, part_normal in zip(around, parts, np.split(normal, ends[:-1]), strict=True):
            if brick in own:
                part["normal"] = part_normal
                store.write(brick, part)
                bar.update(len(part))
