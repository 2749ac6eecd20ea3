"""A fused model predicts what the model predicts."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ffnet3d.models import create_model, fuse
from ffnet3d.voxels import build_pyramid


def trained(**overrides: object) -> nn.Module:
    """A small segmentor whose norms and biases are far from where they start."""
    torch.manual_seed(0)
    model = create_model(
        "ffnet3d-tiny",
        in_channels=6,
        num_classes=5,
        enc_depths=(1, 1, 1, 1, 1),
        dec_depths=(1, 1, 1, 1),
        **overrides,
    )
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.BatchNorm1d):
                module.running_mean.normal_()
                module.running_var.uniform_(0.5, 2)
                module.weight.uniform_(-1.5, 1.5)
                module.bias.normal_()
            elif getattr(module, "bias", None) is not None:
                module.bias.normal_(std=0.1)
    return model.eval()


def scene(count: int = 400) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    grid = torch.randint(0, 24, (count, 3), generator=generator)
    return {
        "grid_coord": grid,
        "feat": torch.randn(count, 6, generator=generator),
        "offset": torch.tensor([count // 2, count]),
    }


@pytest.mark.parametrize("use_gelu", [True, False])
def test_same_predictions_and_the_model_untouched(use_gelu: bool) -> None:
    model, batch = trained(use_gelu=use_gelu), scene()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with torch.inference_mode():
        expected = model(batch)["seg_logits"]
        fused = fuse(model)
        actual = fused(batch)["seg_logits"]
    assert (actual - expected).abs().max() < 1e-4 * expected.abs().max()
    assert expected.std() > 0.01
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    kinds = {
        type(module).__name__ for name, module in fused.named_modules() if "pools" not in name.split(".")
    }
    assert "BatchNorm1d" not in kinds
    assert not any(parameter.requires_grad for parameter in fused.parameters())


def test_bfloat16_predicts_nearly_the_same() -> None:
    model, batch = trained(), scene()
    with torch.inference_mode():
        expected = model(batch)["seg_logits"]
        actual = fuse(model, torch.bfloat16)(batch)["seg_logits"]
    assert actual.dtype == torch.bfloat16
    assert (actual.float() - expected).abs().max() < 0.05 * expected.abs().max()


def test_a_model_is_fused_once() -> None:
    with pytest.raises(ValueError, match="the model is fused already"):
        fuse(fuse(trained()))


def test_each_scene_of_a_batch_is_predicted_as_alone() -> None:
    model, batch = fuse(trained()), scene()
    half = int(batch["offset"][0])
    with torch.inference_mode():
        together = model(batch)["seg_logits"]
        for rows in (slice(0, half), slice(half, None)):
            alone = {"grid_coord": batch["grid_coord"][rows], "feat": batch["feat"][rows]}
            out = model({**alone, "offset": torch.tensor([len(alone["feat"])])})["seg_logits"]
            assert (out - together[rows]).abs().max() < 1e-5 * together.abs().max()


def test_neither_order_nor_threads_change_a_prediction() -> None:
    model, batch = fuse(trained()), scene()
    batch["offset"] = batch["offset"][-1:]
    order = torch.randperm(len(batch["feat"]), generator=torch.Generator().manual_seed(2))
    threads = torch.get_num_threads()
    with torch.inference_mode():
        expected = model(batch)["seg_logits"]
        shuffled = {
            "grid_coord": batch["grid_coord"][order],
            "feat": batch["feat"][order],
            "offset": batch["offset"],
        }
        assert (model(shuffled)["seg_logits"] - expected[order]).abs().max() < 1e-5 * expected.abs().max()
        try:
            torch.set_num_threads(1)
            alone = model(batch)["seg_logits"]
        finally:
            torch.set_num_threads(threads)
    assert (alone - expected).abs().max() < 1e-5 * expected.abs().max()


def test_a_given_pyramid_serves_the_fused_model() -> None:
    model, batch = trained(), scene()
    fused = fuse(model)
    pyramid = model.backbone.build_pyramid(batch)
    assert isinstance(pyramid, type(build_pyramid(batch["grid_coord"], torch.zeros(400, dtype=torch.long))))
    with torch.inference_mode():
        assert torch.equal(fused({**batch, "pyramid": pyramid})["seg_logits"], fused(batch)["seg_logits"])
