"""The adapter in a real checkout of Pointcept, HEAD or 1.5.1.

    export POINTCEPT_ROOT=/path/to/Pointcept
    PYTHONPATH=$POINTCEPT_ROOT python -m pytest tests/pointcept/test_adapter_live.py

Models whose compiled parts are missing here are skipped one by one.
"""

from __future__ import annotations

import importlib
import inspect
import os
from types import ModuleType
from typing import Any

import pytest
import torch

BACKBONE: dict[str, Any] = {
    "type": "FFNet3D",
    "in_channels": 4,
    "stride": (2, 2),
    "enc_depths": (1, 1, 1),
    "enc_channels": (6, 8, 10),
    "dec_depths": (1, 1),
    "dec_channels": (7, 9),
}
ENCODER = {**BACKBONE, "type": "ffnet", "cls_mode": True}
PROMPTED = {**BACKBONE, "pdnorm_bn": True, "pdnorm_ln": True, "pdnorm_adaptive": True}
CRITERIA = [{"type": "CrossEntropyLoss", "ignore_index": -1}]


def models() -> ModuleType:
    """Pointcept's models with the adapter registered; skips where there is no checkout."""
    if "POINTCEPT_ROOT" not in os.environ:
        pytest.skip("set POINTCEPT_ROOT to a checkout of Pointcept, and put it on PYTHONPATH, to run this")
    try:
        importlib.import_module("ffnet3d.pointcept")
    except ImportError as error:
        pytest.skip(str(error))
    return importlib.import_module("pointcept.models")


def build(type: str, **arguments: Any) -> torch.nn.Module:
    """A model of Pointcept, which gets its config as its own configs give it."""
    registry = models().builder.MODELS
    if registry.get(type) is None:
        pytest.skip(f"{type} of this checkout cannot be imported here")
    config = importlib.import_module("pointcept.utils.config").ConfigDict(type=type, **arguments)
    torch.manual_seed(0)
    model: torch.nn.Module = models().build_model(config)
    return model


def sample(**more: Any) -> dict[str, Any]:
    generator = torch.Generator().manual_seed(1)
    coord = torch.rand(100, 3, generator=generator)
    return {
        "coord": coord,
        "grid_coord": torch.floor(coord * 12).int(),
        "feat": torch.randn(100, 4, generator=generator),
        "offset": torch.tensor([60, 100]),
        "segment": torch.randint(0, 5, (100,), generator=generator),
        "category": torch.tensor([1, 3]),
        "instance": torch.randint(0, 4, (100,), generator=generator),
        "instance_centroid": torch.rand(100, 3, generator=generator),
        **more,
    }


HEADS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "DefaultSegmentorV2": ({"backbone": BACKBONE, "num_classes": 5, "backbone_out_channels": 7}, {}),
    "DefaultSegmentor": ({"backbone": BACKBONE}, {}),
    "DefaultClassifier": ({"backbone": ENCODER, "num_classes": 5, "backbone_embed_dim": 10}, {}),
    "PG-v1m1": ({"backbone": BACKBONE, "backbone_out_channels": 7, "semantic_num_classes": 5}, {}),
    "PPT-v1m2": (
        {"backbone": PROMPTED, "backbone_out_channels": 7, "num_classes": (5, 5, 5)},
        {"condition": ["S3DIS", "S3DIS"]},
    ),
}


@pytest.mark.parametrize("name", HEADS)
def test_models_of_pointcept_train_with_it(name: str) -> None:
    arguments, more = HEADS[name]
    criteria = {} if name == "PG-v1m1" else {"criteria": CRITERIA}
    model = build(name, **arguments, **criteria).train()
    loss = model(sample(**more))["loss"]
    loss.backward()
    assert torch.isfinite(loss)
    assert model.backbone.stem.conv.weight.grad.abs().sum() > 0


def test_a_segmentor_joins_the_levels_of_an_encoder() -> None:
    segmentor = models().builder.MODELS.get("DefaultSegmentorV2")
    if "pooling_parent" not in inspect.getsource(segmentor):
        pytest.skip("DefaultSegmentorV2 of this checkout takes no encoder (1.5 does not)")
    model = build("DefaultSegmentorV2", backbone=ENCODER, num_classes=5, backbone_out_channels=24).eval()
    assert model(sample())["seg_logits"].shape == (100, 5)


@pytest.mark.parametrize("name", ["PPT-v1m1", "PPT-v1m2"])
def test_prompt_training_is_a_backbone(name: str) -> None:
    model = build(name, backbone=PROMPTED, backbone_out_channels=7, backbone_mode=True).eval()
    with torch.no_grad():
        first, second = (model(sample(condition=[data_set] * 2)) for data_set in ("ScanNet", "S3DIS"))
    assert first.shape == (100, 7)
    assert not torch.allclose(first, second)


def test_other_backbones_of_prompt_training_are_checked_as_before() -> None:
    with pytest.raises(Exception, match=r"^PointPromptTraining: "):
        build("PPT-v1m2", backbone={"type": "SpUNet-v1m1", "in_channels": 4, "num_classes": 5})


def test_a_wrong_argument_is_named() -> None:
    with pytest.raises(ValueError, match="did you mean 'enc_depths'"):
        build("DefaultSegmentor", backbone={**BACKBONE, "enc_depth": 1})
