"""Tables, chairs, sofas and bookcases. Each stands on z = 0, centred, its front towards +y."""

from __future__ import annotations

import numpy as np

from ffnet3d.data.demo.clutter import small_object
from ffnet3d.data.demo.items import Item, Label
from ffnet3d.data.demo.surfaces import Sampler, Surface, vector


def legs(sampler: Sampler, size: tuple[float, float, float], thickness: float, paint: int) -> list[Surface]:
    """Four legs under the rectangle size[0] x size[1], size[2] high, round or square."""
    surfaces = []
    rounded = sampler.rng.random() < 0.4
    for x in (-1, 1):
        for y in (-1, 1):
            base = vector(x * (size[0] - thickness) / 2, y * (size[1] - thickness) / 2, 0)
            if rounded:
                surfaces.append(sampler.cylinder(base, thickness / 2, size[2], paint, caps=""))
            else:
                surfaces.append(sampler.block(base, (thickness, thickness, size[2]), paint, "xXyY"))
    return surfaces


def table(sampler: Sampler, width: float, depth: float, scale: float) -> Item:
    """A table or desk: on four legs, on two side panels, on a pedestal, or with a chest of drawers."""
    rng, top_paint, leg_paint = sampler.rng, sampler.new_paint(), sampler.new_paint()
    height, thickness = rng.uniform(0.7, 0.77) * scale, rng.uniform(0.03, 0.06)
    below = height - thickness
    surfaces = [sampler.block((0, 0, below), (width, depth, thickness), top_paint)]
    kind = rng.choice(["legs", "panels", "pedestal", "drawers"])
    if kind == "legs":
        surfaces += legs(sampler, (width - 0.06, depth - 0.06, below), rng.uniform(0.04, 0.08), leg_paint)
    elif kind == "pedestal":
        surfaces.append(sampler.cylinder((0, 0, 0), 0.06, below, leg_paint, caps=""))
        surfaces.append(sampler.cylinder((0, 0, 0), 0.4 * depth, 0.04, leg_paint))
    else:
        side = sampler.block((-width / 2 + 0.04, 0, 0), (0.04, depth - 0.06, below), leg_paint, "xXyY")
        other_width = 0.04 if kind == "panels" else 0.42
        other = sampler.block(
            (width / 2 - 0.02 - other_width / 2, 0, 0), (other_width, depth - 0.06, below), leg_paint, "xXyY"
        )
        back = sampler.block((0, -depth / 2 + 0.08, 0.3), (width - 0.1, 0.03, below - 0.3), leg_paint, "yY")
        surfaces += [side, other, back]
    return Item(Label.TABLE, (width, depth, height), surfaces)


def chair_support(sampler: Sampler, width: float, depth: float, height: float, paint: int) -> list[Surface]:
    """What is below the seat: four legs, or a stem on a star with five arms."""
    rng = sampler.rng
    if rng.random() < 0.5:
        return legs(sampler, (width, depth, height), rng.uniform(0.03, 0.05), paint)
    surfaces = [sampler.cylinder((0, 0, 0.08), 0.03, height - 0.08, paint, caps="")]
    for angle in np.arange(5) * 2 * np.pi / 5 + rng.uniform(0, 1):
        arm = sampler.block((0.15, 0, 0.05), (0.3, 0.05, 0.04), paint)
        surfaces.append(arm.moved((0, 0, 0), angle))
    return surfaces


def chair(sampler: Sampler, scale: float) -> Item:
    """A chair with a back that leans, on legs or on a swivel base, some with armrests."""
    rng, paint, leg_paint = sampler.rng, sampler.new_paint(), sampler.new_paint()
    width, depth = rng.uniform(0.42, 0.5) * scale, rng.uniform(0.42, 0.5) * scale
    seat, total = rng.uniform(0.42, 0.48) * scale, rng.uniform(0.8, 1.0) * scale
    thickness, lean = rng.uniform(0.04, 0.08), rng.uniform(0.03, 0.12)
    surfaces = [sampler.block((0, 0, seat - thickness), (width, depth, thickness), paint)]
    surfaces += chair_support(sampler, width, depth, seat - thickness, leg_paint)
    gap = rng.uniform(0.0, 0.15)
    corner = vector(-width / 2, -depth / 2 - lean * gap, seat + gap)
    rise = vector(0, -lean, total - seat - gap)
    surfaces.append(sampler.box(corner, vector(width, 0, 0), vector(0, 0.05, 0), rise, paint))
    if rng.random() < 0.4:
        for x in (-width / 2, width / 2):
            surfaces.append(sampler.block((x, 0.02, seat + 0.2), (0.05, 0.7 * depth, 0.03), leg_paint))
            surfaces.append(sampler.block((x, 0.02, seat), (0.03, 0.05, 0.2), leg_paint, "xXyY"))
    return Item(Label.CHAIR, (width, depth + lean, total), surfaces)


def sofa(sampler: Sampler, seats: int, scale: float) -> Item:
    """An upholstered sofa of one to three seats: a closed base, thick back and arms, cushions."""
    rng, paint, cushion_paint = sampler.rng, sampler.new_paint(), sampler.new_paint()
    arm, depth = rng.uniform(0.14, 0.24) * scale, rng.uniform(0.8, 0.95) * scale
    seat_width = rng.uniform(0.55, 0.68) * scale
    width, seat = seats * seat_width + 2 * arm, rng.uniform(0.38, 0.46) * scale
    arm_height, back_height = seat + rng.uniform(0.12, 0.22), seat + rng.uniform(0.33, 0.48)
    back = rng.uniform(0.18, 0.26)
    foot = rng.uniform(0.0, 0.08)
    surfaces = [
        sampler.block((0, 0, foot), (width, depth, seat - 0.14 - foot), paint),
        sampler.block(
            (0, (back - depth) / 2, seat - 0.14), (width, back, back_height - seat + 0.14), paint, "xXyYZ"
        ),
    ]
    for x in (-(width - arm) / 2, (width - arm) / 2):
        size = (arm, depth - back, arm_height - seat + 0.14)
        surfaces.append(sampler.block((x, back / 2, seat - 0.14), size, paint, "xXYZ"))
    for place in range(seats):
        x = (place - (seats - 1) / 2) * seat_width
        cushion = (seat_width - 0.02, depth - back, 0.14)
        surfaces.append(sampler.block((x, back / 2 + 0.01, seat - 0.14), cushion, cushion_paint, "xXYZ"))
        rest = (seat_width - 0.03, 0.13, back_height - seat - 0.04)
        surfaces.append(sampler.block((x, back - depth / 2 + 0.06, seat), rest, cushion_paint, "xXYZ"))
    return Item(Label.SOFA, (width, depth, back_height), surfaces)


def books(
    sampler: Sampler, left: float, right: float, depth: float, low: float, room: float
) -> list[Surface]:
    """A row of upright books of many colours on a shelf between x = left and x = right."""
    rng, x = sampler.rng, left
    surfaces: list[Surface] = []
    while True:
        thickness = rng.uniform(0.03, 0.07)
        if x + thickness > right:
            return surfaces
        size = (thickness, rng.uniform(0.65, 0.9) * depth, rng.uniform(0.6, 0.9) * room)
        base = (x + thickness / 2, (size[1] - depth) / 2 + 0.02, low)
        surfaces.append(sampler.block(base, size, sampler.new_paint(), "xXYZ"))
        x += thickness


def bookcase(sampler: Sampler, scale: float, tallest: float) -> list[Item]:
    """An open bookcase, at most `tallest` metres high, with books, and a few other objects on its shelves."""
    rng, paint = sampler.rng, sampler.new_paint()
    width, depth = rng.uniform(0.8, 1.4) * scale, rng.uniform(0.28, 0.4) * scale
    height, board = min(rng.uniform(1.3, 2.2) * scale, tallest), 0.03
    upright = (board, depth, height)
    surfaces = [
        sampler.block(((board - width) / 2, 0, 0), upright, paint, "xXYZ"),
        sampler.block(((width - board) / 2, 0, 0), upright, paint, "xXYZ"),
        sampler.block((0, (board - depth) / 2, 0), (width, board, height), paint, "Y"),
    ]
    levels = np.linspace(0.06, height - board, max(3, round(height / rng.uniform(0.32, 0.42))) + 1)
    for level in levels:
        surfaces.append(sampler.block((0, 0, level), (width - 2 * board, depth, board), paint, "YzZ"))
    items = [Item(Label.BOOKCASE, (width, depth, height), surfaces)]
    inner = width / 2 - board
    for low, high in zip(levels[:-1] + board, levels[1:], strict=True):
        start, end = rng.uniform(-inner, -0.3 * inner), rng.uniform(0, inner)
        if rng.random() < 0.85:
            surfaces += books(sampler, start, end, depth, low, high - low)
        if end < inner - 0.25 and rng.random() < 0.35:
            items.append(small_object(sampler, high - low).moved((end + 0.14, 0.02, low)))
    return items
