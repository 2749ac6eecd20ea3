"""How a network wants its points: voxel size, features, classes.

A run's config, shared weights and ONNX files know it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

FEATURE_WIDTH = {"color": 3, "normal": 3, "coord": 3}
HARMLESS = ("CenterShift", "PositiveShift", "Copy", "GridSample", "ToTensor", "Collect", "NormalizeColor")
"""Transforms of a test that a prediction does by itself, or that change nothing in it."""

REMEDIES = {
    "grid_size": "--grid-size METRES (edge of the voxels that it was trained on)",
    "classes": "--classes wall,floor,... (in the order of their labels)",
}


@dataclass(frozen=True)
class Recipe:
    """What a network was trained to get, and what its outputs mean.

    Args:
        grid_size: edge of a voxel, metres.
        features: of ("color", "normal", "coord"), in the network's order.
        classes: their names, by label.
        symmetric_color: colours go in as -1..1 instead of 0..1.
    """

    grid_size: float
    features: tuple[str, ...]
    classes: tuple[str, ...]
    symmetric_color: bool = False

    @property
    def in_channels(self) -> int:
        """Width of the network's input."""
        return sum(FEATURE_WIDTH[name] for name in self.features)

    def as_dict(self) -> dict[str, Any]:
        """For JSON; `recipe_of` reads it."""
        return asdict(self)

    def changed(self, **values: Any) -> Recipe:
        """The recipe with those of the values that are not None."""
        return replace(self, **{key: value for key, value in values.items() if value is not None})


def recipe_of(meta: Mapping[str, Any], source: str, **given: Any) -> Recipe:
    """The recipe in a mapping (config.json, metadata of an ONNX file) and the values `given` in their place.

    ValueError naming `source`, what it lacks, and how to say it.
    """
    known = {key: meta[key] for key in ("grid_size", "features", "classes", "symmetric_color") if key in meta}
    known |= {key: value for key, value in given.items() if value is not None}
    if missing := [key for key in REMEDIES if key not in known]:
        remedies = " and ".join(REMEDIES[key] for key in missing)
        raise ValueError(f"{source} does not say its {' and '.join(missing)}: give {remedies}")
    features = tuple(known.get("features", ("color", "normal")))
    if unknown := [name for name in features if name not in FEATURE_WIDTH]:
        raise ValueError(
            f"{source}: the network wants {unknown[0]!r}, which is not known: {list(FEATURE_WIDTH)}"
        )
    symmetric = bool(known.get("symmetric_color", False))
    return Recipe(float(known["grid_size"]), features, tuple(known["classes"]), symmetric)


def recipe_of_config(config: Mapping[str, Any], source: str) -> Recipe:
    """The recipe of a run, from `data.test` of its config; ValueError where a scan cannot be treated so."""
    data = config["data"]
    part = data.get("test") or data.get("val") or {}
    test_cfg = part.get("test_cfg") or {}
    transforms = [*part.get("transform", ()), *(test_cfg.get("post_transform") or ())]
    for transform in transforms:
        if transform["type"] not in HARMLESS:
            raise ValueError(
                f"{source}: the transform {transform['type']} of data.test is not for single scans"
            )
    grid = test_cfg.get("voxelize") or _last(transforms, "GridSample")
    collect = _last(transforms, "Collect")
    if grid is None or collect is None:
        raise ValueError(
            f"{source}: data.test has no GridSample and Collect that tell grid size and features"
        )
    meta = {
        "grid_size": grid["grid_size"],
        "features": collect["feat_keys"],
        "classes": data["names"],
        "symmetric_color": (_last(transforms, "NormalizeColor") or {}).get("symmetric", False),
    }
    return recipe_of(meta, source)


def _last(transforms: Iterable[Mapping[str, Any]], name: str) -> Mapping[str, Any] | None:
    found = [transform for transform in transforms if transform["type"] == name]
    return found[-1] if found else None
