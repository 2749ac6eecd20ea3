"""Point Prompt Training with FFNet3D: what Pointcept's PPT models lack to take it as a backbone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pointcept.models.builder import MODELS
from pointcept.models.utils.structure import Point

from ffnet3d.pointcept.backbone import FFNet3D

PROMPT_MODELS = ("PPT-v1m1", "PPT-v1m2", "PPT-v1m3")


class AllowedBackbone(dict):  # type: ignore[type-arg]
    """A backbone's config that passes PPT's list of names: its attribute `type` is on it, its item builds."""

    type = "PT-v3m1"


def adapt_prompt_models() -> None:
    """Let the PPT models take FFNet3D, as its norms by data set are for them; for others nothing changes."""
    for name in PROMPT_MODELS:
        original = MODELS.get(name)
        if original is not None:
            MODELS.register_module(name, force=True, module=with_ffnet(original))


def with_ffnet(original: type) -> type:
    """A PPT model that takes FFNet3D as well."""

    class PointPromptTraining(original):  # type: ignore[misc]
        __doc__ = original.__doc__

        def __init__(self, backbone: Any = None, *args: Any, **arguments: Any) -> None:
            if backbone is not None and MODELS.get(backbone["type"]) is FFNet3D:
                backbone = AllowedBackbone(backbone)
            super().__init__(backbone, *args, **arguments)

        def forward(self, data_dict: Mapping[str, Any]) -> Any:
            # FFNet3D answers in kind, and some of these models want a Point.
            return super().forward(Point(data_dict) if isinstance(self.backbone, FFNet3D) else data_dict)

    return PointPromptTraining
