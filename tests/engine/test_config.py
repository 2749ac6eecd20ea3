"""Loading, overriding and checking configs; the recipes of the repository are right."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ffnet3d.engine.config import Config, apply_data_root, dump_config, load_config, validate_config
from ffnet3d.engine.config_check import settings_without_effect
from ffnet3d.engine.config_overrides import apply_overrides, parse_value

CONFIGS = Path(__file__).parents[2] / "configs"
RECIPES = sorted(path for path in CONFIGS.glob("*/*.py") if not path.parent.name.startswith("_"))

SMALL = """
dataset_type = "S3DISDataset"
data_root = "data/demo"
model = dict(
    type="DefaultSegmentorV2",
    num_classes=2,
    backbone_out_channels=48,
    backbone=dict(type="FFNet3D", in_channels=6),
    criteria=[dict(type="CrossEntropyLoss"), dict(type="LovaszLoss", mode="multiclass")],
)
optimizer = dict(type="AdamW", lr=0.006)
scheduler = dict(type="OneCycleLR", max_lr=[0.006, 0.0006])
param_dicts = [dict(keyword="block", lr=0.0006)]
data = dict(
    num_classes=2,
    names=["wall", "floor"],
    train=dict(type=dataset_type, split="Area_1", data_root=data_root, transform=[dict(type="CenterShift")]),
    val=dict(type=dataset_type, split="Area_2", data_root=data_root, transform=[]),
    test=dict(
        type=dataset_type,
        split="Area_2",
        data_root=data_root,
        transform=[],
        test_mode=True,
        test_cfg=dict(
            voxelize=dict(type="GridSample", grid_size=0.02, mode="test"),
            crop=None,
            post_transform=[dict(type="ToTensor")],
            aug_transform=[[dict(type="RandomFlip", p=1)], [dict(type="RandomScale", scale=[1, 1])]],
        ),
    ),
)
"""


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A whole config in one file."""
    path = tmp_path / "small.py"
    path.write_text(SMALL)
    return path


def test_a_config_has_the_defaults_of_what_it_leaves_out(small: Path) -> None:
    config = load_config(small)
    assert (config.backend, config.save_steps, config.amp_dtype, config.report) == (
        "auto",
        None,
        "float16",
        True,
    )
    assert [hook.type for hook in config.hooks][-1] == "PreciseEvaluator"
    config.hooks[0].type = "changed"
    assert load_config(small).hooks[0].type == "CheckpointLoader"


def test_items_are_attributes_and_missing_ones_are_errors(small: Path) -> None:
    config = load_config(small)
    assert config.data.train.transform[0].type == "CenterShift"
    config.model = {"backbone": [{"type": "x"}]}
    assert config.model.backbone[0].type == "x"
    with pytest.raises(AttributeError, match="the config has no 'drop_path'"):
        _ = config.model.drop_path
    with pytest.raises(KeyError):
        config["absent"]
    assert config.get("absent") is None
    assert not hasattr(config, "absent")


def test_configs_are_copied_and_pickled_whole(small: Path) -> None:
    config = load_config(small)
    for twin in (copy.deepcopy(config), pickle.loads(pickle.dumps(config))):
        assert twin == config
        assert isinstance(twin.data.train.transform[0], Config)
        twin.data.train.split = "Area_9"
        assert config.data.train.split == "Area_1"


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("epohc = 3", "small.py: unknown setting 'epohc': did you mean 'epoch'"),
        ("grid = 0.02", r"unknown setting 'grid'.*\(a helper of the file is in capitals, or is read further"),
        ("epoch = 'many'", "epoch is 'many', not a whole number of 1 or more"),
        ("batch_size = 0", "batch_size is 0, not a whole number of 1"),
        ("batch_size = True", "batch_size is True, not a whole number"),
        ("mix_prob = 1.5", "mix_prob is 1.5, not a number from 0 to 1"),
        ("amp_dtype = 'fp16'", "amp_dtype is 'fp16', not 'float16' or 'bfloat16'"),
        ("custom_imports = ['a']", r"custom_imports is \['a'\], not a dict or None"),
        ("seed = -1", "seed is -1, not a whole number of 0 or more or None"),
        ("hooks = [1]", r"hooks is \[1\], not a list of dicts"),
    ],
)
def test_settings_that_are_not_known_or_wrong_are_named(small: Path, line: str, text: str) -> None:
    small.write_text(SMALL + line)
    with pytest.raises(ValueError, match=text):
        load_config(small)


def test_overrides_reach_any_depth(small: Path) -> None:
    words = [
        "epoch=5",
        "optimizer.lr=1e-3",
        "model.backbone.drop_path=0.1",
        "data.train.split=Area_1,Area_3",
        "hooks.5.test_last=True",
        "data.test.test_cfg.aug_transform.1.0.scale=[0.9, 1.1]",
        "scheduler.max_lr=(0.1, 0.01)",
        "clip_grad=none",
    ]
    config = load_config(small, words)
    assert (config.epoch, config.optimizer.lr, config.clip_grad) == (5, 1e-3, None)
    assert config.model.backbone == {"type": "FFNet3D", "in_channels": 6, "drop_path": 0.1}
    assert config.data.train.split == ["Area_1", "Area_3"]
    assert config.hooks[5].test_last is True
    assert config.data.test.test_cfg.aug_transform[1][0].scale == [0.9, 1.1]
    assert config.scheduler.max_lr == (0.1, 0.01)


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("epoch", "'epoch' is not of the form key=value"),
        (".epoch=1", "is not of the form key=value"),
        ("epohc=1", "small.py as overridden: unknown setting 'epohc': did you mean 'epoch'"),
        ("epoch=x", "epoch is 'x'"),
        ("modle.backbone.drop_path=0", "there is no 'modle' here: did you mean 'model'"),
        ("model.backbon.drop_path=0", "'model.backbon.drop_path=0': there is no 'backbon' here"),
        ("epoch.x=1", "'x' cannot stand inside"),
        ("hooks.9.x=1", "'9' is not an index of a list of 7"),
        ("hooks.first.x=1", "'first' is not an index"),
        ("data.train.split=[Area_1,(Area_2]", "put texts inside brackets in quotes"),
    ],
)
def test_overrides_that_lead_nowhere_are_named(small: Path, word: str, text: str) -> None:
    small.write_text(SMALL + 'hooks = [dict(type="ModelHook")] * 7\n' + "epoch = 100\n")
    with pytest.raises(ValueError, match=text):
        load_config(small, [word])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("1e-3", 1e-3),
        ("TRUE", True),
        ("false", False),
        ("None", None),
        ("text", "text"),
        ("'1'", "1"),
        ("a,2", ["a", 2]),
        ("[Area_1, Area_2]", ["Area_1", "Area_2"]),
        ("1,2", (1, 2)),
        ("", ""),
        ("exp/a=b", "exp/a=b"),
        ("-0.5", -0.5),
    ],
)
def test_values_of_the_command_line(text: str, value: Any) -> None:
    assert parse_value(text) == value


def test_overrides_leave_what_they_start_from_as_it_is() -> None:
    settings = {"a": {"b": [1, {"c": 2}]}, "t": (1, 2)}
    changed = apply_overrides(settings, ["a.b.1.c=3", "t.0=5", "save_path=x=y"])
    assert changed == {"a": {"b": [1, {"c": 3}]}, "t": (5, 2), "save_path": "x=y"}
    assert settings == {"a": {"b": [1, {"c": 2}]}, "t": (1, 2)}


def test_the_data_root_reaches_every_part(small: Path) -> None:
    config = load_config(small, ["data_root=/scans,old"])
    assert {config.data[part].data_root for part in ("train", "val", "test")} == {"/scans,old"}
    assert config.data_root == "/scans,old"
    apply_data_root(config, Path("other"))
    assert config.data.val.data_root == "other"
    with pytest.raises(ValueError, match=r"no data\.train, data\.val or data\.test"):
        apply_data_root(Config(), "x")


@pytest.mark.parametrize(
    ("word", "instead"),
    [
        ("dataset_type=X", r"data\.train\.type"),
        ("num_classes=3", r"data\.num_classes and model\.num_classes"),
    ],
)
def test_a_variable_of_the_file_cannot_be_overridden_without_effect(
    small: Path, word: str, instead: str
) -> None:
    with pytest.raises(ValueError, match=f"'{word}': the file has used .*{instead}"):
        load_config(small, [word])


def test_what_pointcept_does_before_and_beside_a_run_is_no_mistake(small: Path) -> None:
    beside = 'dict(type="GarbageHandler", interval=9), dict(type="CheckpointLoader", strict=False)'
    imports = 'custom_imports = dict(imports=["not_a_module"], allow_failed_imports=False)'
    small.write_text(f"{SMALL}\nhooks = [{beside}]\n{imports}\nenable_wandb = True\n")
    config = load_config(small)
    validate_config(config)
    assert config.custom_imports.imports == ["not_a_module"]
    warnings = " ".join(settings_without_effect(config))
    assert "enable_wandb=True has no effect here: this engine writes metrics.jsonl" in warnings
    assert "strict=False has no effect here: all weights must be there, and fit" in warnings


def test_a_dumped_config_is_the_same_config(small: Path, tmp_path: Path) -> None:
    config = load_config(small, ["epoch=200", "seed=3"])
    dump_config(config, tmp_path / "run" / "config.py")
    assert load_config(tmp_path / "run" / "config.py") == config
    with pytest.raises(ValueError, match=r"config\.seed is <object"):
        dump_config({"seed": object()}, tmp_path / "run" / "config.py")
    assert load_config(tmp_path / "run" / "config.py") == config


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_the_recipes_are_right_and_survive_dumping(path: Path, tmp_path: Path) -> None:
    config = load_config(path)
    validate_config(config)
    dump_config(config, tmp_path / "config.py")
    assert load_config(tmp_path / "config.py") == config


def broken(place: str, value: Any) -> Callable[[Config], None]:
    """Sets the setting at a dotted place."""

    def change(config: Config) -> None:
        *path, last = place.split(".")
        node: Any = config
        for key in path:
            node = node[int(key)] if key.isdigit() else node[key]
        node[last] = value

    return change


@pytest.mark.parametrize(
    ("place", "value", "text"),
    [
        ("epohc", 1, "config: unknown setting 'epohc'"),
        ("epoch", 150, "epoch=150 must be a multiple of eval_epoch=100"),
        ("model.type", "DefaultSegmentor3", "model: unknown model type 'DefaultSegmentor3': did you mean"),
        (
            "model.num_class",
            3,
            "model: DefaultSegmentorV2 has no argument 'num_class': did you mean 'num_classes'",
        ),
        (
            "model.backbone.drop_pth",
            0,
            "model.backbone: FFNet3D has no argument 'drop_pth': did you mean 'drop_path'",
        ),
        ("model.criteria.1.mod", "x", r"model.criteria\[1\]: LovaszLoss has no argument 'mod'"),
        ("model.num_classes", 3, "data: num_classes is 2, but model.num_classes 3"),
        ("optimizer.type", "AdamX", "optimizer: unknown optimizer type 'AdamX'"),
        ("optimizer.weight_deca", 0, "optimizer: AdamW has no argument 'weight_deca'"),
        (
            "scheduler.type",
            "OneCycle",
            "scheduler: unknown scheduler type 'OneCycle': did you mean 'OneCycleLR'",
        ),
        ("scheduler.pct", 0, "scheduler: OneCycleLR has no argument 'pct'"),
        ("scheduler.max_lr", [0.1], r"scheduler: max_lr has 1 rates for 2 parameter groups"),
        ("param_dicts.0.lr_scale", 1, r"param_dicts\[0\]: unknown key 'lr_scale'"),
        ("param_dicts.0.keyword", None, r"param_dicts\[0\]: needs a keyword"),
        ("data.trian", {}, "data: unknown key 'trian': did you mean 'train'"),
        ("data.names", ["wall"], "data: names has 1 classes, num_classes is 2"),
        ("data.num_classes", "2", "data: num_classes is '2', not a whole number"),
        (
            "data.val.type",
            "S3DSDataset",
            "data.val: unknown dataset type 'S3DSDataset': did you mean 'S3DISDataset'",
        ),
        ("data.val.splt", "a", "data.val: .*no argument 'splt': did you mean 'split'"),
        (
            "data.train.transform",
            [{"type": "CentreShift"}],
            r"data.train.transform\[0\]: .*did you mean 'CenterShift'",
        ),
        (
            "data.train.transform.0.apply_y",
            True,
            r"data.train.transform\[0\]: CenterShift has no argument 'apply_y'",
        ),
        ("data.train.transform", 5, "data.train.transform is 5, not a list"),
        (
            "data.test.test_cfg.voxelise",
            {},
            "data.test.test_cfg: unknown key 'voxelise': did you mean 'voxelize'",
        ),
        (
            "data.test.test_cfg.voxelize.size",
            1,
            r"data.test.test_cfg.voxelize: GridSample has no argument 'size'",
        ),
        (
            "data.test.test_cfg.aug_transform.1.0.type",
            "X",
            r"data.test.test_cfg.aug_transform\[1\]\[0\]: unknown",
        ),
        ("hooks.1.type", "WandbHook", r"hooks\[1\]: unknown type 'WandbHook'"),
        ("hooks.4.save_frequency", 1, r"hooks\[4\]: unknown key 'save_frequency': did you mean 'save_freq'"),
        (
            "hooks.1.type",
            "WeightDecaySchedular",
            r"hooks\[1\]: .* in Pointcept's engine only: .*decay is const",
        ),
        ("hooks.3.type", "InsSegEvaluator", r"hooks\[3\]: .*this engine does semantic segmentation alone"),
        ("train.type", "InsSegTrainer", "train: unknown type 'InsSegTrainer'"),
        ("train.type", "MultiDatasetTrainer", "train: .* one data set at a time"),
        ("test.type", "ClsTester", "test: .*this engine does semantic segmentation alone"),
    ],
)
def test_mistakes_are_found_before_any_work(small: Path, place: str, value: Any, text: str) -> None:
    config = load_config(small)
    validate_config(config)
    broken(place, value)(config)
    with pytest.raises(ValueError, match=text):
        validate_config(config)


def test_a_config_without_a_model_is_refused(small: Path) -> None:
    config = load_config(small)
    del config["model"]
    with pytest.raises(ValueError, match="config: model is missing"):
        validate_config(config)
