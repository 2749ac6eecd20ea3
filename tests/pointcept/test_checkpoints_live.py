"""Both engines train alike, and each goes on from the other's checkpoint; in a real checkout of Pointcept.

    export POINTCEPT_ROOT=/path/to/Pointcept
    PYTHONPATH=$POINTCEPT_ROOT python -m pytest tests/pointcept/test_checkpoints_live.py

Its trainer wants a GPU; version 1.5 reads other data files and is skipped. All batches are the same
room, so that nothing depends on their order.
"""

from __future__ import annotations

import importlib
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from tiny_run import tiny_config

pytest.importorskip("lightning_fabric", reason="pip install 'ffnet3d[train]'")

from ffnet3d.engine.checkpoint import load_checkpoint
from ffnet3d.engine.config import Config, load_config
from ffnet3d.engine.train import train

EPOCHS, STEPS = 4, 12  # of the run; of an epoch
ALL_HOOKS = (
    "CheckpointLoader",
    "IterationTimer",
    "InformationWriter",
    "SemSegEvaluator",
    "PreciseEvaluator",
)
SETTINGS = (
    f"hooks={[{'type': 'CheckpointSaver', 'save_freq': 1}, *({'type': name} for name in ALL_HOOKS)]}",
    *(f"epoch={EPOCHS * STEPS * 2}", f"eval_epoch={EPOCHS}", "num_worker=1", "save_steps=None", "mix_prob=0"),
    *("model.backbone.drop_path=0.0", "model.backbone.bn_momentum=0.1", "batch_size_val=1"),
)
RANDOM = ("RandomFlip", "ChromaticJitter")  # augmentations of the tiny run
SGD = "optimizer={'type': 'SGD', 'lr': 0.01, 'momentum': 0.9, 'weight_decay': 0.0001}"
OPTIMIZERS = {"AdamW": (), "SGD": (SGD,)}


@dataclass
class Curve:
    """What a run came to: losses and rates of its steps, losses and mIoU of its evaluations."""

    folder: Path
    losses: list[float]
    rates: list[list[float]]
    evaluations: list[tuple[float, float]]


@pytest.fixture(scope="module")
def pointcept() -> ModuleType:
    """The module that runs Pointcept's engine; skips where it cannot run."""
    if "POINTCEPT_ROOT" not in os.environ:
        pytest.skip("set POINTCEPT_ROOT to a checkout of Pointcept, and put it on PYTHONPATH, to run this")
    try:
        torch.zeros(1).cuda()
        run = importlib.import_module("ffnet3d.pointcept.run")
    except (ImportError, AssertionError, RuntimeError) as error:
        pytest.skip(f"Pointcept's trainer cannot run here: {error}")
    if not hasattr(importlib.import_module("pointcept.engines.train"), "AMP_DTYPE"):
        pytest.skip("this checkout is of Pointcept 1.5, whose scenes are .pth files: take a later one")
    return run


def make_config(folder: Path, name: str, *overrides: str) -> Config:
    """Config of the run `folder`/name: one room to train on, no augmentation."""
    config: Config = tiny_config(folder, name, *SETTINGS, *overrides)
    for room in sorted((folder / "rooms" / "Area_1").iterdir())[1:]:
        shutil.rmtree(room)
    transforms = config.data.train.transform
    config.data.train.transform = [step for step in transforms if step["type"] not in RANDOM]
    return config


def train_here(config: Config) -> Curve:
    """The whole run in this engine."""
    folder = train(config).save_path
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    steps = [line for line in lines if line["kind"] == "train"]
    evaluations = [(line["loss"], line["mIoU"]) for line in lines if line["kind"] == "eval"]
    return Curve(folder, [line["loss"] for line in steps], [line["lr"] for line in steps], evaluations)


def train_there(pointcept: ModuleType, config: Config) -> Curve:
    """The whole run in Pointcept, one process."""
    curve = Curve(Path(config.save_path), [], [], [])
    hooks = importlib.import_module("pointcept.engines.hooks.default")

    class Recorder(hooks.HookBase):  # type: ignore[misc]
        def before_step(self) -> None:
            curve.rates.append([group["lr"] for group in self.trainer.optimizer.param_groups])

        def after_step(self) -> None:
            curve.losses.append(self.trainer.comm_info["model_output_dict"]["loss"].item())

        def after_epoch(self) -> None:
            loss = float(self.trainer.storage.history("val_loss").avg)
            curve.evaluations.append((loss, float(self.trainer.comm_info["current_metric_value"])))

    # CheckpointSaver takes the score that SemSegEvaluator leaves: it stands last.
    config.hooks = sorted(config.hooks, key=lambda hook: hook["type"] == "CheckpointSaver")
    settings = pointcept.default_setup(pointcept.as_pointcept(config))
    trainer = pointcept.TRAINERS.build({"type": settings.train.type, "cfg": settings})
    recorder = Recorder()
    recorder.trainer = trainer
    trainer.hooks.append(recorder)
    trainer.train()
    return curve


def left_halfway(run: Path, name: str) -> Path:
    """A folder beside `run`, as that run had left it after half of its epochs."""
    folder = run.parent / name
    (folder / "model").mkdir(parents=True)
    shutil.copy(run / "config.py", folder)
    for checkpoint in ("model_last", "model_best"):
        shutil.copy(run / "model" / f"epoch_{EPOCHS // 2}.pth", folder / "model" / f"{checkpoint}.pth")
    return folder


def resumed_config(folder: Path) -> Config:
    """What the command makes of `-r true` in that folder."""
    config = load_config(folder / "config.py", (f"save_path='{folder}'", "resume=True"))
    config.weight = str(folder / "model" / "model_last.pth")
    return config


def assert_alike(one: Curve, other: Curve) -> None:
    """Rates are the same numbers; losses differ by rounding only, and so does what the evaluations find."""
    number = len(other.losses)
    assert other.rates == one.rates[-number:]
    np.testing.assert_allclose(other.losses, one.losses[-number:], rtol=1e-4)
    for mine, theirs in zip(other.evaluations, one.evaluations[-len(other.evaluations) :], strict=True):
        # AdamW moves the biases before a batch norm, whose gradients are all rounding, at random.
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=0.02)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_runs_move_between_the_engines(pointcept: ModuleType, tmp_path: Path, optimizer: str) -> None:
    there = train_there(pointcept, make_config(tmp_path, "there", *OPTIMIZERS[optimizer]))
    here = train_here(make_config(tmp_path, "here", *OPTIMIZERS[optimizer]))
    assert len(there.losses) == len(here.losses) == EPOCHS * STEPS
    assert here.losses[0] == pytest.approx(there.losses[0], abs=1e-4)
    assert here.losses[-1] < 0.8 * here.losses[0]
    assert_alike(there, here)

    to_here = train_here(resumed_config(left_halfway(there.folder, "to_here")))
    assert len(to_here.losses) == EPOCHS * STEPS // 2
    assert_alike(there, to_here)

    to_there = train_there(pointcept, resumed_config(left_halfway(here.folder, "to_there")))
    assert len(to_there.losses) == EPOCHS * STEPS // 2
    assert_alike(here, to_there)
    assert "ffnet3d" not in load_checkpoint(to_there.folder / "model" / "model_last.pth")


def test_pointcept_tests_our_best_checkpoint(pointcept: ModuleType, tmp_path: Path) -> None:
    # One point a voxel: those that share one are spread over views, by each engine in its own way.
    ours = train_here(make_config(tmp_path, "here", "data.test.test_cfg.voxelize.grid_size=0.1"))
    config: Any = load_config(ours.folder / "config.py", (f"save_path='{tmp_path / 'tested'}'",))
    config.weight = str(ours.folder / "model" / "model_best.pth")
    (tmp_path / "tested" / "model").mkdir(parents=True)
    settings = pointcept.default_setup(pointcept.as_pointcept(config))
    pointcept.TESTERS.build({**settings.test, "cfg": settings}).test()
    files = sorted((ours.folder / "result").glob("*_pred.npy"))
    assert len(files) == 3
    for file in files:
        agreement = np.load(file) == np.load(tmp_path / "tested" / "result" / file.name)
        assert agreement.mean() > 0.99
