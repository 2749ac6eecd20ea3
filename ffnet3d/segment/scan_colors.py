"""Colours of a scan in 0-255, whatever range its file keeps them in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ffnet3d.segment.scan_survey import Range

BYTE, WORD = 255.0, 65535.0
ROUNDING = 1.001  # a full colour that was computed may be a little over its range


@dataclass(frozen=True)
class ColorRange:
    """The range that the colours of a file have.

    Args:
        full: the value of a full red, green or blue.
        empty: the colours say nothing, all being one value.
        note: the range in words.
    """

    full: float
    empty: bool
    note: str

    def to_bytes(self, colors: NDArray[np.generic], filling: tuple[int, int, int]) -> NDArray[np.float32]:
        """Colours [N, 3] of the file in 0-255, with `filling` for those that are not finite."""
        scaled = colors.astype(np.float64) * (BYTE / self.full)
        scaled[~np.isfinite(scaled).all(axis=1)] = filling
        return np.clip(scaled, 0, BYTE).astype(np.float32)


def color_range(colors: Range, dtype: np.dtype, file: Path, given: float | None) -> ColorRange:
    """The range of colours that were surveyed, of that type in the file, or the `given` one.

    ValueError naming the file where no range fits, or the given one does not.
    """
    seen = f"{colors.low:g} to {colors.high:g}"
    if colors.low > colors.high:
        return ColorRange(given or BYTE, True, "colours: none is a finite number: they count as none")
    full = given or _full(colors, dtype)
    if full is None or colors.low < 0 or colors.high > full * ROUNDING:
        wanted = f"0 to {given:g}" if given else "0 to 1, 255 or 65535"
        raise ValueError(
            f"{file}: its colours are {seen}, not {wanted}: say the value of a full red with --color-range"
        )
    if colors.low == colors.high:
        return ColorRange(full, True, f"colours: all are {colors.low:g}, which counts as none")
    return ColorRange(
        full, False, f"colours: {_named(full, dtype)} ({seen} in the file{', as given' if given else ''})"
    )


def _named(full: float, dtype: np.dtype) -> str:
    if full == BYTE and dtype.kind == "u" and dtype.itemsize > 1:
        return f"0-255 in fields of {8 * dtype.itemsize} bits"
    return {1.0: "0-1", BYTE: "0-255", WORD: "0-65535, 16 bits"}.get(full, f"0-{full:g}")


def _full(colors: Range, dtype: np.dtype) -> float | None:
    """The smallest usual range that holds the colours."""
    if dtype == np.uint8:
        return BYTE
    if dtype.kind == "f" and colors.high <= ROUNDING:
        return 1.0
    if dtype.kind != "f" and colors.low == colors.high == 0:
        return WORD if dtype.itemsize == 2 else BYTE
    return next((full for full in (BYTE, WORD) if colors.high <= full * ROUNDING), None)
