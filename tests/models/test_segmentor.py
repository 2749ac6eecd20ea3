"""Segmentation heads and presets."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ffnet3d.models import DefaultSegmentor, DefaultSegmentorV2, FFNet3D, build_model, create_model

BACKBONE = {
    "type": "ffnet",
    "in_channels": 3,
    "stride": (2,),
    "enc_depths": (1, 1),
    "enc_channels": (4, 6),
    "dec_depths": (1,),
    "dec_channels": (5,),
}
CONFIG = {
    "type": "DefaultSegmentorV2",
    "num_classes": 4,
    "backbone_out_channels": 5,
    "backbone": BACKBONE,
    "criteria": [{"type": "CrossEntropyLoss"}, {"type": "LovaszLoss", "ignore_index": -1}],
}


def scene(count: int = 50) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {
        "coord": torch.rand(count, 3, generator=generator),
        "grid_coord": torch.randint(0, 8, (count, 3), generator=generator),
        "feat": torch.randn(count, 3, generator=generator),
        "segment": torch.randint(-1, 4, (count,), generator=generator),
        "offset": torch.tensor([count]),
    }


def without_labels() -> dict[str, Tensor]:
    return {key: value for key, value in scene().items() if key != "segment"}


@pytest.mark.parametrize(
    ("name", "count"), [("ffnet3d", 103_212_436), ("ffnet3d-paper", 95_092_628), ("ffnet3d-tiny", 4_571_204)]
)
def test_parameters_of_the_presets(name: str, count: int) -> None:
    with torch.device("meta"):
        model = create_model(name, in_channels=6, num_classes=20)
    assert sum(parameter.numel() for parameter in model.parameters()) == count


def test_create_model_overrides_the_preset() -> None:
    with torch.device("meta"):
        model = create_model("ffnet3d-tiny", in_channels=9, num_classes=13, dec_channels=(24, 48, 64, 96))
    assert model.seg_head.weight.shape == (13, 24)
    assert model.backbone.config.in_channels == 9
    with pytest.raises(ValueError, match="unknown model 'ffnet3d-tinny': did you mean 'ffnet3d-tiny'"):
        create_model("ffnet3d-tinny")
    with pytest.raises(ValueError, match="FFNet3D has no argument 'depths'"):
        create_model("ffnet3d", depths=3)


def test_output_in_training_evaluation_and_prediction() -> None:
    torch.manual_seed(0)
    model = build_model(CONFIG)
    assert set(model(scene())) == {"loss"}
    model.eval()
    evaluated = model(scene())
    assert set(evaluated) == {"loss", "seg_logits"}
    assert evaluated["seg_logits"].shape == (50, 4)
    predicted = model(without_labels())
    assert set(predicted) == {"seg_logits"}
    torch.testing.assert_close(predicted["seg_logits"], evaluated["seg_logits"], rtol=0, atol=0)
    with pytest.raises(ValueError, match="training needs 'segment'"):
        model.train()(without_labels())


def test_a_few_steps_lower_the_loss() -> None:
    torch.manual_seed(0)
    model = build_model({**CONFIG, "backbone": {**BACKBONE, "drop_path": 0.1}})
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    losses = []
    for _ in range(30):
        loss = model(scene())["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.6 * losses[0]


def test_all_labels_ignored_gives_a_zero_gradient() -> None:
    model = build_model(CONFIG)
    loss = model({**scene(), "segment": torch.full((50,), -1)})["loss"]
    loss.backward()
    assert loss.item() == 0
    assert all(parameter.grad is None or not parameter.grad.any() for parameter in model.parameters())


def test_segmentor_of_logits() -> None:
    model = build_model(
        {"type": "DefaultSegmentor", "backbone": BACKBONE, "criteria": CONFIG["criteria"]}
    ).eval()
    assert isinstance(model, DefaultSegmentor)
    assert model({**scene(), "segment": scene()["segment"].clamp_min(0)})["seg_logits"].shape == (50, 5)


def test_module_as_backbone_and_no_criteria() -> None:
    network = FFNet3D(**{key: value for key, value in BACKBONE.items() if key != "type"})
    model = DefaultSegmentorV2(0, 5, network).eval()
    assert model.backbone is network
    assert isinstance(model.seg_head, nn.Identity)
    output = model(scene())
    assert set(output) == {"seg_logits"}
    torch.testing.assert_close(output["seg_logits"], network.eval()(scene()), rtol=0, atol=0)


def test_frozen_backbone() -> None:
    model = build_model({**CONFIG, "freeze_backbone": True})
    trained = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert trained == {"seg_head.weight", "seg_head.bias"}


BAD_CONFIGS = [
    ({"backbone_out_channels": 64}, "backbone_out_channels is 64, the backbone's output has 5"),
    ({"backbone": {**BACKBONE, "type": "PTv3"}}, "unknown model type 'PTv3'"),
    ({"num_class": 3}, "DefaultSegmentorV2 has no argument 'num_class': did you mean 'num_classes'"),
]


@pytest.mark.parametrize(("change", "message"), BAD_CONFIGS)
def test_bad_config_is_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build_model({**CONFIG, **change})
