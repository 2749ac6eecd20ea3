"""Parameter groups and schedules; their states pass through a checkpoint."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim import Optimizer

from ffnet3d.engine.checkpoint import load_checkpoint, save_checkpoint
from ffnet3d.engine.optim import build_optimizer, build_scheduler

ADAMW = {"type": "AdamW", "lr": 0.006, "weight_decay": 0.05}
RELEASED = {
    "type": "OneCycleLR",
    "max_lr": [0.006, 0.0006],
    "pct_start": 0.05,
    "anneal_strategy": "cos",
    "div_factor": 10.0,
    "final_div_factor": 1000.0,
}
SCHEDULES = [
    RELEASED,
    {"type": "CosineAnnealingLR", "eta_min": 1e-5},
    {"type": "MultiStepLR", "milestones": [0.5, 0.8], "gamma": 0.1},
    {"type": "PolyLR", "power": 0.9},
]


def network() -> nn.ModuleDict:
    return nn.ModuleDict({"stem": nn.Linear(2, 3), "block0": nn.Linear(3, 3), "head": nn.Linear(3, 1)})


def grouped() -> Optimizer:
    return build_optimizer(ADAMW, network(), [{"keyword": "block", "lr": 0.0006}])


def rates(config: dict[str, Any], steps: int, optimizer: Optimizer | None = None) -> list[Sequence[float]]:
    """Learning rates of the groups at each step."""
    optimizer = optimizer or grouped()
    scheduler = build_scheduler(config, optimizer, steps)
    seen = []
    for step in range(steps):
        seen.append([group["lr"] for group in optimizer.param_groups])
        optimizer.step()
        if step < steps - 1:
            scheduler.step()
    return seen


def test_the_keyword_takes_its_parameters_and_the_rest_stay_in_group_0() -> None:
    rest, blocks = grouped().param_groups
    assert [tuple(p.shape) for p in rest["params"]] == [(3, 2), (3,), (1, 3), (1,)]
    assert [tuple(p.shape) for p in blocks["params"]] == [(3, 3), (3,)]
    assert (rest["lr"], blocks["lr"]) == (0.006, 0.0006)
    assert rest["weight_decay"] == blocks["weight_decay"] == 0.05


def test_the_first_keyword_wins_and_frozen_parameters_stay_out() -> None:
    model = network()
    model["head"].requires_grad_(False)
    groups = [{"keyword": "block0", "weight_decay": 0.0}, {"keyword": "bias", "lr": 1.0}, {"keyword": "head"}]
    sizes = [len(group["params"]) for group in build_optimizer(ADAMW, model, groups).param_groups]
    assert sizes == [1, 2, 1, 0]


def test_without_groups_one_holds_all() -> None:
    for kind in ("AdamW", "Adam", "SGD"):
        (group,) = build_optimizer({"type": kind, "lr": 0.1}, network()).param_groups
        assert len(group["params"]) == 6


def test_what_cannot_be_optimised_is_named() -> None:
    with pytest.raises(ValueError, match="no parameter of the model has 'blok' in its name"):
        build_optimizer(ADAMW, network(), [{"keyword": "blok", "lr": 1}])
    with pytest.raises(ValueError, match="no trainable parameter"):
        build_optimizer(ADAMW, network().requires_grad_(False))
    with pytest.raises(ValueError, match="unknown optimizer type 'Lion'"):
        build_optimizer({"type": "Lion", "lr": 1}, network())
    with pytest.raises(ValueError, match="max_lr has 3 rates for 2 parameter groups"):
        build_scheduler({**RELEASED, "max_lr": [1, 2, 3]}, grouped(), 10)
    with pytest.raises(ValueError, match="at least one step, not 0"):
        build_scheduler(RELEASED, grouped(), 0)
    with pytest.raises(ValueError, match="pct_start is 5"):
        build_scheduler({**RELEASED, "pct_start": 5}, grouped(), 10)


def test_the_released_schedule_warms_up_and_anneals_each_group() -> None:
    seen = rates(RELEASED, 200)
    for group, peak in enumerate([0.006, 0.0006]):
        values = [rate[group] for rate in seen]
        assert values[0] == pytest.approx(peak / 10)
        assert max(values) == pytest.approx(peak)
        assert values.index(max(values)) == 9  # 5 % of the steps
        assert values[-1] == pytest.approx(peak / 10 / 1000)
        middle = values[(9 + 199) // 2]
        assert middle == pytest.approx((values[9] + values[-1]) / 2, rel=1e-6)  # half a cosine


def test_one_rate_is_the_peak_of_every_group() -> None:
    config = {**RELEASED, "max_lr": 0.01}
    assert max(rates(config, 200)) == pytest.approx([0.01, 0.01])


@pytest.mark.parametrize("steps", [1, 2, 3, 19, 20, 21, 40])
def test_short_runs_have_a_schedule(steps: int) -> None:
    for config in SCHEDULES:
        assert all(math.isfinite(rate) and rate > 0 for row in rates(config, steps) for rate in row)


def test_the_other_schedules_end_where_they_should() -> None:
    cosine, steps, poly = (rates(config, 10, grouped()) for config in SCHEDULES[1:])
    assert cosine[5][0] == pytest.approx((0.006 + 1e-5) / 2)
    assert [row[0] for row in steps] == pytest.approx([0.006] * 5 + [0.0006] * 3 + [0.00006] * 2)
    assert [row[1] for row in poly] == pytest.approx([0.0006 * (1 - step / 11) ** 0.9 for step in range(10)])


@pytest.mark.parametrize("config", SCHEDULES, ids=lambda config: config["type"])
def test_a_run_goes_on_from_a_checkpoint_as_if_never_stopped(config: dict[str, Any], tmp_path: Path) -> None:
    def step(model: nn.Module, optimizer: Optimizer, scheduler: Any) -> None:
        optimizer.zero_grad()
        sum((parameter**2).sum() for parameter in model.parameters()).backward()
        optimizer.step()
        scheduler.step()

    def parts() -> tuple[nn.Module, Optimizer, Any]:
        torch.manual_seed(0)
        model = network()
        optimizer = build_optimizer(ADAMW, model, [{"keyword": "block", "lr": 0.0006}])
        return model, optimizer, build_scheduler(config, optimizer, 20)

    whole = parts()
    for _ in range(4):
        step(*whole)
    path = tmp_path / "model.pth"
    keys = ("state_dict", "optimizer", "scheduler")
    save_checkpoint(path, {key: part.state_dict() for key, part in zip(keys, whole, strict=True)})
    resumed, checkpoint = parts(), load_checkpoint(path)
    for key, part in zip(keys, resumed, strict=True):
        part.load_state_dict(checkpoint[key])
    for _ in range(4):
        step(*whole)
        step(*resumed)
    for one, other in zip(whole[0].parameters(), resumed[0].parameters(), strict=True):
        assert torch.equal(one, other)
