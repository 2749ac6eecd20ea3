from __future__ import annotations

from typing import Any

from pointcept.models.builder import Registry

TRANSFORMS = Registry()


@TRANSFORMS.register_module()
class NormalizeColor:
    """Colours to 0..1; no arguments."""

    def __call__(self, sample: dict[str, Any]) -> dict[str, Any]:
        sample["color"] = sample["color"] / 255
        return sample
