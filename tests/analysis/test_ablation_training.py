"""Trainings that end with their budget: equal steps, equal seconds, and a schedule that ends with either."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_run import tiny_config

from ffnet3d.analysis.ablation.budget import Budget
from ffnet3d.analysis.ablation.training import Trained, train_within
from ffnet3d.analysis.ablation.variants import Variant
from ffnet3d.engine.distributed import Layout, build_fabric

pytest.importorskip("lightning_fabric", reason="pip install 'ffnet3d[train]'")

END = 0.01 / 10 / 1e4  # the least rate of the tiny recipe's OneCycleLR


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Sums depend on the number of threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def trained(config: Any, budget: Budget, **options: Any) -> Trained:
    return train_within(config, budget, build_fabric(Layout("cpu", 1, 1, external=False)), **options)


def ticking(seconds: float) -> Callable[[], float]:
    """A clock that is read once at the start and once after each step, which takes so many seconds."""
    return itertools.count(100.0, seconds).__next__


def test_equal_steps_are_equal_on_the_same_schedule(tmp_path: Path) -> None:
    config = tiny_config(tmp_path, "run", "enable_amp=False")
    relu = Variant("relu", "", {"use_gelu": False}).apply(config)
    base, other = (trained(each, Budget("steps", 9)) for each in (config, relu))
    assert base.steps == other.steps == 9
    assert base.rates == other.rates
    assert base.rates[-1] == pytest.approx(END)
    assert base.losses != other.losses
    assert base.seconds > 0


def test_a_seed_decides_all_and_the_step_of_the_config_is_the_engine_s(tmp_path: Path) -> None:
    config = tiny_config(tmp_path, "run", "gradient_accumulation_steps=2")
    first, again = (trained(config, Budget("steps", 3)) for _ in range(2))
    assert first.losses == again.losses
    config.seed = 4
    assert trained(config, Budget("steps", 3)).losses != first.losses


def test_seconds_end_the_training_and_drive_the_schedule(tmp_path: Path) -> None:
    config = tiny_config(tmp_path, "run")
    fast = trained(config, Budget("seconds", 10.0), clock=ticking(1.0))
    slow = trained(config, Budget("seconds", 10.0), clock=ticking(2.0))
    assert (fast.steps, slow.steps) == (10, 5)
    assert fast.seconds == slow.seconds == pytest.approx(10.0)
    assert slow.rates == pytest.approx(fast.rates[::2])
    assert max(fast.rates) == pytest.approx(0.01, rel=1e-3)
    assert fast.rates[-1] < 0.1 * max(fast.rates)


def test_a_step_that_begins_within_the_seconds_is_the_last_one_and_is_finished(tmp_path: Path) -> None:
    config = tiny_config(tmp_path, "run")
    result = trained(config, Budget("seconds", 7.0), clock=ticking(2.0))
    assert (result.steps, result.seconds) == (4, pytest.approx(8.0))
    assert trained(config, Budget("seconds", 0.5), clock=ticking(2.0)).steps == 1


def test_the_schedule_of_seconds_runs_from_its_first_tick_to_its_last() -> None:
    budget = Budget("seconds", 10.0)
    assert [budget.tick(0, seconds) for seconds in (0.0, 5.0, 9.999, 10.0, 12.0)] == [0, 500, 999, 999, 999]
    assert [Budget("steps", 4).tick(steps, 0.0) for steps in range(5)] == [0, 1, 2, 3, 3]


@pytest.mark.parametrize(
    ("kind", "amount", "text"),
    [
        ("steps", 0, "--steps must be a whole number of 1 or more, not 0"),
        ("steps", 1.5, "--steps must be a whole number of 1 or more, not 1.5"),
        ("seconds", 0.0, "--seconds must be above 0, not 0"),
        ("seconds", float("nan"), "--seconds must be above 0, not nan"),
    ],
)
def test_a_budget_of_nothing_is_an_error(kind: str, amount: float, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        Budget(kind, amount)


def test_a_loss_that_is_no_number_ends_the_training(tmp_path: Path) -> None:
    config = tiny_config(tmp_path, "run", "scheduler.max_lr=1e30", "param_dicts=None", "clip_grad=None")
    with pytest.raises(ValueError, match=r"the loss is not a number at step .*: lower scheduler\.max_lr"):
        trained(config, Budget("steps", 20))
