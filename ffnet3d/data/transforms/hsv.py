"""Colours as hue, saturation, value."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def rgb_to_hsv(rgb: NDArray[np.floating]) -> NDArray[np.float64]:
    """Hue and saturation in 0..1, value in the units of `rgb`, for colours [..., 3]; greys have hue 0."""
    rgb = np.asarray(rgb, dtype=np.float64)
    value = rgb.max(axis=-1)
    chroma = value - rgb.min(axis=-1)
    saturation = np.divide(chroma, value, out=np.zeros_like(value), where=value > 0)
    # The hue counts sextants from the dominant channel, towards the greater one of the two others.
    dominant = rgb.argmax(axis=-1)
    others = [np.take_along_axis(rgb, ((dominant + i) % 3)[..., None], axis=-1)[..., 0] for i in (1, 2)]
    turn = np.divide(others[0] - others[1], chroma, out=np.zeros_like(value), where=chroma > 0)
    hue = np.where(chroma > 0, (2 * dominant + turn) / 6 % 1.0, 0.0)
    return np.stack((hue, saturation, value), axis=-1)


def hsv_to_rgb(hsv: NDArray[np.floating]) -> NDArray[np.float64]:
    """The inverse of `rgb_to_hsv`."""
    hue, saturation, value = np.moveaxis(np.asarray(hsv, dtype=np.float64), -1, 0)
    # Red, green and blue are one trapezoid of the hue, shifted by a third of a turn each.
    sextant = (np.array([5, 3, 1]) + 6 * hue[..., None]) % 6
    trapezoid = np.clip(np.minimum(sextant, 4 - sextant), 0, 1)
    rgb: NDArray[np.float64] = value[..., None] * (1 - saturation[..., None] * trapezoid)
    return rgb
