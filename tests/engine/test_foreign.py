"""Checkpoints move between the engines: Pointcept's is taken up here, ours has what Pointcept takes from it.

With Pointcept itself: tests/pointcept/test_checkpoints_live.py.
"""

from __future__ import annotations

import copy
import logging
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_run import tiny_config
from torch import nn

pytest.importorskip("lightning_fabric", reason="pip install 'ffnet3d[train]'")

from ffnet3d.engine.checkpoint import load_checkpoint, save_checkpoint
from ffnet3d.engine.optim import build_optimizer, build_scheduler
from ffnet3d.engine.state import Schedule, TrainingState
from ffnet3d.engine.train import TrainResult, train

SAVER = "hooks=[{'type': 'CheckpointSaver', 'save_freq': 1}]"
ADAMW = {"type": "AdamW", "lr": 0.01, "weight_decay": 0.05}
ONE_CYCLE = {"type": "OneCycleLR", "max_lr": [0.01, 0.001], "pct_start": 0.3}
SCHEDULES = [
    ONE_CYCLE,
    {"type": "CosineAnnealingLR"},
    {"type": "MultiStepLR", "milestones": [0.3, 0.8]},
    {"type": "PolyLR"},
]
GROUPS = [{"keyword": "block", "lr": 0.001}]


def pointcept_form(checkpoint: dict[str, Any]) -> dict[str, Any]:
    """The checkpoint as Pointcept writes it on several GPUs, without mixed precision."""
    return {
        "epoch": checkpoint["epoch"],
        "state_dict": {f"module.{name}": value for name, value in checkpoint["state_dict"].items()},
        "optimizer": checkpoint["optimizer"],
        "scheduler": checkpoint["scheduler"],
        "scaler": None,
        "best_metric_value": np.float64(checkpoint["best_metric_value"]),
    }


def resumed(run: Path, folder: Path, checkpoint: dict[str, Any], *overrides: str) -> TrainResult:
    """Go on from `checkpoint` in the new run `folder`/run, whose config is that of `run`."""
    (folder / "rooms").symlink_to(run.parent / "rooms")
    target = folder / "run"
    (target / "model").mkdir(parents=True)
    shutil.copy(run / "config.py", target)
    save_checkpoint(target / "model" / "model_last.pth", checkpoint)
    return train(tiny_config(folder, "run", SAVER, "resume=True", *overrides))


def last(result: TrainResult) -> dict[str, Any]:
    return load_checkpoint(result.save_path / "model" / "model_last.pth")


def assert_same(first: dict[str, Any], second: dict[str, Any]) -> None:
    """The same weights and moments, bit for bit, and the same rates."""
    assert first["step"] == second["step"]
    assert first["scheduler"] == second["scheduler"]
    assert first["optimizer"]["param_groups"] == second["optimizer"]["param_groups"]
    assert list(first["state_dict"]) == list(second["state_dict"])
    assert all(torch.equal(one, second["state_dict"][name]) for name, one in first["state_dict"].items())
    moments = first["optimizer"]["state"], second["optimizer"]["state"]
    assert list(moments[0]) == list(moments[1])
    for number, values in moments[0].items():
        assert all(torch.equal(value, moments[1][number][key]) for key, value in values.items())


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of three epochs of four steps, with the checkpoint of each epoch."""
    return train(tiny_config(tmp_path_factory.mktemp("whole"), "run", SAVER)).save_path


def test_a_run_of_pointcept_goes_on_as_our_own_does(
    whole: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = load_checkpoint(whole / "model" / "epoch_1.pth")
    with caplog.at_level(logging.WARNING, logger="ffnet3d"):
        result = resumed(whole, tmp_path, pointcept_form(first))
    assert "is of Pointcept's engine: this one goes on from it, but not bit for bit" in caplog.text
    assert result.steps == 12
    assert_same(last(result), load_checkpoint(whole / "model" / "model_last.pth"))


def make_state(
    schedule: dict[str, Any] = ONE_CYCLE,
    *,
    modules: tuple[str, ...] = ("head", "stem", "block0"),
    batches: int = 4,
    accumulation: int = 1,
    epochs: int = 3,
    groups: list[dict[str, Any]] | None = GROUPS,
    optimizer: dict[str, Any] = ADAMW,
    scaling: bool = False,
) -> TrainingState:
    """A state at the first step; the modules are alike, but each starts with weights of its own."""
    network = nn.ModuleDict({name: nn.Linear(3, 3) for name in modules})
    for name, module in network.items():
        nn.init.constant_(module.weight, len(name) / 10)
        nn.init.constant_(module.bias, len(name) / 20)
    plan = Schedule(batches, accumulation, epochs)
    built = build_optimizer(optimizer, network, groups)
    scheduler = build_scheduler(schedule, built, plan.total_steps)
    return TrainingState(
        network, built, scheduler, torch.amp.GradScaler("cpu", enabled=scaling), plan, seed=3
    )


def work(state: TrainingState, steps: int, skipped: int = 0) -> list[list[float]]:
    """Train for some steps, the first ones without effect as where gradients overflow; returns the rates."""
    rates = []
    for step in range(steps):
        rates.append([group["lr"] for group in state.optimizer.param_groups])
        state.optimizer.zero_grad()
        sum((parameter**2).sum() for parameter in state.network.parameters()).backward()
        if step >= skipped:
            state.optimizer.step()
            state.scheduler.step()
        state.advance()
    return rates


def written(state: TrainingState, **changes: Any) -> dict[str, Any]:
    """A checkpoint of the state in Pointcept's form."""
    return {**pointcept_form(copy.deepcopy(state.checkpoint(""))), **changes}


def restored(state: TrainingState, checkpoint: dict[str, Any], folder: Path) -> TrainingState:
    save_checkpoint(folder / "model_last.pth", checkpoint)
    state.restore(folder / "model_last.pth")
    return state


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda schedule: schedule["type"])
@pytest.mark.parametrize("optimizer", ["AdamW", "Adam", "SGD"])
def test_every_schedule_and_optimizer_goes_on(
    tmp_path: Path, schedule: dict[str, Any], optimizer: str
) -> None:
    momentum = {"momentum": 0.9} if optimizer == "SGD" else {}
    chosen = {"type": optimizer, "lr": 0.01, **momentum}
    one = make_state(schedule, optimizer=chosen)
    work(one, 8)
    other = restored(make_state(schedule, optimizer=chosen), written(one), tmp_path)
    assert work(other, 4) == work(one, 4)
    assert_same(one.checkpoint(""), other.checkpoint(""))


def test_moments_follow_their_parameters_where_the_order_differs(tmp_path: Path) -> None:
    there = make_state(modules=("block0", "stem", "head"))
    work(there, 4)
    here = restored(make_state(), written(there), tmp_path)
    work(there, 4)
    work(here, 4)
    for name, parameter in here.network.named_parameters():
        assert torch.equal(parameter, there.network.get_parameter(name)), name


def test_frozen_parameters_and_those_without_a_gradient_have_no_moments(tmp_path: Path) -> None:
    there, here = make_state(), make_state()
    work(there, 4)
    checkpoint = written(there)
    del checkpoint["optimizer"]["state"][1]
    restored(here, checkpoint, tmp_path)
    assert sorted(here.optimizer.state_dict()["state"]) == [0, 2, 3, 4, 5]


def test_within_an_epoch_pointcept_is_told_to_repeat_it(tmp_path: Path) -> None:
    state = make_state()
    rates = work(state, 4)
    start = state.checkpoint("")
    rates += work(state, 2)
    within = copy.deepcopy(state.checkpoint(""))
    assert (within["epoch"], within["step"]) == (1, 6)
    assert within["scheduler"] == start["scheduler"]
    assert within["optimizer"]["param_groups"] == start["optimizer"]["param_groups"]
    repeating = restored(make_state(), pointcept_form(within), tmp_path)
    assert work(repeating, 8)[:2] == rates[4:]
    exact = restored(make_state(), within, tmp_path)
    assert work(exact, 6) == work(state, 6)
    assert_same(exact.checkpoint(""), state.checkpoint(""))


@pytest.mark.parametrize("scaling", [False, True])
def test_our_checkpoint_has_all_that_pointcept_takes(scaling: bool) -> None:
    state = make_state(scaling=scaling)
    work(state, 8)
    checkpoint = copy.deepcopy(state.checkpoint(""))
    assert checkpoint["epoch"] == 2
    theirs = make_state()
    theirs.network.load_state_dict(checkpoint["state_dict"], strict=True)
    theirs.optimizer.load_state_dict(checkpoint["optimizer"])
    theirs.scheduler.load_state_dict(checkpoint["scheduler"])
    scaler = torch.amp.GradScaler("cpu")  # Pointcept's, in any precision; it refuses an empty state
    scaler.load_state_dict(checkpoint["scaler"])
    assert scaler.get_scale() == 2.0**16
    assert work(theirs, 4) == work(state, 4)
    assert torch.equal(theirs.network["stem"].weight, state.network["stem"].weight)


def test_an_own_checkpoint_of_another_precision_is_still_refused(tmp_path: Path) -> None:
    for there, here in ((False, True), (True, False)):
        with pytest.raises(ValueError, match="another amp_dtype or device: keep them when resuming"):
            restored(make_state(scaling=here), make_state(scaling=there).checkpoint(""), tmp_path)


def test_the_loss_scale_goes_along_or_is_spoken_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    there = make_state(scaling=True)
    work(there, 4)
    scaler = {**there.checkpoint("")["scaler"], "scale": 512.0}
    assert (
        restored(make_state(scaling=True), written(there, scaler=scaler), tmp_path).scaler.get_scale() == 512
    )
    with caplog.at_level(logging.WARNING, logger="ffnet3d"):
        restored(make_state(), written(there, scaler=scaler), tmp_path)
        assert "has a loss scale, which this run's precision does not need: left out" in caplog.text
        restored(make_state(scaling=True), written(there), tmp_path)
        assert "has no loss scale: it starts at 65536" in caplog.text


def test_steps_that_a_scaler_left_out_are_not_counted_by_the_schedule(tmp_path: Path) -> None:
    there = make_state(scaling=True)
    work(there, 8, skipped=3)
    here = restored(make_state(), written(there, scaler=there.checkpoint("")["scaler"]), tmp_path)
    assert (here.step, here.scheduler.last_epoch) == (8, 5)
    with pytest.raises(ValueError, match="steps in 2 epochs: 5, but this config and data give 8"):
        restored(make_state(), written(there), tmp_path)
    assert work(here, 4) == work(there, 4)


def test_the_state_of_an_older_pytorch_is_enough(tmp_path: Path) -> None:
    there = make_state()
    work(there, 4)
    checkpoint = written(there)
    scheduler = checkpoint["scheduler"]
    for key in ("_is_initial", "_anneal_func_type"):
        scheduler.pop(key, None)
    scheduler |= {"anneal_func": torch.optim.lr_scheduler.OneCycleLR._annealing_cos, "verbose": False}
    for group in checkpoint["optimizer"]["param_groups"]:
        for key in ("fused", "decoupled_weight_decay"):
            group.pop(key, None)
    here = restored(make_state(), checkpoint, tmp_path)
    assert work(here, 4) == work(there, 4)
    assert_same(here.checkpoint(""), there.checkpoint(""))


@pytest.mark.parametrize(
    ("there", "message"),
    [
        ({"epochs": 6}, "total_steps: 24, but this config and data give 12"),
        ({"batches": 5}, "total_steps: 15, but this config and data give 12"),
        ({"batches": 2, "epochs": 6}, "steps in 1 epochs: 2, but this config and data give 4"),
        ({"schedule": {"type": "CosineAnnealingLR"}}, " lr of parameter group 0: 0.0075, but .* 0.0093"),
        ({"schedule": {**ONE_CYCLE, "max_lr": 0.02}}, " lr of parameter group 0: 0.0186"),
        (
            {"optimizer": {**ADAMW, "weight_decay": 0.1}},
            "weight_decay of parameter group 0: 0.1, but .* 0.05",
        ),
        ({"optimizer": {**ADAMW, "type": "SGD"}}, "betas of parameter group 0: None"),
        (
            {"groups": None, "schedule": {**ONE_CYCLE, "max_lr": 0.01}},
            "parameter groups: 1, but this config and data give 2",
        ),
        ({"groups": [{"keyword": "stem.weight", "lr": 0.001}]}, "parameters in group 0: 5, but .* 4"),
        ({"modules": ("head", "block0")}, "weights of .* are of another network: 2 missing"),
    ],
)
def test_another_run_of_pointcept_is_refused(tmp_path: Path, there: dict[str, Any], message: str) -> None:
    other = make_state(**there)
    work(other, other.schedule.steps_per_epoch)
    with pytest.raises(ValueError, match=message) as caught:
        restored(make_state(), written(other), tmp_path)
    assert str(tmp_path / "model_last.pth") in str(caught.value)


def test_poly_has_no_length_but_its_rates_tell(tmp_path: Path) -> None:
    other = make_state({"type": "PolyLR"}, epochs=6)
    work(other, 4)
    with pytest.raises(
        ValueError, match=r"lr of parameter group 0: 0\.0085\d+, but .* give 0\.0071\d+: resume"
    ):
        restored(make_state({"type": "PolyLR"}), written(other), tmp_path)


def test_what_cannot_go_on_is_said(tmp_path: Path) -> None:
    there = make_state()
    work(there, 4)
    bare = {key: value for key, value in written(there).items() if key not in ("optimizer", "scheduler")}
    with pytest.raises(
        ValueError, match="holds no optimizer, scheduler to go on with: start from its weights"
    ):
        restored(make_state(), bare, tmp_path)
    with pytest.raises(ValueError, match="epoch: 4, but this config and data give eval_epoch=3"):
        restored(make_state(), written(there, epoch=4), tmp_path)
    with pytest.raises(ValueError, match="gradient_accumulation_steps=3 does not divide the 4 batches"):
        restored(make_state(accumulation=3), written(there), tmp_path)
    checkpoint = written(there)
    checkpoint["optimizer"]["state"][0]["exp_avg"] = torch.zeros(3, 2)
    with pytest.raises(ValueError, match=r"shape of exp_avg of head\.weight: \(3, 2\), but .* \(3, 3\)"):
        restored(make_state(), checkpoint, tmp_path)
