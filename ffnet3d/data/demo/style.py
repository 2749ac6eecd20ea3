"""The style of an area: what its rooms have in common, as the floors of different buildings do."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Style:
    """Ranges are (low, high) in metres."""

    width: tuple[float, float]  # of the rooms, the longer side
    depth: tuple[float, float]
    height: tuple[float, float]
    wall_thickness: float  # metres: windows and doors are recessed into it
    furniture_scale: float  # of all furniture, about 1
    spacing: float  # metres between samples
    range_noise: float  # metres, standard deviation along the ray
    normal_noise: float  # standard deviation of each component of the unit normal
    scanners: int  # positions from which a room was seen
    round_columns: float  # share of the columns that are round
    open_doors: float  # share of the doors that stand open
    clutter: float  # amount of small objects, about 1

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Style:
        """A random style."""
        width, depth, height = rng.uniform(3.9, 4.7), rng.uniform(3.5, 4.1), rng.uniform(2.6, 3.0)
        return cls(
            width=(width, width + 0.8),
            depth=(depth, depth + 0.5),
            height=(height, height + 0.2),
            wall_thickness=rng.uniform(0.2, 0.36),
            furniture_scale=rng.uniform(0.92, 1.1),
            spacing=rng.uniform(0.029, 0.034),
            range_noise=rng.uniform(0.002, 0.006),
            normal_noise=rng.uniform(0.04, 0.12),
            scanners=int(rng.integers(4, 7)),
            round_columns=rng.uniform(0.4, 0.9),
            open_doors=rng.uniform(0.1, 0.35),
            clutter=rng.uniform(0.7, 1.3),
        )
