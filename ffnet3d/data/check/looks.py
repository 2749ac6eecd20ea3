"""What is legal in a scene but looks wrong: its units, its upright, its colours and normals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

LARGEST, SMALLEST = 100.0, 0.5  # metres: a room beyond is hardly in metres
UNITS = {"centimetres": 0.01, "millimetres": 0.001}
HEIGHTS = 1.0, 10.0  # metres, of rooms: which unit it is
TALL = 6.0  # metres: rooms whose median is higher may be in feet
UPENDED = 2.0  # times as high as wide: small hallways are higher than wide, too
FEW = 3  # scenes that can tell nothing about all
SOME = 100  # points of floor that can tell which way is up
FLAT = 0.5  # the floor's spread along its flattest axis, of that along z, below which z is not up
UNIT = 0.05  # what the length of a normal may differ from 1

Scene = Mapping[str, Any]


def scene_warnings(scene: Scene, floor: np.ndarray | None) -> tuple[str, ...]:
    """Warnings of a scene as `read_scene` gives it; `floor` [N] tells which points are floor, if known."""
    coord = scene["coord"]
    found = [_size(coord), _upright(coord, floor), _color(scene.get("color")), _normal(scene.get("normal"))]
    return tuple(warning for warning in found if warning)


def _size(coord: np.ndarray) -> str:
    extent = coord.max(axis=0) - coord.min(axis=0)
    largest, text = float(extent.max()), " x ".join(f"{side:.4g}" for side in extent)
    if largest > LARGEST:
        units = [unit for unit, part in UNITS.items() if HEIGHTS[0] < extent[2] * part < HEIGHTS[1]]
        return f"{text} m large: {units[0] if units else 'in metres'}?"
    if largest < SMALLEST:
        return f"{text} m large: an object, or not in metres?"
    return ""


def _upright(coord: np.ndarray, floor: np.ndarray | None) -> str:
    """Evidence of the labelled floor: it is flat along the vertical, and below the rest."""
    if floor is None or floor.sum() < SOME or floor.all():
        return ""
    spread = coord[floor].std(axis=0)
    flattest = int(spread.argmin())
    if spread[flattest] < FLAT * spread[2]:
        axis = "xyz"[flattest]
        flat = f"{spread[flattest]:.2g} m along {axis}"
        return f"the floor spreads {flat}, {spread[2]:.2g} m along z: is {axis} up?"
    above = float(np.median(coord[floor, 2]) - np.median(coord[~floor, 2]))
    return f"the floor lies {above:.2g} m above the other points: is z down?" if above > 0 else ""


def _color(color: np.ndarray | None) -> str:
    if color is None:
        return ""
    highest = float(color.max())
    if highest == 0:
        return "all points are black"
    if highest <= 1:
        return "colours of 0 and 1 alone: made whole numbers before they were multiplied by 255?"
    if np.ptp(color) == 0:
        return f"all colours are {highest:g}"
    return ""


def _normal(normal: np.ndarray | None) -> str:
    if normal is None:
        return ""
    length = np.linalg.norm(normal, axis=1)
    none, other = float((length == 0).mean()), float((np.abs(length - 1) > UNIT).mean())
    if none > 0.01:
        return f"{none:.0%} of the normals are zero"
    return (
        f"{other:.0%} of the normals have another length than 1 (median {np.median(length):.3g})"
        if other > 0.01
        else ""
    )


def heights_warning(sizes: np.ndarray) -> str:
    """What the sizes [S, 3] of a split's scenes along x, y and z say about its units and upright."""
    if len(sizes) < FEW:
        return ""
    height = float(np.median(sizes[:, 2]))
    tallest = int((sizes[:, 2] > UPENDED * sizes[:, :2].max(axis=1)).sum())
    if tallest > len(sizes) / 2:
        return f"{tallest} of {len(sizes)} scenes are over twice as large along z as along x and y: is z up?"
    if TALL < height < LARGEST:
        return f"half of the scenes are over {height:.2g} m high: in feet?"
    return ""


def count_repeated(coord: np.ndarray) -> int:
    """How many points [N, 3] float32 lie where an earlier one does (by a hash of 64 bits)."""
    bits = np.ascontiguousarray(coord + np.float32(0)).view(np.uint32).astype(np.uint64)  # + 0: no -0
    hashes = (bits * np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9], np.uint64)).sum(1)
    return len(coord) - len(np.unique(hashes))
