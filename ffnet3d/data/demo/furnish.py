"""What goes into a demo room, and where: the building's parts first, then furniture, then clutter."""

from __future__ import annotations

from functools import partial

import numpy as np

from ffnet3d.data.demo import clutter, furniture
from ffnet3d.data.demo.items import Item
from ffnet3d.data.demo.plan import Plan, around
from ffnet3d.data.demo.room import Room
from ffnet3d.data.demo.structure import add_openings, add_structure, hang
from ffnet3d.data.demo.style import Style
from ffnet3d.data.demo.surfaces import Sampler


def furnished_room(style: Style, rng: np.random.Generator) -> tuple[Room, list[Item]]:
    """A room in that style with all its items, in the frame of the room (z = 0 is the floor)."""
    size = [rng.uniform(*extent) for extent in (style.width, style.depth, style.height)]
    room = Room(size[0], size[1], size[2], Sampler(style.spacing, rng))
    add_structure(room, style)
    add_openings(room, style)
    add_wall_furniture(room, style)
    add_tables(room, style)
    add_lone_chairs(room, style)
    add_clutter(room, style)
    add_overhead(room)
    return room, [*room.shell(), *room.items]


def add_wall_furniture(room: Room, style: Style) -> None:
    """A sofa, one or two bookcases, perhaps an armchair, up to two desks: backs to the wall."""
    rng = room.sampler.rng
    add_sofa(room, style, seats=int(rng.integers(2, 4)))
    for _ in range(rng.integers(1, 3)):
        add_bookcase(room, style)
    if rng.random() < 0.5:
        add_sofa(room, style, seats=1)
    for _ in range(rng.integers(0, 3)):
        add_desk(room, style)


def add_sofa(room: Room, style: Style, seats: int) -> None:
    """A sofa or armchair a little before the wall."""
    sofa = furniture.sofa(room.sampler, seats, style.furniture_scale)
    width, depth, height = sofa.size
    gap = room.sampler.rng.uniform(0.02, 0.12)
    place = room.reserve((width, depth + gap, height))
    if place is not None:
        angle = room.sampler.rng.normal(0, 0.02)
        room.put_on_wall([sofa], place[0], (place[1], depth / 2 + gap, 0), angle)


def add_bookcase(room: Room, style: Style) -> None:
    """A bookcase against the wall."""
    items = furniture.bookcase(room.sampler, style.furniture_scale, room.height - 0.5)
    width, depth, height = items[0].size
    place = room.reserve((width, depth, height))
    if place is not None:
        room.open_wall(*place, width, 0.0, height)
        room.put_on_wall(items, place[0], (place[1], depth / 2, 0))


def add_desk(room: Room, style: Style) -> None:
    """A desk against the wall with a chair before it."""
    rng, scale = room.sampler.rng, style.furniture_scale
    width, depth = rng.uniform(1.1, 1.6) * scale, rng.uniform(0.6, 0.75) * scale
    place = room.reserve((width, depth + 0.75, 0.75 * scale))
    if place is not None:
        desk = laden_table(room.sampler, width, depth, style)
        seats = chairs(room.sampler, width, depth, scale, sides=(1,))
        room.put_on_wall([*desk, *seats], place[0], (place[1], depth / 2 + 0.03, 0))


def chairs(sampler: Sampler, width: float, depth: float, scale: float, sides: tuple[int, ...]) -> list[Item]:
    """Chairs along the long sides (+1: y > 0, -1: y < 0) of a table, pulled out and turned a little."""
    rng, items = sampler.rng, []
    places = max(1, int(width / 0.68))
    for side in sides:
        for place in range(places):
            if rng.random() < 0.2:
                continue
            x = (place - (places - 1) / 2) * width / places + rng.normal(0, 0.03)
            y = side * (depth / 2 + rng.uniform(0.0, 0.45))
            facing = (np.pi if side > 0 else 0.0) + rng.normal(0, 0.25)
            items.append(furniture.chair(sampler, scale).moved((x, y, 0), facing))
    return items


def laden_table(sampler: Sampler, width: float, depth: float, style: Style) -> list[Item]:
    """A table and the objects on it."""
    rng = sampler.rng
    table = furniture.table(sampler, width, depth, style.furniture_scale)
    items, top = [table], Plan(width, depth)
    for _ in range(rng.poisson(2.0 * style.clutter)):
        thing = clutter.table_object(sampler)
        centre = top.find((thing.size[0], thing.size[1]), rng)
        if centre is not None:
            top.take(around(centre, (thing.size[0], thing.size[1])))
            position = (centre[0] - width / 2, centre[1] - depth / 2, table.size[2])
            items.append(thing.moved(position, rng.normal(0, 0.15)))
    return items


def add_tables(room: Room, style: Style) -> None:
    """A table with chairs on both sides, away from the walls; then perhaps another."""
    rng, sampler, scale = room.sampler.rng, room.sampler, style.furniture_scale
    for _ in range(rng.integers(1, 3)):
        width, depth = rng.uniform(1.1, 2.0) * scale, rng.uniform(0.7, 1.0) * scale
        quarter = int(rng.integers(2))
        padded = (width, depth + 1.5) if quarter == 0 else (depth + 1.5, width)
        centre = room.floor.find(padded, rng)
        if centre is None:
            width, depth = 0.9 * scale, 0.6 * scale
            padded = (width, depth + 1.3) if quarter == 0 else (depth + 1.3, width)
            centre = room.floor.find(padded, rng)
        if centre is not None:
            room.floor.take(around(centre, padded))
            group = [
                *laden_table(sampler, width, depth, style),
                *chairs(sampler, width, depth, scale, sides=(1, -1)),
            ]
            room.put(group, (*centre, 0), quarter * np.pi / 2 + rng.normal(0, 0.04))


def add_lone_chairs(room: Room, style: Style) -> None:
    """Up to two chairs on their own."""
    rng = room.sampler.rng
    for _ in range(rng.integers(0, 3)):
        centre = room.floor.find((0.65, 0.65), rng)
        if centre is not None:
            room.floor.take(around(centre, (0.65, 0.65)))
            room.put(
                [furniture.chair(room.sampler, style.furniture_scale)],
                (*centre, 0),
                rng.uniform(0, 2 * np.pi),
            )


def add_clutter(room: Room, style: Style) -> None:
    """Objects on the floor, pictures on the walls."""
    rng, sampler = room.sampler.rng, room.sampler
    for _ in range(1 + rng.poisson(2.5 * style.clutter)):
        thing = clutter.floor_object(sampler)
        centre = room.floor.find((thing.size[0], thing.size[1]), rng, margin=0.05)
        if centre is not None:
            room.floor.take(around(centre, (thing.size[0], thing.size[1])))
            room.put([thing], (*centre, 0), rng.normal(0, 0.3))
    for _ in range(rng.poisson(1.5 * style.clutter)):
        low = rng.uniform(1.1, 1.5)
        opening = (0, low, rng.uniform(0.3, 0.7), low + rng.uniform(0.3, 0.7))
        hang(room, partial(clutter.poster, sampler), opening, margin=0.03)


def add_overhead(room: Room) -> None:
    """Lamps and sometimes a pipe below the ceiling: clutter as well."""
    rng, sampler = room.sampler.rng, room.sampler
    ceiling = Plan(room.width, room.depth)
    ceiling.taken = room.ceiling_holes + room.floor_holes
    for _ in range(rng.integers(0, 3)):
        centre = ceiling.find((0.4, 0.4), rng, margin=0.2)
        if centre is not None:
            ceiling.take(around(centre, (0.4, 0.4)))
            room.put([clutter.pendant(sampler)], (*centre, room.height))
    if rng.random() < 0.25:
        centre = ceiling.find((room.width - 0.02, 0.2), rng)
        if centre is not None:
            room.put([clutter.pipe(sampler, room.width)], (*centre, room.height))
