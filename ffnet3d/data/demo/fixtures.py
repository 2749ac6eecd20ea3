"""Parts of the building: columns, beams, windows, doors, boards.

Windows, doors and boards are in the frame of their wall, the plane y = 0: x along it, y into the room.
"""

from __future__ import annotations

import numpy as np

from ffnet3d.data.demo.items import Item, Label
from ffnet3d.data.demo.surfaces import Sampler, Surface, vector


def column(sampler: Sampler, height: float, rounded: bool) -> Item:
    """A round or square column from floor to ceiling."""
    paint, rng = sampler.new_paint(), sampler.rng
    if rounded:
        radius = rng.uniform(0.17, 0.26)
        surface = sampler.cylinder((0, 0, 0), radius, height, paint, caps="")
        return Item(Label.COLUMN, (2 * radius, 2 * radius, height), [surface])
    size = (rng.uniform(0.32, 0.5), rng.uniform(0.32, 0.5), height)
    return Item(Label.COLUMN, size, [sampler.block((0, 0, 0), size, paint, faces="xXyY")])


def beam(sampler: Sampler, length: float, flush: bool) -> Item:
    """A beam along x that hangs from z = 0 (the ceiling); `flush` if its side -y touches a wall."""
    size = (length, sampler.rng.uniform(0.22, 0.4), sampler.rng.uniform(0.22, 0.42))
    faces = "zY" if flush else "zyY"
    surface = sampler.block((0, 0, -size[2]), size, sampler.new_paint(), faces)
    return Item(Label.BEAM, size, [surface])


def reveal(
    sampler: Sampler, width: float, low: float, high: float, depth: float, paint: int
) -> list[Surface]:
    """The inner sides of an opening in the wall, `depth` metres deep: left, right, top, bottom."""
    left, right, inward = -width / 2, width / 2, vector(0, -depth, 0)
    across, up = vector(width, 0, 0), vector(0, 0, high - low)
    return [
        sampler.rectangle(vector(left, 0, low), up, inward, paint),
        sampler.rectangle(vector(right, 0, low), inward, up, paint),
        sampler.rectangle(vector(left, 0, high), across, inward, paint),
        sampler.rectangle(vector(left, 0, low), inward, across, paint),
    ]


def frame(
    sampler: Sampler, width: float, low: float, high: float, bar: tuple[float, float], back: float, paint: int
) -> list[Surface]:
    """Four bars inside width x (low..high); `bar`: breadth, thickness; `back`: y of their rear."""
    breadth, thickness = bar
    upright = (breadth, thickness, high - low)
    lying = (width - 2 * breadth, thickness, breadth)
    y = back + thickness / 2
    return [
        sampler.block((-(width - breadth) / 2, y, low), upright, paint, "xXYzZ"),
        sampler.block(((width - breadth) / 2, y, low), upright, paint, "xXYzZ"),
        sampler.block((0, y, low), lying, paint, "YzZ"),
        sampler.block((0, y, high - breadth), lying, paint, "YzZ"),
    ]


def window(sampler: Sampler, width: float, low: float, high: float, wall_thickness: float) -> Item:
    """A recessed window: reveal, sill, frame, mullions, and glass that returns a third of the rays."""
    rng, paint = sampler.rng, sampler.new_paint()
    depth = wall_thickness * rng.uniform(0.7, 1.0)
    surfaces = reveal(sampler, width, low, high, depth, paint)
    surfaces += frame(sampler, width, low, high, (0.07, 0.06), -depth, paint)
    for x in np.linspace(-width / 2, width / 2, 2 + round(width / rng.uniform(0.5, 0.8)))[1:-1]:
        surfaces.append(sampler.block((x, -depth + 0.03, low), (0.06, 0.06, high - low), paint, "xXY"))
    if rng.random() < 0.5:
        bar = sampler.block((0, -depth + 0.03, high - 0.35 * (high - low)), (width, 0.06, 0.06), paint, "YzZ")
        surfaces.append(bar)
    sill_depth = rng.uniform(0.08, 0.18)
    sill = (width + 0.1, sill_depth, 0.04)
    surfaces.append(sampler.block((0, sill_depth / 2, low - 0.04), sill, sampler.new_paint(), "xXYzZ"))
    glass = sampler.rectangle(
        vector(-width / 2, -depth, low), vector(0, 0, high - low), vector(width, 0, 0), sampler.new_paint()
    )
    surfaces.append(glass.at(rng.random(len(glass.points)) < rng.uniform(0.2, 0.45)))
    return Item(Label.WINDOW, (width, sill_depth, high - low), surfaces)


def door_leaf(sampler: Sampler, width: float, height: float, paint: int) -> list[Surface]:
    """A leaf hinged on the z axis that reaches along +x, flat or with raised panels, and its handles."""
    leaf = [sampler.block((width / 2, 0, 0), (width, 0.045, height), paint, "xXyYZ")]
    if sampler.rng.random() < 0.4:
        panel = sampler.new_paint()
        for low, high in ((0.12, 0.45), (0.52, 0.92)):
            size = (0.65 * width, 0.085, (high - low) * height)
            leaf.append(sampler.block((width / 2, 0, low * height), size, panel, "xXyYzZ"))
    handle = sampler.block((width - 0.1, 0, 1.0), (0.13, 0.17, 0.03), sampler.new_paint())
    return [*leaf, handle]


def door(sampler: Sampler, width: float, height: float, wall_thickness: float, is_open: bool) -> Item:
    """A door in its recess: reveal, frame raised from the wall, one or two leaves (one may stand open)."""
    rng, paint = sampler.rng, sampler.new_paint()
    depth = max(0.1, wall_thickness * rng.uniform(0.6, 0.9))
    surfaces = reveal(sampler, width, 0, height, depth, paint)[:3]
    bar, raised = rng.uniform(0.07, 0.11), 0.035
    for x in (-(width + bar) / 2, (width + bar) / 2):
        surfaces.append(sampler.block((x, raised / 2, 0), (bar, raised, height + bar), paint, "xXYZ"))
    surfaces.append(sampler.block((0, raised / 2, height), (width, raised, bar), paint, "YzZ"))
    leaves = 2 if width > 1.2 else 1
    leaf_paint = sampler.new_paint()
    for side in range(leaves):
        angle = rng.uniform(0.6, 1.6) if is_open and side == 0 else 0.0
        sign = 1 if side == 0 else -1
        for surface in door_leaf(sampler, width / leaves, height, leaf_paint):
            hinge = (-sign * width / 2, -depth + 0.03, 0)
            surfaces.append(surface.moved(hinge, angle if side == 0 else np.pi - angle))
    reach = width if is_open else 0.1
    return Item(Label.DOOR, (width + 2 * bar, reach, height + bar), surfaces)


def board(sampler: Sampler, width: float, low: float, high: float) -> Item:
    """A writing board: a panel before the wall, a raised frame about it, a tray below it."""
    rng, paint, rim = sampler.rng, sampler.new_paint(), sampler.new_paint()
    thickness = rng.uniform(0.05, 0.09)
    panel = sampler.block((0, thickness / 2, low), (width, thickness, high - low), paint, "xXYzZ")
    bar = (rng.uniform(0.05, 0.08), thickness + rng.uniform(0.03, 0.05))
    surfaces = [panel, *frame(sampler, width, low, high, bar, 0.0, rim)]
    tray = (width * rng.uniform(0.7, 1.0), rng.uniform(0.1, 0.16), 0.04)
    surfaces.append(sampler.block((0, thickness + tray[1] / 2, low - 0.01), tray, rim))
    return Item(Label.BOARD, (width, thickness + tray[1], high - low), surfaces)
