"""Brightness, contrast, saturation and hue in random order; grey scenes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real

import numpy as np

from ffnet3d.data.registry import TRANSFORMS, Sample
from ffnet3d.data.transforms.arguments import check_interval, check_probability
from ffnet3d.data.transforms.color import Colors, ColorTransform
from ffnet3d.data.transforms.hsv import hsv_to_rgb, rgb_to_hsv
from ffnet3d.data.transforms.points import colors

LUMA = (0.2989, 0.587, 0.114)  # ITU-R BT.601
Range = float | Sequence[float]


def grey(color: Colors) -> Colors:
    """Luma [N, 1] of colours [N, 3]."""
    return (color @ np.asarray(LUMA, dtype=color.dtype))[:, None]


@TRANSFORMS.register()
@dataclass(frozen=True)
class RandomColorGrayScale(ColorTransform):
    """With probability `p`, every colour becomes the grey of its luma."""

    p: float

    def recolor(self, color: Colors, rng: np.random.Generator) -> Colors:  # noqa: ARG002
        return np.repeat(grey(color), 3, axis=1)


@TRANSFORMS.register()
@dataclass(frozen=True)
class RandomColorJitter:
    """Brightness, contrast, saturation and hue, in random order, each changed with probability `p`.

    The first three are factors uniform in 1 +- the number (not below 0) or in the (low, high) given; `hue` is
    turns, uniform in +-hue or in (low, high) within +-0.5. Contrast is relative to the mean grey,
    saturation to each point's grey. A sample without colours passes unchanged.
    """

    brightness: Range = 0
    contrast: Range = 0
    saturation: Range = 0
    hue: Range = 0
    p: float = 0.95

    def __post_init__(self) -> None:
        check_probability("p", self.p)
        for name, (low, high) in self._ranges().items():
            check_interval(name, (low, high))
            if name == "hue" and not -0.5 <= low <= high <= 0.5:
                raise ValueError(f"hue must lie between -0.5 and 0.5, got {self.hue!r}")
            if name != "hue" and low < 0:
                raise ValueError(f"{name} must not be negative, got {getattr(self, name)!r}")

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        if "color" not in sample:
            return dict(sample)
        color = np.array(colors(sample))
        ranges = self._ranges()
        for name in rng.permutation(list(ranges)):
            factor = rng.uniform(*ranges[name])
            if rng.random() < self.p:
                color = adjust(color, str(name), factor).astype(color.dtype)
        return {**sample, "color": color}

    def _ranges(self) -> dict[str, tuple[float, float]]:
        """(low, high) by name, of those that change anything."""
        ranges = {}
        for name in ("brightness", "contrast", "saturation", "hue"):
            given, neutral = getattr(self, name), 0.0 if name == "hue" else 1.0
            if isinstance(given, Real):
                check_interval(name, (0, given))
                low, high = neutral - float(given), neutral + float(given)
                given = (low if name == "hue" else max(low, 0.0), high)
            check_interval(name, given)
            if tuple(given) != (neutral, neutral):
                ranges[name] = (float(given[0]), float(given[1]))
        return ranges


def adjust(color: Colors, name: str, amount: float) -> Colors:
    """One change of colours [N, 3], 0-255, by the name of its argument in `RandomColorJitter`."""
    if name == "hue":
        hsv = rgb_to_hsv(color)
        hsv[:, 0] = (hsv[:, 0] + amount) % 1
        return hsv_to_rgb(hsv)
    base = np.zeros((1, 1)) if name == "brightness" else grey(color)
    if name == "contrast":
        base = base.mean(axis=0, keepdims=True)
    blended: Colors = np.clip(amount * color + (1 - amount) * base, 0, 255)
    return blended
