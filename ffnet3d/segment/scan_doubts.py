"""Doubts about the unit and the up axis of a scan, from its shape.

The limits are such that real rooms in metres all pass, and are all refused in millimetres, centimetres and
inches; feet and other up axes show in some of them only (docs/scans.md), and are warnings.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ffnet3d.segment.scan_options import TURNS, UNITS, ScanOptions
from ffnet3d.segment.scan_shape import Shape

TALLEST = 60.0  # metres: hardly any interior is taller
SPARSEST = 0.5  # metres between points: nothing can be recognised
FEWEST = 1000  # points that tell a spacing
SMALLEST = 0.05, 1.0  # metres: nothing to segment; smaller than a room
HALL = 6.5, 12.0  # height of a room in feet, or of a hall in metres
ROOM, SPACING = 2.7, 0.01  # metres: usual height, usual distance of points
NAMES = {"m": "metres", "cm": "centimetres", "mm": "millimetres", "ft": "feet", "in": "inches"}


def impossible_unit(shape: Shape, num_points: int, options: ScanOptions) -> str | None:
    """Why the coordinates cannot be metres, and what to do; None where they can, or the unit is given."""
    if options.unit is not None:
        return None
    height, widest = _height(shape, options), float(shape.extents.max())
    if widest < SMALLEST[0]:
        return (
            f"the points span {_size(shape.extents)} as read, which is nothing to segment if metres: give "
            "their unit (--unit km), or --unit m if they are metres indeed"
        )
    sparse = num_points >= FEWEST and shape.spacing > SPARSEST
    if height <= TALLEST and not sparse:
        return None
    found = [f"{height:.4g} high"] * (height > TALLEST) + [
        f"with {shape.spacing:.2g} between points"
    ] * sparse
    unit = likely_unit(height, shape.spacing)
    return (
        f"the points span {_size(shape.extents)} as read, {', '.join(found)}: these are hardly metres. In "
        f"{NAMES[unit]} that is {_size(shape.extents * UNITS[unit])} m: give --unit {unit}, or the unit that "
        f"is right ({', '.join(UNITS)}; --unit m if they are metres indeed)"
    )


def doubtful_unit(shape: Shape, options: ScanOptions) -> str | None:
    """A warning where the coordinates may be feet or something larger than metres; None where not."""
    if options.unit is not None:
        return None
    height, axis = _height(shape, options), _axis(options)
    if shape.extents.max() < SMALLEST[1]:
        return (
            f"the points span {_size(shape.extents)} m, less than a room: if these are no metres, give --unit"
        )
    one_storey = shape.ends[axis] > 0.1 and shape.inner[axis] < 0.5 * shape.ends[axis]
    if not HALL[0] <= height <= HALL[1] or not one_storey:
        return None
    return (
        f"the points span {_size(shape.extents)} as read: a hall {height:.3g} m high, or a room in feet "
        f"({_size(shape.extents * UNITS['ft'])} m)? If feet, give --unit ft; if metres, --unit m"
    )


def doubtful_up(shape: Shape, options: ScanOptions) -> str | None:
    """A warning where another axis looks like the vertical: as short as a room is high, flat at an end."""
    up, metres = _axis(options), shape.extents * options.scale
    short = int(metres.argmin())
    others = [shape.ends[axis] for axis in range(3) if axis != short]
    corridor = 2 <= metres[up] <= 3.2 and metres[short] < 2.2
    if (
        short == up
        or corridor
        or not 1 <= metres[short] <= 5
        or metres[up] < 1.25 * metres[short]
        or shape.ends[short] < 1.3 * max(others)
    ):
        return None
    name = "xyz"[short]
    return (
        f"the points span {_size(metres)} m and lie flattest across {name}, not {'xyz'[up]}: if {name} "
        f"points up, give --up {name} (or --up=-{name}, if it points down)"
    )


def likely_unit(height: float, spacing: float) -> str:
    """The unit, other than metres, in which a room of that height and spacing is most usual."""

    def oddity(unit: str) -> float:
        odd = abs(np.log(height * UNITS[unit] / ROOM)) if height > 0 else 0.0
        return float(odd + (0.5 * abs(np.log(spacing * UNITS[unit] / SPACING)) if spacing > 0 else 0.0))

    return min(("mm", "cm", "ft", "in"), key=oddity)


def _axis(options: ScanOptions) -> int:
    """Number of the file's axis that is vertical."""
    return TURNS[options.up][0][2]


def _height(shape: Shape, options: ScanOptions) -> float:
    return float(shape.extents[_axis(options)])


def _size(extents: Sequence[float] | np.ndarray) -> str:
    return " x ".join(f"{extent:.3g}" if extent < 100 else f"{extent:.0f}" for extent in extents)
