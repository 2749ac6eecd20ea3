"""Objects of the class clutter: on tables, shelves and the floor, on walls and below the ceiling."""

from __future__ import annotations

import numpy as np

from ffnet3d.data.demo.items import Item, Label
from ffnet3d.data.demo.surfaces import Sampler, Surface, vector


def clutter(size: tuple[float, float, float], surfaces: list[Surface]) -> Item:
    """An item of the class clutter."""
    return Item(Label.CLUTTER, size, surfaces)


def monitor(sampler: Sampler) -> Item:
    """A flat screen on a stand."""
    paint, width = sampler.new_paint(), sampler.rng.uniform(0.45, 0.65)
    screen = sampler.block((0, 0, 0.12), (width, 0.05, 0.6 * width), paint)
    stand = sampler.block((0, -0.04, 0), (0.05, 0.04, 0.2), paint, "xXyY")
    foot = sampler.block((0, -0.02, 0), (0.25, 0.2, 0.02), paint, "xXyYZ")
    return clutter((width, 0.22, 0.12 + 0.6 * width), [screen, stand, foot])


def laptop(sampler: Sampler) -> Item:
    """An open portable computer, its screen leaning back."""
    paint = sampler.new_paint()
    base = sampler.block((0, 0, 0), (0.36, 0.25, 0.025), paint, "xXyYZ")
    corner, rise = vector(-0.18, -0.125, 0.025), vector(0, -0.08, 0.23)
    screen = sampler.box(corner, vector(0.36, 0, 0), vector(0, 0.02, 0), rise, sampler.new_paint())
    return clutter((0.36, 0.35, 0.25), [base, screen])


def carton(sampler: Sampler, largest: float) -> Item:
    """A box, turned a little, with sides of up to `largest` metres."""
    size = tuple(sampler.rng.uniform(0.4, 1.0, 3) * largest)
    surface = sampler.block((0, 0, 0), size, sampler.new_paint(), "xXyYZ")
    return clutter((size[0], size[1], size[2]), [surface.moved((0, 0, 0), sampler.rng.uniform(-0.5, 0.5))])


def pile(sampler: Sampler) -> Item:
    """A pile of books or papers."""
    surfaces, z = [], 0.0
    for _ in range(sampler.rng.integers(2, 6)):
        thickness = sampler.rng.uniform(0.02, 0.05)
        layer = sampler.block((0, 0, z), (0.22, 0.3, thickness), sampler.new_paint(), "xXyYZ")
        surfaces.append(layer.moved((0, 0, 0), sampler.rng.uniform(-0.3, 0.3)))
        z += thickness
    return clutter((0.3, 0.36, z), surfaces)


def bottle(sampler: Sampler, tallest: float) -> Item:
    """A bottle, vase or mug."""
    radius, height = sampler.rng.uniform(0.04, 0.09), sampler.rng.uniform(0.4, 0.9) * tallest
    return clutter(
        (2 * radius, 2 * radius, height), [sampler.cylinder((0, 0, 0), radius, height, sampler.new_paint())]
    )


def lamp(sampler: Sampler) -> Item:
    """A table lamp: foot, stem and shade."""
    foot = sampler.cylinder((0, 0, 0), 0.09, 0.03, sampler.new_paint())
    stem = sampler.cylinder((0, 0, 0.03), 0.015, 0.3, sampler.new_paint(), caps="")
    shade = sampler.cylinder((0, 0, 0.3), 0.14, 0.18, sampler.new_paint(), caps="zZ")
    return clutter((0.28, 0.28, 0.48), [foot, stem, shade])


def bin_(sampler: Sampler) -> Item:
    """A waste bin."""
    radius, height = sampler.rng.uniform(0.12, 0.2), sampler.rng.uniform(0.28, 0.6)
    paint = sampler.new_paint()
    wall = sampler.cylinder((0, 0, 0), radius, height, paint, caps="")
    filling = sampler.disc(radius, 0.6 * height, True, paint)
    return clutter((2 * radius, 2 * radius, height), [wall, filling])


def bag(sampler: Sampler) -> Item:
    """A rucksack or a sack: an upright ellipsoid."""
    radii = tuple(sampler.rng.uniform((0.16, 0.12, 0.2), (0.24, 0.2, 0.3)))
    surface = sampler.ellipsoid((0, 0, 0.95 * radii[2]), radii, sampler.new_paint())
    return clutter((2 * radii[0], 2 * radii[1], 2 * radii[2]), [surface.at(surface.points[:, 2] > 0)])


def plant(sampler: Sampler) -> Item:
    """A pot with a crown of leaves, which is a cloud more than a surface."""
    rng, radius = sampler.rng, sampler.rng.uniform(0.22, 0.38)
    pot = sampler.cylinder((0, 0, 0), 0.16, 0.3, sampler.new_paint())
    leaves = sampler.ellipsoid((0, 0, 0), (radius, radius, 1.3 * radius), sampler.new_paint())
    leaves.points *= rng.uniform(0.4, 1.0, (len(leaves.points), 1))
    leaves.normals += rng.normal(0, 0.7, leaves.normals.shape)
    leaves.normals /= np.linalg.norm(leaves.normals, axis=1, keepdims=True)
    return clutter(
        (2 * radius, 2 * radius, 0.3 + 2.6 * radius), [pot, leaves.moved((0, 0, 0.3 + 1.3 * radius))]
    )


def small_object(sampler: Sampler, tallest: float) -> Item:
    """Something up to `tallest` metres high that fits on a shelf."""
    kind = sampler.rng.integers(3)
    if kind == 0:
        return carton(sampler, min(0.28, tallest))
    return bottle(sampler, min(0.35, tallest)) if kind == 1 else pile(sampler)


def table_object(sampler: Sampler) -> Item:
    """Something that stands on tables."""
    kind = sampler.rng.integers(6)
    if kind < 4:
        return (monitor, laptop, lamp, pile)[kind](sampler)
    return carton(sampler, 0.35) if kind == 4 else bottle(sampler, 0.35)


def floor_object(sampler: Sampler) -> Item:
    """Something that stands on the floor."""
    kind = sampler.rng.integers(5)
    if kind < 3:
        return (bin_, bag, plant)[kind](sampler)
    return carton(sampler, 0.6 if kind == 3 else 0.45)


def poster(sampler: Sampler, width: float, low: float, high: float) -> Item:
    """A picture on the wall, flat or framed, in the frame of its wall."""
    thickness = sampler.rng.uniform(0.01, 0.04)
    surface = sampler.block(
        (0, thickness / 2, low), (width, thickness, high - low), sampler.new_paint(), "xXYzZ"
    )
    return clutter((width, thickness, high - low), [surface])


def pendant(sampler: Sampler) -> Item:
    """A lamp on a cord below z = 0 (the ceiling): a globe or a drum."""
    rng, drop, paint = sampler.rng, sampler.rng.uniform(0.25, 0.6), sampler.new_paint()
    radius = rng.uniform(0.1, 0.2)
    cord = sampler.cylinder((0, 0, -drop), 0.01, drop, sampler.new_paint(), caps="")
    if rng.random() < 0.5:
        shade = sampler.ellipsoid((0, 0, -drop - radius), (radius, radius, radius), paint)
    else:
        shade = sampler.cylinder((0, 0, -drop - 0.18), radius, 0.18, paint, caps="zZ")
    return clutter((2 * radius, 2 * radius, drop + 2 * radius), [cord, shade])


def pipe(sampler: Sampler, length: float) -> Item:
    """A pipe along x below z = 0 (the ceiling)."""
    radius = sampler.rng.uniform(0.05, 0.09)
    upright = sampler.cylinder((0, 0, -length / 2), radius, length, sampler.new_paint(), caps="")
    swap = np.array([[0.0, 0.0, -1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])  # a quarter turn about y
    lying = Surface(upright.points @ swap, upright.normals @ swap, upright.paint)
    return clutter((length, 2 * radius, 2 * radius), [lying.moved((0, 0, -radius - 0.04))])
