"""What stands in a demo room: labelled items made of surfaces."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

from numpy.typing import ArrayLike

from ffnet3d.data.demo.surfaces import Surface


class Label(IntEnum):
    """The classes of S3DIS, in its order."""

    CEILING = 0
    FLOOR = 1
    WALL = 2
    BEAM = 3
    COLUMN = 4
    WINDOW = 5
    DOOR = 6
    TABLE = 7
    CHAIR = 8
    SOFA = 9
    BOOKCASE = 10
    BOARD = 11
    CLUTTER = 12


@dataclass
class Item:
    """One instance of a class.

    Furniture stands on z = 0, centred in x and y, its front towards +y. Fixtures are in the frame of their
    wall: x along it, y into the room, z up.
    """

    label: Label
    size: tuple[float, float, float]  # extent in x, y, z, metres
    surfaces: list[Surface] = field(default_factory=list)

    def moved(self, position: ArrayLike, angle: float = 0.0) -> Item:
        """The item turned about z by `angle` radians, then shifted by `position` [3] metres."""
        return Item(self.label, self.size, [surface.moved(position, angle) for surface in self.surfaces])
