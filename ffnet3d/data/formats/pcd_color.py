"""The packed colours of PCD: red, green, blue and alpha as the bytes of one number."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ffnet3d.data.formats.pcd_header import Field

SHIFTS = {"red": 16, "green": 8, "blue": 0, "alpha": 24}


def packed_names(fields: Sequence[Field]) -> dict[str, tuple[str, ...]]:
    """Packed field -> the columns that it holds: rgb three, rgba four; nothing where names would clash."""
    names = {name for field in fields for name in field.columns}
    for field in fields:
        if field.name in ("rgb", "rgba") and field.count == 1 and field.dtype.itemsize == 4:
            held = ("red", "green", "blue", "alpha")[: len(field.name)]
            return {} if names & set(held) else {field.name: held}
    return {}


def unpack(values: np.ndarray, name: str) -> np.ndarray:
    """One colour of packed values [n] (of any type of 4 bytes), uint8 [n]."""
    bits = np.ascontiguousarray(values).view("<u4")
    return (bits >> SHIFTS[name] & 255).astype(np.uint8)


def pack(values: np.ndarray, name: str, color: np.ndarray) -> np.ndarray:
    """Packed values [n] with one colour replaced by uint8 `color` [n]; the other bits stay."""
    bits = np.ascontiguousarray(values).view("<u4")
    shift = SHIFTS[name]
    changed = bits & ~np.uint32(255 << shift) | color.astype(np.uint32) << np.uint32(shift)
    return changed.astype("<u4").view(values.dtype)


def without_alpha(values: np.ndarray) -> np.ndarray:
    """Floats [n] with an alpha of 0, which text can say: others may be no number. Integers stay."""
    return (values.view("<u4") & 0xFFFFFF).view(values.dtype) if values.dtype.kind == "f" else values
