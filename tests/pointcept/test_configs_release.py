"""The authors' released configs in this engine, unchanged.

    git clone https://github.com/ysj9909/FFNet
    FFNET_ROOT=$PWD/FFNet python -m pytest tests/pointcept/test_configs_release.py

With Pointcept on the path as well (test_configs_live.py) they are compared to what it reads.
"""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_run import write_room

from ffnet3d.engine.config import Config, dump_config, load_config, validate_config
from ffnet3d.engine.train import train

OURS = Path(__file__).parents[2] / "configs"
DATASETS = ("scannet", "scannet200", "s3dis")
SMALL = (
    "model.backbone_out_channels=8",
    "model.backbone.enc_depths=(1,1,1,1,1)",
    "model.backbone.enc_channels=(8,8,8,8,8)",
    "model.backbone.dec_depths=(1,1,1,1)",
    "model.backbone.dec_channels=(8,8,8,8)",
    "epoch=1",
    "eval_epoch=1",
    "batch_size=2",
    "num_worker=0",
    "enable_amp=False",
    "report=False",
)


def released(dataset: str) -> Path:
    """A config of the release; skips where that is not there."""
    root = os.environ.get("FFNET_ROOT")
    if not root:
        pytest.skip("set FFNET_ROOT to a checkout of the authors' FFNet to run this")
    return Path(root, "3d_sem_segmentation", "configs", dataset, f"{dataset}-ffnet.py")


@pytest.mark.parametrize("dataset", DATASETS)
def test_released_configs_load_and_survive_being_written(dataset: str, tmp_path: Path) -> None:
    config = load_config(released(dataset))
    validate_config(config)
    dump_config(config, tmp_path / "config.py")
    assert load_config(tmp_path / "config.py") == config


@pytest.mark.parametrize("dataset", DATASETS)
def test_pointcept_reads_the_same_settings(dataset: str) -> None:
    path = released(dataset)
    try:
        importlib.import_module("pointcept.datasets")
        reader = importlib.import_module("pointcept.utils.config").Config
    except ImportError as error:
        pytest.skip(f"Pointcept cannot be imported here: {error}")
    theirs, ours = reader.fromfile(str(path)), load_config(path)
    assert {name: ours[name] for name in theirs if not name.isupper()} == {
        name: theirs[name] for name in theirs if not name.isupper()
    }


@pytest.mark.parametrize("dataset", DATASETS)
def test_our_recipes_are_the_released_ones(dataset: str) -> None:
    theirs, ours = load_config(released(dataset)), load_config(OURS / dataset / "ffnet3d.py")
    names = (
        "batch_size",
        "num_worker",
        "mix_prob",
        "enable_amp",
        "sync_bn",
        "epoch",
        "eval_epoch",
        "clip_grad",
    )
    for name in (*names, "optimizer", "scheduler", "param_dicts"):
        assert ours[name] == theirs[name], name
    assert ours.model.criteria == theirs.model.criteria
    for name, value in ours.model.backbone.items():
        if name != "type":
            assert theirs.model.backbone.get(name, True) == value, name  # use_gelu is True by default
    assert ours.data.train.transform == theirs.data.train.transform
    assert ours.data.test.transform == theirs.data.test.transform
    assert ours.data.test.test_cfg.post_transform == theirs.data.test.test_cfg.post_transform
    theirs.data.test.test_cfg.voxelize.pop("keys")
    assert ours.data.test.test_cfg.voxelize == theirs.data.test.test_cfg.voxelize
    assert views(ours) == views(theirs)


def views(config: Config) -> list[list[Any]]:
    """The test's views, each sorted by type, without steps that do nothing."""
    idle = ({"type": "RandomScale", "scale": [1, 1]}, {"type": "RandomFlip", "p": 0})
    steps = [[step for step in view if step not in idle] for view in config.data.test.test_cfg.aug_transform]
    return sorted((sorted(view, key=lambda step: str(step["type"])) for view in steps), key=str)


@pytest.mark.parametrize("dataset", DATASETS)
def test_released_configs_train_evaluate_and_test_here(dataset: str, tmp_path: Path) -> None:
    folders = (
        {"train": 4, "val": 2} if dataset != "s3dis" else dict.fromkeys((f"Area_{i}" for i in range(1, 7)), 1)
    )
    for part, rooms in folders.items():
        for room in range(rooms):
            folder = tmp_path / "rooms" / part / f"room_{room}"
            write_room(folder, seed=room)
            for classes in (20, 200):
                np.save(
                    folder / f"segment{classes}.npy", np.load(folder / "segment.npy")[:, 0].astype(np.int64)
                )
    places = (f"data_root={tmp_path / 'rooms'}", f"save_path={tmp_path / 'run'}")
    config = load_config(released(dataset), (*SMALL, *places))
    config.data.test.test_cfg.aug_transform = config.data.test.test_cfg.aug_transform[:2]
    result = train(config)
    assert result.steps == 2
    assert result.best_miou is not None
    assert result.test is not None
    assert len(list(result.test.file.parent.glob("*_pred.npy"))) == folders.get("val", 1)
