"""The corruptions by name, and what each severity of them means.

The selection and all levels are defined here, as in docs/robustness.md; none is taken from elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from ffnet3d.analysis.robustness import features, geometry, points
from ffnet3d.analysis.robustness.scene import PointScene
from ffnet3d.engine.tables import table

CLEAN = "clean"
SEVERITIES = (1, 2, 3, 4, 5)

Apply: TypeAlias = Callable[[PointScene, float, np.random.Generator], PointScene]
"""A scene, the level and the source of random draws in, the corrupted scene out."""


@dataclass(frozen=True)
class Corruption:
    """One kind of corruption with the level of each severity."""

    name: str
    title: str
    unit: str
    levels: tuple[float, ...]  # of severities 1 to 5
    apply: Apply | None  # None: the voxels grow by the level, the scene stays
    needs: str | None = None  # "color" or "normal": without it there is nothing to corrupt

    def level(self, severity: int) -> float:
        """The level of a severity of 1 to 5."""
        return self.levels[severity - 1]

    def label(self) -> str:
        """Title and unit."""
        return f"{self.title} ({self.unit})"


SHARES = (0.2, 0.4, 0.6, 0.8, 1.0)
CORRUPTIONS = (
    Corruption("noise", "coordinate noise", "m", (0.005, 0.01, 0.02, 0.04, 0.08), geometry.add_noise),
    Corruption("dropout", "points dropped", "share", (0.25, 0.5, 0.75, 0.9, 0.97), points.drop_points),
    Corruption("density", "thinned beyond", "m", (3, 2, 1.5, 1, 0.5), points.thin_by_distance),
    Corruption("holes", "points in holes of 0.5 m", "share", (0.1, 0.2, 0.3, 0.4, 0.5), points.cut_holes),
    Corruption("outliers", "outliers added", "share", (0.01, 0.03, 0.1, 0.3, 1.0), points.add_outliers),
    Corruption("color_missing", "points without colour", "share", SHARES, features.lose_color, "color"),
    Corruption(
        "color_noise", "colour noise", "of 255", (8, 16, 32, 64, 128), features.add_color_noise, "color"
    ),
    Corruption("normal_missing", "normals zeroed", "share", SHARES, features.lose_normals, "normal"),
    Corruption(
        "normal_noise", "normals tilted", "degrees", (5, 10, 20, 40, 80), features.tilt_normals, "normal"
    ),
    Corruption("rotation_z", "turn about z", "degrees", (15, 45, 90, 135, 180), geometry.rotate_upright),
    Corruption("rotation", "turn about any axis", "degrees", (5, 10, 20, 45, 90), geometry.rotate_freely),
    Corruption("scale", "scene enlarged", "factor", (1.1, 1.2, 1.4, 1.7, 2), geometry.enlarge),
    Corruption("grid", "voxels enlarged", "factor", (1.25, 1.5, 2, 2.5, 3), None),
)


def find_corruption(name: str) -> Corruption:
    """The corruption of that name; ValueError naming those that there are."""
    for corruption in CORRUPTIONS:
        if corruption.name == name:
            return corruption
    raise ValueError(f"there is no corruption {name!r}: known are {', '.join(all_names())}")


def find_corruptions(names: Sequence[str] | None) -> tuple[Corruption, ...]:
    """The corruptions of those names, each once, in the order of the table; None: all."""
    wanted = all_names() if names is None else [find_corruption(name).name for name in names]
    return tuple(corruption for corruption in CORRUPTIONS if corruption.name in wanted)


def check_severities(severities: Sequence[int]) -> tuple[int, ...]:
    """Severities in ascending order, each once; ValueError for none, or one that is not of 1 to 5."""
    for severity in severities:
        if severity not in SEVERITIES:
            raise ValueError(
                f"severity {severity}: give 1 (mild) to 5 (severe); the clean scenes are measured in any case"
            )
    if not severities:
        raise ValueError("no severity was named: give some of 1 to 5")
    return tuple(sorted(set(severities)))


def all_names() -> list[str]:
    """The names of all corruptions."""
    return [corruption.name for corruption in CORRUPTIONS]


def parameter_table(corruptions: Sequence[Corruption] = CORRUPTIONS) -> str:
    """A Markdown table of the levels: a row for each corruption, a column for each severity."""
    rows = [[f"{c.name}: {c.label()}", *(f"{level:g}" for level in c.levels)] for c in corruptions]
    return table(["corruption: level", *map(str, SEVERITIES)], rows)


def draws_of(seed: int, scene: str, corruption: str) -> np.random.Generator:
    """The random draws of a corruption of a scene: the same in any order, and at all severities."""
    return np.random.default_rng([seed, *scene.encode(), 0, *corruption.encode()])


def corrupt(scene: PointScene, name: str, corruption: Corruption, severity: int, seed: int = 0) -> PointScene:
    """The scene called `name`, corrupted; what follows depends on these arguments alone."""
    if corruption.apply is None:
        return scene
    return corruption.apply(scene, corruption.level(severity), draws_of(seed, name, corruption.name))
