"""A list of transforms, one after the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ffnet3d.data.registry import TRANSFORMS, Sample, Transform


class Compose:
    """The transforms that a list of `type=` dicts names, applied in turn, all drawing from one generator.

    ValueError names the place in the list and the type of the transform at fault, when built and when called.
    """

    def __init__(self, cfg: Sequence[Mapping[str, Any]] = ()) -> None:
        self.transforms = [_build(place, config) for place, config in enumerate(cfg)]

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        sample = dict(sample)
        for place, transform in enumerate(self.transforms):
            try:
                sample = _one(transform(sample, rng))
            except ValueError as error:
                raise ValueError(f"transform[{place}] {type(transform).__name__}: {error}") from error
        return sample


def _one(result: Any) -> Sample:
    if not isinstance(result, dict):
        raise ValueError(
            "makes several samples of one: it belongs into test_cfg.voxelize, not into this list"
        )
    return result


def _build(place: int, config: Mapping[str, Any]) -> Transform:
    try:
        transform: Transform = TRANSFORMS.build(config)
    except ValueError as error:
        raise ValueError(f"transform[{place}]: {error}") from error
    return transform
