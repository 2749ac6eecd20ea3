"""Scans of any size in bounded memory: tiles that see their surroundings, blended where they meet.

A scan is read once. Its points go to a scratch file by brick, a cube of a few of the network's coarsest
cells (`spill`); each brick is then reduced to its voxels, which are what a network sees (`voxels`). A tile is
a box of bricks, as large as the budget of voxels lets it be (`plan`). It is predicted with a halo around it
(`predict`), and where the zones of tiles overlap their probabilities are averaged (`blend`).

Bricks, tiles and halos begin at multiples of the coarsest cell, counted from the lowest voxel of the scan, so
that a tile has the voxels and the pyramid of the whole. A halo as wide as `theoretical_reach` therefore gives
the labels of the whole scan, whatever the tiles; `docs/buildings.md` says what a narrower one costs.
"""

from __future__ import annotations

from ffnet3d.segment.tiles.label import label_scan
from ffnet3d.segment.tiles.options import TileOptions
from ffnet3d.segment.tiles.reach import theoretical_reach

__all__ = ["TileOptions", "label_scan", "theoretical_reach"]
