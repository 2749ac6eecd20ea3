"""The recipes of configs/ against the published figures, and the presets against the configs."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ffnet3d.engine.config import Config, load_config, validate_config
from ffnet3d.models import PRESETS, build_model, model_config

CONFIGS = Path(__file__).parents[1] / "configs"

PARAMETERS = {
    "scannet/ffnet3d": 103_212_436,
    "scannet/ffnet3d-paper": 95_092_628,
    "scannet/ffnet3d-tiny": 4_571_204,
    "scannet/ffnet3d-dw": 12_324_884,
    "scannet/ffnet3d-lite": 12_850_164,
    "scannet200/ffnet3d": 103_224_136,
    "scannet200/ffnet3d-paper": 95_104_328,
    "scannet200/ffnet3d-tiny": 4_577_144,
    "scannet200/ffnet3d-dw": 12_336_584,
    "scannet200/ffnet3d-lite": 12_856_104,
    "s3dis/ffnet3d": 103_211_981,
    "s3dis/ffnet3d-paper": 95_092_173,
    "s3dis/ffnet3d-tiny": 4_570_973,
    "s3dis/ffnet3d-dw": 12_324_429,
    "s3dis/ffnet3d-lite": 12_849_933,
    "demo/ffnet3d": 4_570_973,
    "demo/ffnet3d-quick": 4_570_973,
    "demo/ffnet3d-ablation": 4_570_973,
    "demo/ffnet3d-dw": 12_324_429,
    "demo/ffnet3d-lite": 12_849_933,
}
CLASSES = {"scannet": 20, "scannet200": 200, "s3dis": 13, "demo": 13}


def recipe(name: str) -> Config:
    return load_config(CONFIGS / f"{name}.py")


def test_every_config_is_in_the_table() -> None:
    found = {f"{path.parent.name}/{path.stem}" for path in CONFIGS.glob("[!_]*/*.py")}
    assert found == set(PARAMETERS)


@pytest.mark.parametrize("name", PARAMETERS)
def test_configs_are_valid_and_their_networks_have_the_known_size(name: str) -> None:
    config = recipe(name)
    validate_config(config)
    classes = CLASSES[name.partition("/")[0]]
    assert config.model.num_classes == config.data.num_classes == len(config.data.names) == classes
    with torch.device("meta"):
        model = build_model(config.model)
    assert sum(parameter.numel() for parameter in model.parameters()) == PARAMETERS[name]


@pytest.mark.parametrize(
    ("dataset", "epochs", "evaluations", "gelu", "views"),
    [("scannet", 800, 100, True, 13), ("scannet200", 800, 100, True, 13), ("s3dis", 3000, 1500, False, 10)],
)
def test_the_released_recipe(dataset: str, epochs: int, evaluations: int, gelu: bool, views: int) -> None:
    config = recipe(f"{dataset}/ffnet3d")
    assert (config.epoch, config.eval_epoch, config.batch_size) == (epochs, evaluations, 12)
    assert (config.mix_prob, config.enable_amp, config.sync_bn) == (0.8, True, True)
    assert config.optimizer == {"type": "AdamW", "lr": 0.006, "weight_decay": 0.05}
    assert config.param_dicts == [{"keyword": "block", "lr": 0.0006}]
    assert config.scheduler == {
        "type": "OneCycleLR",
        "max_lr": [0.006, 0.0006],
        "pct_start": 0.05,
        "anneal_strategy": "cos",
        "div_factor": 10.0,
        "final_div_factor": 1000.0,
    }
    backbone = config.model.backbone
    assert (backbone.use_gelu, backbone.drop_path, backbone.mlp_ratio) == (gelu, 0.3, 4)
    assert [loss.type for loss in config.model.criteria] == ["CrossEntropyLoss", "LovaszLoss"]
    for part in ("train", "val"):
        samplings = [step for step in config.data[part].transform if step.type == "GridSample"]
        assert [step.grid_size for step in samplings] == [0.02]
    assert config.data.test.test_cfg.voxelize.grid_size == 0.02
    assert len(config.data.test.test_cfg.aug_transform) == views


@pytest.mark.parametrize("dataset", ["scannet", "scannet200", "s3dis"])
def test_the_paper_differs_in_decoder_and_learning_rate_alone(dataset: str) -> None:
    paper, released = recipe(f"{dataset}/ffnet3d-paper"), recipe(f"{dataset}/ffnet3d")
    assert paper.optimizer.lr == 0.005
    assert paper.scheduler.max_lr == [0.005, 0.0005]
    assert paper.param_dicts == [{"keyword": "block", "lr": 0.0005}]
    assert paper.model.backbone.dec_depths == (1, 1, 1, 1)
    for key in ("optimizer", "scheduler", "param_dicts"):
        released[key] = paper[key]
    released.model.backbone.dec_depths = (1, 1, 1, 1)
    assert paper == released


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_the_networks_of_the_configs(name: str) -> None:
    with torch.device("meta"):
        preset = build_model(model_config(name, in_channels=6, num_classes=20))
        model = build_model(recipe(f"scannet/{name}").model)
    assert model.backbone.config == preset.backbone.config
    assert model.config["backbone_out_channels"] == preset.config["backbone_out_channels"]


@pytest.mark.parametrize("name", ["s3dis/ffnet3d", "s3dis/ffnet3d-tiny", "demo/ffnet3d"])
def test_tests_are_on_areas_that_training_has_not_seen(name: str) -> None:
    data = recipe(name).data
    held_out = {data.val.split, *([data.test.split] if isinstance(data.test.split, str) else data.test.split)}
    assert "Area_5" in held_out
    assert not held_out & set(data.train.split)
