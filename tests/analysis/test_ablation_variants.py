"""The table of variants, and what each makes of a config."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ffnet3d.analysis.ablation.variants import BASE, VARIANTS, choose_variants, find_variant, list_variants
from ffnet3d.engine.config import Config, load_config, validate_config
from ffnet3d.models.presets import PRESETS

CONFIGS = Path(__file__).parents[2] / "configs"


def demo() -> Config:
    return load_config(CONFIGS / "demo" / "ffnet3d.py")


def test_all_variants_by_default_and_the_base_changes_nothing() -> None:
    assert choose_variants(None) == VARIANTS
    assert len({variant.name for variant in VARIANTS}) == len(VARIANTS)
    assert find_variant(BASE).apply(demo()) == demo()


def test_a_setting_by_level_has_an_entry_for_each_stage_and_the_config_stays() -> None:
    config = demo()
    backbone = find_variant("depthwise-7").apply(config).model.backbone
    assert backbone.enc_ks == (3, 3, 7, 7, 7)
    assert backbone.dec_ks == (3, 3, 7, 7)
    assert backbone.mixers == "ffnified_depthwise"
    assert find_variant("hybrid").apply(config).model.backbone.mixers == (
        *["ffnified"] * 3,
        *["window_attention"] * 2,
    )
    assert config == demo()


@pytest.mark.parametrize("name", [variant.name for variant in VARIANTS])
def test_every_variant_is_a_config_that_is_right(name: str) -> None:
    validate_config(find_variant(name).apply(demo()))


@pytest.mark.parametrize("name", ["ffnet3d-tiny", "preset:ffnet3d-tiny"])
def test_a_preset_takes_the_place_of_the_backbone(name: str) -> None:
    variant = find_variant(name)
    assert variant.name == "ffnet3d-tiny"
    model = variant.apply(load_config(CONFIGS / "scannet" / "ffnet3d.py")).model
    assert model.backbone.enc_channels == (32, 48, 64, 96, 128)
    assert (model.backbone.type, model.backbone.in_channels) == ("FFNet3D", 6)
    assert (model.backbone_out_channels, model.num_classes) == (32, 20)
    assert find_variant("ffnet3d").apply(demo()).model.backbone_out_channels == 64


def test_a_preset_keeps_what_is_of_data_and_recipe() -> None:
    config = demo()
    recipe = {"bn_momentum": 0.3, "drop_path": 0.17, "drop_path_per": "scene", "backend": "torch"}
    config.model.backbone.update(recipe, in_channels=4, enc_ks=5, layer_scale=0.1)
    backbone = find_variant("ffnet3d-lite").apply(config).model.backbone
    assert {key: backbone[key] for key in recipe} == recipe
    assert backbone.in_channels == 4
    preset = PRESETS["ffnet3d-lite"]
    assert {key: backbone.get(key) for key in ("enc_ks", "layer_scale")} == {
        key: preset.get(key) for key in ("enc_ks", "layer_scale")
    }


@pytest.mark.parametrize(
    ("names", "text"),
    [
        (("depthwise",), "--variants depthwise: did you mean 'depthwise-7'? (variants: ffnified, convnext, "),
        (("relu", "nothing-like-it"), "presets: ffnet3d, ffnet3d-paper, ffnet3d-tiny"),
        (("relu", "relu"), "--variants names 'relu' twice"),
        ((), "--variants names none"),
    ],
)
def test_names_that_are_wrong_are_errors(names: tuple[str, ...], text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(text)):
        choose_variants(names)


def test_the_list_says_what_each_variant_changes() -> None:
    lines = list_variants().splitlines()
    assert lines[0].split(maxsplit=1) == [BASE, VARIANTS[0].says]
    assert any(line.startswith("ffnet3d-tiny ") for line in lines[len(VARIANTS) :])
