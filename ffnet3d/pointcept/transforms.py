"""What Pointcept's transforms lack for the released weights, which know colours from -1 to 1."""

from __future__ import annotations

import logging
from typing import Any

logger = logging.getLogger(__name__)


def extend_normalize_color() -> None:
    """Give Pointcept's NormalizeColor the argument `symmetric` that ours has: -1..1 instead of 0..1.

    Before version 1.6 it made -1..1 in either case. Where the data sets cannot be imported there is nothing
    to do: the model needs none.
    """
    try:
        from pointcept.datasets.transform import TRANSFORMS
    except Exception as error:  # their dependencies are many
        logger.debug("Pointcept's transforms cannot be imported", exc_info=error)
        return
    original = TRANSFORMS.get("NormalizeColor")
    TRANSFORMS.register_module("NormalizeColor", force=True, module=with_symmetric(original))


def with_symmetric(original: type) -> type:
    """A NormalizeColor that takes `symmetric`."""

    class NormalizeColor(original):  # type: ignore[misc]
        __doc__ = original.__doc__

        def __init__(self, symmetric: bool = False) -> None:
            super().__init__()
            self.symmetric = symmetric

        def __call__(self, sample: dict[str, Any]) -> dict[str, Any]:
            if not self.symmetric or "color" not in sample:
                normalized: dict[str, Any] = super().__call__(sample)
                return normalized
            return {**sample, "color": sample["color"] / 127.5 - 1}

    return NormalizeColor
