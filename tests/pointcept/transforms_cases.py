"""The transforms of the recipes as cases."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from ffnet3d.engine.config import Config, load_config

from .transforms_clouds import (
    COARSE,
    FINE,
    Sample,
    cloud,
    of_all_kinds,
    unlabelled,
    with_a_flag,
    with_a_flat_channel,
    with_voxels_of_three,
)

Configs = Sequence[Mapping[str, Any]]

CONFIGS = Path(__file__).parents[2] / "configs"
RECIPES = ("scannet/ffnet3d", "s3dis/ffnet3d", "scannet/ffnet3d-tiny")  # the others have the same lists
ROUNDING = 2e-6  # m, and for normals: float32 here, where Pointcept computes some steps in float64
COLOR_ROUNDING = 1e-4  # of 255, likewise


@dataclass(frozen=True)
class Case:
    """Transforms in turn, and how their results are to be compared.

    Args:
        exact: results under the same draws are compared value by value.
        probability: of the first draw, if it decides: the seeds then lie closely on both sides of it.
        random: statistics of results over many seeds are compared.
        tolerance: absolute, for each value; 0 is bitwise.
        by: the key by whose values rows are put in order: neither Pointcept nor we promise an order.
        keys: what is compared, if not every key.
        differs: why ours is meant to differ.
    """

    name: str
    transforms: Configs
    exact: bool = True
    probability: float | None = None
    random: bool = False
    tolerance: float = 0.0
    sample: Callable[[], Sample] = cloud
    by: str = "segment"
    keys: tuple[str, ...] | None = None
    differs: str = ""

    @property
    def seeds(self) -> list[int]:
        """Of the fixed draws: where `probability` decides, one on each side of it, within 0.001."""
        if self.probability is None:
            return [0]
        below = [distance for distance in _distances(self.probability) if distance[0] < 0]
        above = [distance for distance in _distances(self.probability) if distance[0] >= 0]
        return [max(below)[1], min(above)[1]]


@cache
def _distances(probability: float) -> list[tuple[float, int]]:
    """By how much the first number of each legacy stream exceeds the probability, with the stream's seed."""
    first = [np.random.RandomState(seed).random_sample() for seed in range(2000)]
    return [(draw - probability, seed) for seed, draw in enumerate(first)]


def one(type: str, **arguments: Any) -> Configs:
    """A list of one transform."""
    return [{"type": type, **arguments}]


ORIGINS = one("Copy", keys_dict={"coord": "origin_coord", "segment": "origin_segment"})
GRID = {"hash_type": "fnv", "return_grid_coord": True}
RELEASED_KEYS = ("coord", "color", "normal")
FEATURES = ("color", "normal")
QUARTERS = one("RandomRotateTargetAngle", angle=[1 / 2], axis="z", center=[0, 0, 0], p=1)

CERTAIN = [
    Case("CenterShift", one("CenterShift", apply_z=True)),
    Case("CenterShift in the plane", one("CenterShift", apply_z=False)),
    Case("NormalizeColor", one("NormalizeColor")),
    Case("ToTensor", [], sample=of_all_kinds),
    Case("Copy", ORIGINS),
    Case("Collect", [*one("ToTensor"), *one("Collect", keys=("coord", "segment"), feat_keys=FEATURES)]),
    Case(
        "Collect with two offsets",
        [
            *ORIGINS,
            *one("GridSample", grid_size=FINE, mode="train", **GRID),
            *one("ToTensor"),
            *one(
                "Collect",
                keys=("coord", "grid_coord", "origin_coord", "segment", "origin_segment"),
                offset_keys_dict={"offset": "coord", "origin_offset": "origin_coord"},
                feat_keys=FEATURES,
            ),
        ],
    ),
    Case("a quarter turn", QUARTERS, tolerance=ROUNDING),
    Case("one scale", one("RandomScale", scale=[0.95, 0.95])),
    Case("a certain flip", one("RandomFlip", p=1)),
    Case("GridSample", one("GridSample", grid_size=FINE, mode="train", return_inverse=True, **GRID)),
    Case(
        "GridSample of crowded voxels",
        one("GridSample", grid_size=COARSE, mode="train", return_inverse=True, **GRID),
        by="grid_coord",
        keys=("grid_coord", "inverse"),
    ),
    Case(
        "GridSample for testing",
        one("GridSample", grid_size=COARSE, mode="test", return_inverse=True, keys=RELEASED_KEYS, **GRID),
        sample=unlabelled,
        by="index",
    ),
]

RANDOM = [
    Case(
        "RandomDropout",
        one("RandomDropout", dropout_ratio=0.2, dropout_application_ratio=0.2),
        probability=0.2,
        random=True,
    ),
    Case(
        "RandomRotate about z",
        one("RandomRotate", angle=[-1, 1], axis="z", center=[0, 0, 0], p=0.5),
        probability=0.5,
        random=True,
        tolerance=ROUNDING,
    ),
    *[
        Case(
            f"RandomRotate about {axis}",
            one("RandomRotate", angle=[-1 / 64, 1 / 64], axis=axis, p=0.5),
            probability=0.5,
            random=True,
            tolerance=ROUNDING,
        )
        for axis in ("x", "y")
    ],
    Case(
        "RandomRotateTargetAngle",
        one("RandomRotateTargetAngle", angle=(1 / 2, 1, 3 / 2), center=[0, 0, 0], axis="z", p=0.75),
        probability=0.75,
        random=True,
        tolerance=ROUNDING,
    ),
    Case("RandomScale", one("RandomScale", scale=[0.9, 1.1]), random=True),
    Case("RandomFlip", one("RandomFlip", p=0.5), probability=0.5, random=True),
    Case("RandomJitter", one("RandomJitter", sigma=0.005, clip=0.02), random=True, tolerance=ROUNDING),
    Case(
        "RandomJitter that is often cut off",
        one("RandomJitter", sigma=0.02, clip=0.02),
        random=True,
        tolerance=ROUNDING,
    ),
    Case(
        "ElasticDistortion",
        one("ElasticDistortion", distortion_params=[[0.2, 0.4], [0.8, 1.6]]),
        probability=0.95,
        random=True,
        tolerance=ROUNDING,
    ),
    Case(
        "ChromaticAutoContrast",
        one("ChromaticAutoContrast", p=0.2, blend_factor=None),
        probability=0.2,
        random=True,
        tolerance=COLOR_ROUNDING,
    ),
    Case(
        "ChromaticTranslation",
        one("ChromaticTranslation", p=0.95, ratio=0.05),
        probability=0.95,
        random=True,
        tolerance=COLOR_ROUNDING,
    ),
    Case(
        "ChromaticJitter",
        one("ChromaticJitter", p=0.95, std=0.05),
        probability=0.95,
        random=True,
        tolerance=COLOR_ROUNDING,
    ),
    Case(
        "the draw of GridSample",
        one("GridSample", grid_size=COARSE, mode="train", return_grid_coord=True),
        exact=False,
        random=True,
    ),
    Case("SphereCrop to a number", one("SphereCrop", point_max=30, mode="random"), random=True),
    Case("SphereCrop to a share", one("SphereCrop", sample_rate=0.6, mode="random"), random=True),
]

MEANT_TO_DIFFER = [
    Case(
        "ChromaticAutoContrast of a flat channel",
        one("ChromaticAutoContrast", p=1, blend_factor=0.5),
        sample=with_a_flat_channel,
        differs="Pointcept stretches a channel of one value to 0, which darkens it (before 1.6: to NaN)",
    ),
    Case(
        "RandomDropout of every point",
        one("RandomDropout", dropout_ratio=1, dropout_application_ratio=1),
        differs="one point is kept here: no transform after it could take none",
    ),
    Case(
        "ToTensor of a flag",
        [],
        sample=with_a_flag,
        differs="Pointcept takes True for the integer 1",
    ),
    Case(
        "the draw of GridSample where counts do not divide the largest",
        one("GridSample", grid_size=COARSE, mode="train", return_grid_coord=True),
        exact=False,
        random=True,
        sample=with_voxels_of_three,
        differs="Pointcept draws below the largest count and takes the remainder, which favours some points",
    ),
]


def recipe_cases(config: Config, name: str) -> list[Case]:
    """Training, evaluation and (every view of) testing as a config's lists of transforms have them."""
    data = config.to_dict()["data"]
    test, test_cfg = data["test"]["transform"], data["test"]["test_cfg"]
    cases = [
        Case(f"{name} training", data["train"]["transform"], exact=False, random=True),
        Case(f"{name} evaluation", data["val"]["transform"], tolerance=ROUNDING),
    ]
    for number, view in enumerate(test_cfg["aug_transform"]):
        cases.append(
            Case(
                f"{name} view {number}",
                [*test, *view, test_cfg["voxelize"], *test_cfg["post_transform"]],
                tolerance=ROUNDING,
                by="grid_coord",
                keys=("coord", "grid_coord", "offset", *(["feat"] if number == 0 else [])),
            )
        )
    return cases


def cases() -> list[Case]:
    """All of them."""
    recipes = [recipe_cases(load_config(CONFIGS / f"{name}.py"), name) for name in RECIPES]
    return [*CERTAIN, *RANDOM, *MEANT_TO_DIFFER, *[case for recipe in recipes for case in recipe]]
