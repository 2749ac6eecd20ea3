"""What hooks ask of this engine."""

from __future__ import annotations

from typing import Any

import pytest

from ffnet3d.engine.config import Config
from ffnet3d.engine.hooks import has_hook, hook_argument, weight_renaming


def config(**loader: Any) -> Config:
    return Config(hooks=[{"type": "CheckpointLoader", **loader}, {"type": "CheckpointSaver", "save_freq": 5}])


def test_hooks_are_found_by_their_type() -> None:
    assert has_hook(config(), "CheckpointLoader")
    assert not has_hook(config(), "PreciseEvaluator")
    assert hook_argument(config(), "CheckpointSaver", "save_freq") == 5
    assert hook_argument(config(), "CheckpointLoader", "keywords") is None
    assert hook_argument(config(), "PreciseEvaluator", "test_last") is None


@pytest.mark.parametrize("wrapper", ["", "module."])
@pytest.mark.parametrize(
    ("loader", "name", "renamed"),
    [
        ({}, "backbone.stem.weight", "backbone.stem.weight"),
        ({"keywords": "module."}, "backbone.stem.weight", "backbone.stem.weight"),
        ({"replacement": "module.x"}, "backbone.stem.weight", "backbone.stem.weight"),
        ({"keywords": "module.", "replacement": "module.backbone."}, "stem.weight", "backbone.stem.weight"),
        ({"keywords": "module.student.", "replacement": "module."}, "student.a.student.b", "a.student.b"),
        ({"keywords": "enc", "replacement": "encoder"}, "backbone.enc.0.enc", "backbone.encoder.0.enc"),
        ({"keywords": "absent", "replacement": "x"}, "seg_head.bias", "seg_head.bias"),
    ],
)
def test_weights_are_renamed_as_checkpoint_loader_says(
    wrapper: str, loader: dict[str, Any], name: str, renamed: str
) -> None:
    assert weight_renaming(config(**loader))(wrapper + name) == renamed
