"""Colours, 0-255: contrast, tint, noise, hue, and none at all. A sample without colours passes unchanged."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ffnet3d.data.registry import TRANSFORMS, Sample
from ffnet3d.data.transforms.arguments import check_interval, check_probability
from ffnet3d.data.transforms.hsv import hsv_to_rgb, rgb_to_hsv
from ffnet3d.data.transforms.points import colors, extremes

Colors = NDArray[np.floating]


class ColorTransform(ABC):
    """With probability `p`, other colours."""

    p: float

    def __post_init__(self) -> None:
        check_probability("p", self.p)

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        if "color" not in sample or rng.random() >= self.p:
            return dict(sample)
        color = colors(sample)
        return {**sample, "color": self.recolor(color, rng).astype(color.dtype)}

    @abstractmethod
    def recolor(self, color: Colors, rng: np.random.Generator) -> Colors:
        """New colours [N, 3]; `color` itself must not be changed."""


@TRANSFORMS.register()
@dataclass(frozen=True)
class NormalizeColor:
    """Colours from 0..255 to 0..1, or with `symmetric` to -1..1.

    Pointcept's name stood for -1..1 before version 1.6, and so in the authors' release: networks that were
    trained there need `symmetric=True`.
    """

    symmetric: bool = False

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:  # noqa: ARG002
        if "color" not in sample:
            return dict(sample)
        color = colors(sample)
        return {**sample, "color": color / 127.5 - 1 if self.symmetric else color / 255}


@TRANSFORMS.register()
@dataclass(frozen=True)
class ChromaticAutoContrast(ColorTransform):
    """A blend with the colours stretched to 0..255 on each channel; a channel of one value stays.

    `blend_factor` is the share of the stretched colours, by default uniform in 0..1.
    """

    p: float = 0.2
    blend_factor: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.blend_factor is not None:
            check_probability("blend_factor", self.blend_factor)

    def recolor(self, color: Colors, rng: np.random.Generator) -> Colors:
        blend = rng.random() if self.blend_factor is None else self.blend_factor
        low, high = extremes(color)
        spread = high - low
        flat = spread == 0
        stretched = (color - low) * (255 / np.where(flat, 1, spread))
        blended = np.clip((1 - blend) * color + blend * stretched, 0, 255)
        return np.where(flat, color, blended)


@TRANSFORMS.register()
@dataclass(frozen=True)
class ChromaticTranslation(ColorTransform):
    """One tint for all points, uniform in +-255 * `ratio` on each channel."""

    p: float = 0.95
    ratio: float = 0.05

    def __post_init__(self) -> None:
        super().__post_init__()
        check_interval("ratio", (0, self.ratio))

    def recolor(self, color: Colors, rng: np.random.Generator) -> Colors:
        reach = 255 * self.ratio
        return np.clip(color + rng.uniform(-reach, reach, size=3), 0, 255)


@TRANSFORMS.register()
@dataclass(frozen=True)
class ChromaticJitter(ColorTransform):
    """Gaussian noise of standard deviation 255 * `std` on each channel of each point."""

    p: float = 0.95
    std: float = 0.005

    def __post_init__(self) -> None:
        super().__post_init__()
        check_interval("std", (0, self.std))

    def recolor(self, color: Colors, rng: np.random.Generator) -> Colors:
        noise = rng.standard_normal(color.shape, dtype=np.float32) * np.float32(255 * self.std)
        return np.clip(color + noise, 0, 255)


@TRANSFORMS.register()
@dataclass(frozen=True)
class HueSaturationTranslation(ColorTransform):
    """One change of hue for all points, uniform in +-`hue_max` turns, and one factor of saturation,
    uniform in 1 +- `saturation_max`.

    Results are not rounded to whole numbers.
    """

    hue_max: float = 0.5
    saturation_max: float = 0.2
    p: float = field(default=1.0, init=False)  # no argument, as in Pointcept

    def __post_init__(self) -> None:
        super().__post_init__()
        check_interval("hue_max", (0, self.hue_max))
        check_interval("saturation_max", (0, self.saturation_max))

    def recolor(self, color: Colors, rng: np.random.Generator) -> Colors:
        turn = rng.uniform(-self.hue_max, self.hue_max)
        factor = rng.uniform(1 - self.saturation_max, 1 + self.saturation_max)
        hsv = rgb_to_hsv(color)
        hsv[:, 0] = (hsv[:, 0] + turn) % 1
        hsv[:, 1] = np.clip(hsv[:, 1] * factor, 0, 1)
        return hsv_to_rgb(hsv)


@TRANSFORMS.register()
@dataclass(frozen=True)
class RandomColorDrop(ColorTransform):
    """With probability `p`, the colours of all points times `color_augment`: 0 is no colour."""

    p: float = 0.2
    color_augment: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_interval("color_augment", (0, self.color_augment))

    def recolor(self, color: Colors, rng: np.random.Generator) -> Colors:  # noqa: ARG002
        scaled: Colors = np.minimum(color * self.color_augment, 255)
        return scaled
