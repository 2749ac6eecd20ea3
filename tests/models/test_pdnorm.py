"""Norms by data set, and the network as an encoder of whole clouds."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ffnet3d.models import FFNet3D, create_model, fuse
from ffnet3d.models.pdnorm import CONTEXT_CHANNELS, PDNorm, Prompt

SMALL: dict[str, Any] = {
    "in_channels": 4,
    "stride": (2, 2),
    "enc_depths": (1, 1, 1),
    "enc_channels": (6, 8, 10),
    "dec_depths": (1, 1),
    "dec_channels": (7, 9),
    "drop_path": 0.0,
    "pdnorm_conditions": ("A", "B"),
}


def batch(**more: Any) -> dict[str, Any]:
    """Two scenes of 60 and 40 points."""
    generator = torch.Generator().manual_seed(1)
    return {
        "grid_coord": torch.randint(0, 12, (100, 3), generator=generator),
        "feat": torch.randn(100, 4, generator=generator),
        "offset": torch.tensor([60, 100]),
        **more,
    }


def network(**overrides: Any) -> FFNet3D:
    """A network whose norms differ from one another."""
    torch.manual_seed(0)
    model = FFNet3D(**{**SMALL, **overrides})
    for name, parameter in model.named_parameters():
        if "norm" in name:
            nn.init.uniform_(parameter, 0.5, 1.5)
    return model


def features(model: nn.Module, sample: dict[str, Any]) -> Tensor:
    with torch.no_grad():
        out: Tensor = model.eval()(sample)
    return out


@pytest.mark.parametrize("kind", ["pdnorm_bn", "pdnorm_ln"])
def test_each_condition_has_norms_of_its_own(kind: str) -> None:
    model = network(**{kind: True})
    first = features(model, batch(condition="A"))
    assert torch.equal(first, features(model, batch(condition=["A", "A"])))
    assert not torch.allclose(first, features(model, batch(condition="B")))


def test_equal_norms_are_the_plain_network() -> None:
    plain, prompted = network(), network(pdnorm_bn=True, pdnorm_ln=True)
    state = {name: plain.state_dict()[without_index(name)] for name in prompted.state_dict()}
    prompted.load_state_dict(state)
    assert torch.equal(features(plain, batch()), features(prompted, batch(condition="B")))


def without_index(name: str) -> str:
    """`stem.norm.norm.1.weight` -> `stem.norm.weight`."""
    for index in range(2):
        name = name.replace(f".norm.{index}.", ".")
    return name


def test_only_the_norms_of_the_condition_learn() -> None:
    model = network(pdnorm_bn=True, pdnorm_ln=True).train()
    model(batch(condition="B")).square().sum().backward()
    learned = {name for name, parameter in model.named_parameters() if parameter.grad is not None}
    assert "stem.norm.norm.1.weight" in learned
    assert not any(".norm.0." in name for name in learned)
    assert model.stem.norm.norm[0].num_batches_tracked == 0
    assert model.stem.norm.norm[1].num_batches_tracked == 1


def test_recomputed_branches_have_the_same_gradient() -> None:
    gradients = []
    for recompute in (False, True):
        model = network(pdnorm_ln=True, recompute=recompute).train()
        model(batch(condition="A")).square().sum().backward()
        gradients.append(model.encoder[0].blocks[0].norm1.norm[0].weight.grad)
    assert torch.allclose(*gradients, rtol=1e-4)


@pytest.mark.parametrize("rows", [1, 5])
def test_adaptive_norms_follow_the_context(rows: int) -> None:
    torch.manual_seed(0)
    norm = PDNorm(nn.LayerNorm, 3, ("A",), adaptive=True)
    x, context = torch.randn(5, 3), torch.randn(rows, CONTEXT_CHANNELS)
    shift, scale = norm.modulation[1](nn.functional.silu(context)).split(3, dim=1)
    expected = nn.functional.layer_norm(x, (3,)) * (1 + scale) + shift
    assert torch.allclose(norm(x, Prompt("A", context)), expected, atol=1e-6)


def test_norms_that_conditions_share() -> None:
    model = network(pdnorm_bn=True, pdnorm_decouple=False)
    assert "stem.norm.norm.weight" in model.state_dict()
    assert torch.equal(features(model, batch(condition="A")), features(model, batch(condition="B")))


def test_norms_without_weights() -> None:
    names = network(pdnorm_bn=True, pdnorm_ln=True, pdnorm_affine=False).state_dict()
    assert "stem.norm.norm.0.running_mean" in names
    assert not any(name.endswith(("norm.0.weight", "norm.0.bias")) for name in names)


def test_batch_norms_of_the_blocks_stay_as_released() -> None:
    model = network(pdnorm_bn=True, pdnorm_ln=True)
    assert isinstance(model.encoder[0].blocks[0].token_mixer.key_norm, nn.BatchNorm1d)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({}, "the batch has no 'condition'.*add dict\\(type='Update'"),
        ({"condition": "C"}, "unknown condition 'C': pdnorm_conditions has A, B"),
        ({"condition": ["A", "B"]}, "condition must be one a batch, got A, B: batch each data set apart"),
        ({"condition": "A"}, r"pdnorm_adaptive needs the batch's context \[1, 256\], got None"),
        (
            {"condition": "A", "context": torch.zeros(1, 8)},
            r"pdnorm_adaptive needs the batch's context \[1, 256\], got \[1, 8\]",
        ),
    ],
)
def test_what_a_batch_must_say(more: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        network(pdnorm_bn=True, pdnorm_adaptive=True)(batch(**more))


def test_fuse_leaves_norms_by_data_set() -> None:
    model = create_model("ffnet3d-tiny", 4, 5, pdnorm_bn=True, pdnorm_conditions=("A", "B")).eval()
    fused, sample = fuse(model), batch(condition="B")
    with torch.no_grad():
        expected = model(sample)["seg_logits"]
        assert (fused(sample)["seg_logits"] - expected).abs().max() < 1e-4 * expected.abs().max()
    assert isinstance(fused.backbone.stem.norm, PDNorm)


def test_an_encoder_gives_the_mean_of_each_scene() -> None:
    model = network(cls_mode=True)
    assert not hasattr(model, "decoder")
    assert model.out_channels == 10
    whole = features(model, batch())
    assert whole.shape == (2, 10)
    alone = {name: value[60:] for name, value in batch().items() if name != "offset"}
    assert torch.allclose(whole[1:], features(model, {**alone, "offset": torch.tensor([40])}), atol=1e-5)
    with torch.no_grad():
        coarsest = model.encode(batch())
    rows = coarsest.features[-1][coarsest.pyramid.levels[-1].batch == 0]
    assert torch.allclose(whole[0], rows.mean(0), atol=1e-5)


def test_a_stride_of_one_keeps_the_voxels() -> None:
    model = network(stride=(1, 2))
    pyramid = model.build_pyramid(batch())
    assert pyramid.levels[0].num_voxels == pyramid.levels[1].num_voxels > pyramid.levels[2].num_voxels
    assert features(model, batch()).shape == (100, 7)
