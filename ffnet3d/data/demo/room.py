"""A room under construction: its shell, the items placed so far, and the places still free."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from ffnet3d.data.demo.items import Item, Label
from ffnet3d.data.demo.plan import Plan, Rect
from ffnet3d.data.demo.surfaces import Array, Sampler, Surface, turn, vector


def without_holes(surface: Surface, axes: tuple[int, int], holes: Sequence[Rect]) -> Surface:
    """The samples of a flat surface that lie in no hole; `axes` are the two that the holes are given in."""
    u, v = surface.points[:, axes[0]], surface.points[:, axes[1]]
    keep = np.ones(len(u), dtype=np.bool_)
    for left, low, right, high in holes:
        keep &= ~((u > left) & (u < right) & (v > low) & (v < high))
    return surface.at(keep)


class Room:
    """A box of width x depth x height metres with a corner at the origin.

    Wall k (0..3) has its own frame: x along the wall, y into the room, z up; it is the room's frame turned by
    k quarter turns about the wall's first corner.
    """

    def __init__(self, width: float, depth: float, height: float, sampler: Sampler) -> None:
        self.width = width
        self.depth = depth
        self.height = height
        self.sampler = sampler
        self.floor = Plan(width, depth)
        self.walls = [Plan(length, height) for length in (width, depth, width, depth)]
        self.wall_holes: list[list[Rect]] = [[], [], [], []]
        self.floor_holes: list[Rect] = []
        self.ceiling_holes: list[Rect] = []
        self.items: list[Item] = []

    def corner(self, wall: int) -> Array:
        """The first corner of a wall [3]."""
        corners = ((0, 0), (self.width, 0), (self.width, self.depth), (0, self.depth))
        x, y = corners[wall]
        return vector(x, y, 0.0)

    def put(self, items: Sequence[Item], position: ArrayLike, angle: float = 0.0) -> None:
        """Add items turned by `angle` radians about z and moved to `position` [3] in the room's frame."""
        self.items += [item.moved(position, angle) for item in items]

    def put_on_wall(self, items: Sequence[Item], wall: int, position: ArrayLike, angle: float = 0.0) -> None:
        """Add items in the frame of a wall."""
        angle_of_wall = wall * np.pi / 2
        corner = self.corner(wall)
        self.items += [item.moved(position, angle).moved(corner, angle_of_wall) for item in items]

    def floor_rect(self, wall: int, rect: Rect) -> Rect:
        """A rectangle given in x and y of a wall's frame, in x and y of the room."""
        ends = np.array([[rect[0], rect[1], 0.0], [rect[2], rect[3], 0.0]])
        low, high = np.sort(turn(ends, wall * np.pi / 2) + self.corner(wall), axis=0)[:, :2]
        return (float(low[0]), float(low[1]), float(high[0]), float(high[1]))

    def reserve(self, size: tuple[float, float, float], low: float = 0.0) -> tuple[int, float] | None:
        """Find and take a place at a wall for something of size x, y (reach), z, `low` above the floor.

        Returns the wall and the x of the middle; None if no place turned up.
        """
        rng = self.sampler.rng
        for _ in range(200):
            wall = int(rng.integers(4))
            if self.walls[wall].width < size[0]:
                continue
            x = rng.uniform(size[0] / 2, self.walls[wall].width - size[0] / 2)
            place = (x - size[0] / 2, low, x + size[0] / 2, low + size[2])
            before = self.floor_rect(wall, (place[0], 0.0, place[2], size[1]))
            if self.walls[wall].fits(place) and (size[1] == 0 or self.floor.fits(before)):
                self.walls[wall].take(place)
                if size[1] > 0:
                    self.floor.take(before)
                return wall, x
        return None

    def open_wall(self, wall: int, x: float, width: float, low: float, high: float) -> None:
        """Leave a wall out behind a fixture whose middle is at `x`."""
        self.wall_holes[wall].append((x - width / 2, low, x + width / 2, high))

    def shell(self) -> list[Item]:
        """Floor, ceiling and walls, each without what fixtures cut out or cover."""
        across, along, up = np.diag((self.width, self.depth, self.height))
        paint = self.sampler.new_paint
        floor = self.sampler.rectangle(np.zeros(3), across, along, paint())
        ceiling = self.sampler.rectangle(up, along, across, paint())
        items = [
            Item(Label.FLOOR, self._size(), [without_holes(floor, (0, 1), self.floor_holes)]),
            Item(
                Label.CEILING,
                self._size(),
                [without_holes(ceiling, (0, 1), self.ceiling_holes)],
            ),
        ]
        wall_paint = paint()
        for number, plan in enumerate(self.walls):
            if self.sampler.rng.random() < 0.3:
                wall_paint = paint()
            wall = self.sampler.rectangle(np.zeros(3), up, vector(plan.width, 0, 0), wall_paint)
            wall = without_holes(wall, (0, 2), self.wall_holes[number])
            items.append(
                Item(Label.WALL, self._size(), [wall.moved(self.corner(number), number * np.pi / 2)])
            )
        return items

    def _size(self) -> tuple[float, float, float]:
        return (self.width, self.depth, self.height)
