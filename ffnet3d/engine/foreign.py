"""A checkpoint that Pointcept's own trainer has written, taken up by this engine.

It counts epochs, not steps, and numbers the parameters in the optimizer. Weights and the optimizer's moments
are taken from it; the schedule is run anew to where it stands there, and must come to the same rates.
"""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch.optim.lr_scheduler import LRScheduler

from ffnet3d.engine.checkpoint import load_state
from ffnet3d.models.release import WRAPPER

if TYPE_CHECKING:
    from ffnet3d.engine.state import TrainingState

logger = logging.getLogger(__name__)

NEEDED = ("epoch", "optimizer", "scheduler", "best_metric_value")
TOTALS = ("total_steps", "T_max")  # what schedulers call the steps of the run in their states
SAME_RATE = 1e-6  # relative; versions of torch round schedules differently


def restore_foreign(state: TrainingState, checkpoint: Mapping[str, Any], path: Path) -> None:
    """Go on after the epochs that Pointcept has trained.

    ValueError naming what differs where the checkpoint is of a run with other steps, rates or weights.
    """
    absent = [key for key in NEEDED if key not in checkpoint]
    if absent:
        raise ValueError(
            f"{path} holds no {', '.join(absent)} to go on with: start from its weights (-w {path})"
        )
    check_steps(state, checkpoint, path)
    load_state(state.network, checkpoint["state_dict"], str(path))
    advance(state.scheduler, checkpoint["scheduler"]["last_epoch"])
    restore_optimizer(state, checkpoint, path)
    restore_scaler(state.scaler, checkpoint.get("scaler"), path)
    state.step = checkpoint["epoch"] * state.schedule.steps_per_epoch
    state.best_miou = float(checkpoint["best_metric_value"])
    logger.warning("%s is of Pointcept's engine: this one goes on from it, but not bit for bit", path)


def check_steps(state: TrainingState, checkpoint: Mapping[str, Any], path: Path) -> None:
    """ValueError where the steps of the run there cannot be those of this one."""
    schedule, epoch, scheduler = state.schedule, checkpoint["epoch"], checkpoint["scheduler"]
    if schedule.batches % schedule.accumulation:
        raise ValueError(
            f"{path}: gradient_accumulation_steps={schedule.accumulation} does not divide the "
            f"{schedule.batches} batches of an epoch; Pointcept then joins batches of two epochs to a step, "
            f"this engine does not: go on in Pointcept, or start from its weights (-w {path})"
        )
    if epoch > schedule.epochs:
        raise differs(path, "epoch", epoch, f"eval_epoch={schedule.epochs}")
    for name in TOTALS:
        if scheduler.get(name, schedule.total_steps) != schedule.total_steps:
            raise differs(path, "total_steps", scheduler[name], schedule.total_steps)
    steps = epoch * schedule.steps_per_epoch
    # A scaler leaves out the steps whose gradients overflow, and the schedule does not count them.
    if scheduler["last_epoch"] > steps or (scheduler["last_epoch"] < steps and not checkpoint.get("scaler")):
        raise differs(path, f"steps in {epoch} epochs", scheduler["last_epoch"], steps)


def advance(scheduler: LRScheduler, steps: int) -> None:
    """Move a fresh schedule on by `steps`."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Detected call of `lr_scheduler.step")  # no weights move
        for _ in range(steps):
            scheduler.step()


def restore_optimizer(state: TrainingState, checkpoint: Mapping[str, Any], path: Path) -> None:
    """Give each parameter the moments that it has there; settings and rates stay those of this run."""
    saved = checkpoint["optimizer"]
    names = optimizer_names(state)
    check_groups(state.optimizer.param_groups, saved["param_groups"], path)
    moments = named_moments(saved, names, list(checkpoint["state_dict"]))
    check_moments(moments, state, path)
    ours = [name for group in names for name in group]
    numbered = {number: moments[name] for number, name in enumerate(ours) if moments[name]}
    groups = state.optimizer.state_dict()["param_groups"]
    state.optimizer.load_state_dict({"state": numbered, "param_groups": groups})


def optimizer_names(state: TrainingState) -> list[list[str]]:
    """Names of the parameters in each group of the optimizer."""
    names = {id(parameter): name for name, parameter in state.network.named_parameters()}
    return [[names[id(parameter)] for parameter in group["params"]] for group in state.optimizer.param_groups]


def check_groups(ours: Sequence[Mapping[str, Any]], theirs: Sequence[Mapping[str, Any]], path: Path) -> None:
    """ValueError naming a parameter group whose size or settings differ."""
    if len(theirs) != len(ours):
        raise differs(path, "parameter groups", len(theirs), len(ours))
    for number, (group, other) in enumerate(zip(ours, theirs, strict=True)):
        if len(other["params"]) != len(group["params"]):
            what = f"parameters in group {number}"
            raise differs(path, what, len(other["params"]), len(group["params"]))
        for key, value in numeric(group).items():
            if not close(other.get(key), value):
                raise differs(path, f"{key} of parameter group {number}", other.get(key), value)


def numeric(group: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a group that are numbers, or tuples of numbers such as betas."""
    kinds = (int, float, tuple, list)
    return {
        key: value
        for key, value in group.items()
        if key != "params" and isinstance(value, kinds) and not isinstance(value, bool)
    }


def close(former: Any, value: Any) -> bool:
    """Whether two settings are the same but for rounding."""
    if isinstance(value, tuple | list):
        return isinstance(former, tuple | list) and all(map(close, former, value))
    return isinstance(former, int | float) and math.isclose(former, value, rel_tol=SAME_RATE)


def named_moments(
    saved: Mapping[str, Any], names: Sequence[Sequence[str]], order: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """What the optimizer holds for each parameter, by name.

    names: of each group's parameters. order: of all weights there, as their modules were made.
    """
    position = {name.removeprefix(WRAPPER): place for place, name in enumerate(order)}
    moments = {}
    for group, members in zip(saved["param_groups"], names, strict=True):
        numbers = zip(sorted(members, key=position.__getitem__), group["params"], strict=True)
        moments.update({name: saved["state"].get(number, {}) for name, number in numbers})
    return moments


def check_moments(moments: Mapping[str, Mapping[str, Any]], state: TrainingState, path: Path) -> None:
    """ValueError naming a parameter whose moments have another shape."""
    for name, parameter in state.network.named_parameters():
        for key, value in moments.get(name, {}).items():
            if isinstance(value, torch.Tensor) and value.dim() and value.shape != parameter.shape:
                shapes = tuple(value.shape), tuple(parameter.shape)
                raise differs(path, f"a shape of {key} of {name}", *shapes)


def restore_scaler(scaler: torch.amp.GradScaler, saved: Mapping[str, Any] | None, path: Path) -> None:
    """Take up the loss scale, or say that one of both runs has none."""
    if not scaler.is_enabled():
        if saved:
            logger.warning("%s has a loss scale, which this run's precision does not need: left out", path)
    elif saved:
        scaler.load_state_dict(dict(saved))
    else:
        logger.warning("%s has no loss scale: it starts at %g", path, scaler.get_scale())


def differs(path: Path, what: str, former: Any, value: Any) -> ValueError:
    """The error of a run that this config does not continue."""
    return ValueError(
        f"{path} is of a run of Pointcept with {what}: {former}, but this config and data give {value}: "
        "resume with its config.py, data set and batch size as they were, or start from its weights in a new "
        f"run (-w {path})"
    )
