"""Colours: drawn for each paint from one distribution whatever it covers, textured, lit by lamps anywhere."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ffnet3d.data.demo.surfaces import Array, Surface


def albedos(count: int, rng: np.random.Generator) -> Array:
    """Reflectances [count, 3] in 0..1 of so many paints: a random grey, tinted."""
    grey = rng.uniform(0.25, 1.0, (count, 1))
    return np.clip(grey + rng.normal(0, 0.15, (count, 3)), 0.03, 1.0)


def texture(surface: Surface, count: int, rng: np.random.Generator) -> Array:
    """Factors [N, 1] about 1: each of the `count` paints has two waves of its own, smooth or sharp."""
    factor = np.ones(len(surface.points))
    for _ in range(2):
        direction = rng.normal(size=(count, 3))
        direction /= np.linalg.norm(direction, axis=1, keepdims=True)
        wave_number = direction * (2 * np.pi / rng.uniform(0.1, 0.8, (count, 1)))
        amplitude, phase = rng.uniform(0, 0.12, count), rng.uniform(0, 2 * np.pi, count)
        sharp = rng.random(count) < 0.3
        wave = np.sin((surface.points * wave_number[surface.paint]).sum(1) + phase[surface.paint])
        factor += amplitude[surface.paint] * np.where(sharp[surface.paint], np.sign(wave), wave)
    return factor[:, None]


def light(surface: Surface, low: Array, high: Array, rng: np.random.Generator) -> Array:
    """Irradiance [N, 1] from all around and from three lamps anywhere in the box low..high [3].

    Lamps near the floor as well as above keep brightness from telling floor, wall and ceiling apart.
    """
    total = np.full(len(surface.points), rng.uniform(0.55, 0.85))
    for lamp in rng.uniform(low + 0.1 * (high - low), high - 0.1 * (high - low), (3, 3)):
        ray = lamp - surface.points
        distance = np.linalg.norm(ray, axis=1) + 1e-6
        cosine = np.clip((ray * surface.normals).sum(1) / distance, 0, None)
        total += rng.uniform(0.1, 0.35) * cosine / (0.5 + 0.15 * distance**2)
    return total[:, None]


def colours(surface: Surface, count: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Colours [N, 3] (0..255) of a surface covered with `count` paints, seen with a random white balance."""
    low, high = surface.points.min(0), surface.points.max(0)
    colour = (
        albedos(count, rng)[surface.paint] * texture(surface, count, rng) * light(surface, low, high, rng)
    )
    colour *= rng.uniform(0.8, 1.0) * rng.uniform(0.93, 1.07, 3)
    colour += rng.normal(0, 0.03, colour.shape)
    return (255 * np.clip(colour, 0, 1)).round().astype(np.uint8)
