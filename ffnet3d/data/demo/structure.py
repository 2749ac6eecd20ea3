"""The building's parts in a demo room: beams and columns, then what is let into the walls or hung on them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from ffnet3d.data.demo import fixtures
from ffnet3d.data.demo.items import Item, Label
from ffnet3d.data.demo.plan import Rect, around
from ffnet3d.data.demo.room import Room
from ffnet3d.data.demo.style import Style

MakeFixture = Callable[[float, float, float], Item]  # (width, low, high), metres


def add_structure(room: Room, style: Style) -> None:
    """One or two beams, one to three columns: free-standing ones below a beam, or engaged in a wall."""
    rng = room.sampler.rng
    for number in range(rng.integers(1, 3)):
        add_beam(room, flush=rng.random() < 0.3, with_column=number == 0 and rng.random() < 0.5, style=style)
    for _ in range(int(rng.integers(1, 4)) - any(item.label == Label.COLUMN for item in room.items)):
        add_engaged_column(room, style)


def add_beam(room: Room, flush: bool, with_column: bool, style: Style) -> None:
    """A beam from wall to wall parallel to wall 0 or 1, flush with that wall or free of it."""
    rng, wall = room.sampler.rng, int(room.sampler.rng.integers(2))
    length, span = (room.width, room.depth) if wall == 0 else (room.depth, room.width)
    beam = fixtures.beam(room.sampler, length, flush)
    _, breadth, drop = beam.size
    y = breadth / 2 if flush else rng.uniform(0.9, span - 0.9)
    near, far, underside = y - breadth / 2, y + breadth / 2, room.height - drop
    covered = {
        (wall + 1) % 4: (near, underside, far, room.height),
        (wall + 3) % 4: (span - far, underside, span - near, room.height),
    }
    if flush:
        covered[wall] = (0.0, underside, length, room.height)
    if not all(room.walls[side].fits(rect) for side, rect in covered.items()):
        return
    for side, rect in covered.items():
        room.walls[side].take(rect)
        room.wall_holes[side].append(rect)
    room.put_on_wall([beam], wall, (length / 2, y, room.height))
    room.ceiling_holes.append(room.floor_rect(wall, (0.0, near, length, far)))
    if with_column and not flush:
        add_free_column(room, wall, (rng.uniform(0.9, length - 0.9), y), underside, style)


def add_free_column(room: Room, wall: int, place: tuple[float, float], height: float, style: Style) -> None:
    """A free-standing column, `height` metres high, at x and y of a wall's frame."""
    column = fixtures.column(room.sampler, height, room.sampler.rng.random() < style.round_columns)
    room.put_on_wall([column], wall, (*place, 0))
    width, breadth, _ = column.size
    room.floor.take(room.floor_rect(wall, around(place, (width, breadth))))
    room.floor_holes.append(room.floor_rect(wall, around(place, (0.8 * width, 0.8 * breadth))))


def add_engaged_column(room: Room, style: Style) -> None:
    """A column that grows out of a wall by half to nearly all of its breadth."""
    rng = room.sampler.rng
    column = fixtures.column(room.sampler, room.height, rng.random() < style.round_columns)
    width, breadth, height = column.size
    reach = rng.uniform(0.6, 0.95) * breadth
    place = room.reserve((width, reach, height))
    if place is not None:
        room.open_wall(*place, width, 0.0, height)
        for surface in column.surfaces:
            surface.points[:, 1] += reach - breadth / 2
        column.surfaces = [surface.at(surface.points[:, 1] > 0) for surface in column.surfaces]
        room.put_on_wall([column], place[0], (place[1], 0, 0))


def hang(room: Room, make: MakeFixture, opening: Rect, margin: float, reach: float = 0.0) -> None:
    """Build a fixture into a wall that has room for it, and cut the wall open behind it.

    `opening` is (0, low, width, high), metres; `margin` is kept free beside it, `reach` before it.
    """
    _, low, width, high = opening
    place = room.reserve((width + 2 * margin, reach, high - low), low)
    if place is not None:
        room.put_on_wall([make(width, low, high)], place[0], (place[1], 0, 0))
        room.open_wall(*place, width, low, high)


def add_openings(room: Room, style: Style) -> None:
    """A door, sometimes a second; one to three windows; one or two boards."""
    rng, sampler, thickness = room.sampler.rng, room.sampler, style.wall_thickness

    def door(width: float, _: float, high: float) -> Item:
        return fixtures.door(sampler, width, high, thickness, bool(rng.random() < style.open_doors))

    def window(width: float, low: float, high: float) -> Item:
        return fixtures.window(sampler, width, low, high, thickness)

    for _ in range(1 + (rng.random() < 0.3)):
        width = rng.uniform(0.8, 1.0) if rng.random() < 0.8 else rng.uniform(1.3, 1.6)
        hang(room, door, (0, 0, width, rng.uniform(1.98, 2.12)), margin=0.12, reach=0.9)
    for _ in range(rng.integers(1, 4)):
        low = rng.uniform(0.8, 1.0)
        hang(room, window, (0, low, rng.uniform(0.8, 1.7), low + rng.uniform(0.9, 1.2)), margin=0.1)
    for _ in range(rng.integers(1, 3)):
        low = rng.uniform(0.85, 1.0)
        opening = (0, low, rng.uniform(1.2, 2.0), low + rng.uniform(0.85, 1.2))
        hang(room, partial(fixtures.board, sampler), opening, margin=0.05)
