"""Optimizers with parameter groups, and learning-rate schedules that end with the run."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer, lr_scheduler
from torch.optim.lr_scheduler import LRScheduler

from ffnet3d.registry import Registry

logger = logging.getLogger(__name__)

OPTIMIZERS = Registry("optimizer")
SCHEDULERS = Registry("scheduler")

OPTIMIZERS.register("AdamW")(torch.optim.AdamW)
OPTIMIZERS.register("Adam")(torch.optim.Adam)
OPTIMIZERS.register("SGD")(torch.optim.SGD)


def build_optimizer(
    config: Mapping[str, Any], model: nn.Module, param_dicts: Sequence[Mapping[str, Any]] | None = None
) -> Optimizer:
    """The optimizer of a `type=` dict over the trainable parameters of `model`.

    Each of `param_dicts` is a group: dict(keyword=..., lr=..., weight_decay=...) takes the parameters whose
    name contains the keyword, unless a group before it has. Group 0 holds the rest. Raises ValueError for a
    keyword that no name contains, and where nothing is trainable.
    """
    settings = [
        {},
        *({key: value for key, value in group.items() if key != "keyword"} for group in param_dicts or ()),
    ]
    keywords = [group["keyword"] for group in param_dicts or ()]
    names = group_names(model, keywords)
    if not any(names):
        raise ValueError("the model has no trainable parameter: unfreeze a part of it")
    parameters = dict(model.named_parameters())
    groups = [
        {"params": [parameters[name] for name in members], **setting}
        for members, setting in zip(names, settings, strict=True)
    ]
    optimizer: Optimizer = OPTIMIZERS.build(config, params=groups)
    for group, keyword in zip(optimizer.param_groups, ["all other", *keywords], strict=True):
        count = sum(parameter.numel() for parameter in group["params"])
        logger.info("Parameter group %r: %d parameters, lr %g", keyword, count, group["lr"])
    return optimizer


def group_names(model: nn.Module, keywords: Sequence[str]) -> list[list[str]]:
    """Names of the trainable parameters of each group: those with no keyword, then those of each keyword."""
    for keyword in keywords:
        if not any(keyword in name for name, _ in model.named_parameters()):
            raise ValueError(f"param_dicts: no parameter of the model has {keyword!r} in its name")
    groups: list[list[str]] = [[] for _ in range(len(keywords) + 1)]
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            groups[next((i for i, keyword in enumerate(keywords, 1) if keyword in name), 0)].append(name)
    return groups


def build_scheduler(config: Mapping[str, Any], optimizer: Optimizer, total_steps: int) -> LRScheduler:
    """The schedule of a `type=` dict over `total_steps` steps of the optimizer.

    Raises ValueError where `max_lr` has not one rate for each parameter group.
    """
    if total_steps < 1:
        raise ValueError(f"a run needs at least one step, not {total_steps}: are there training scenes?")
    rates = config.get("max_lr")
    groups = len(optimizer.param_groups)
    if isinstance(rates, (list, tuple)) and len(rates) != groups:
        raise ValueError(f"scheduler: max_lr has {len(rates)} rates for {groups} parameter groups")
    scheduler: LRScheduler = SCHEDULERS.build(config, optimizer=optimizer, total_steps=total_steps)
    return scheduler


@SCHEDULERS.register("OneCycleLR")
def one_cycle(
    optimizer: Optimizer,
    total_steps: int,
    max_lr: float | Sequence[float],
    pct_start: float = 0.3,
    anneal_strategy: str = "cos",
    cycle_momentum: bool = True,
    base_momentum: float = 0.85,
    max_momentum: float = 0.95,
    div_factor: float = 25.0,
    final_div_factor: float = 1e4,
    three_phase: bool = False,
) -> LRScheduler:
    """Up to `max_lr` (one rate, or a list of one a group) over `pct_start` of the steps, then down."""
    if not 0 <= pct_start < 1:
        raise ValueError(f"OneCycleLR: pct_start is {pct_start}, not a share of the steps below 1")
    return lr_scheduler.OneCycleLR(
        optimizer,
        max_lr=max_lr if isinstance(max_lr, (int, float)) else list(max_lr),
        total_steps=total_steps,
        # A warm-up of exactly one step has no length: torch would divide by zero.
        pct_start=pct_start * (1 + 1e-9) if pct_start * total_steps == 1 else pct_start,
        anneal_strategy=anneal_strategy,  # type: ignore[arg-type]
        cycle_momentum=cycle_momentum,
        base_momentum=base_momentum,
        max_momentum=max_momentum,
        div_factor=div_factor,
        final_div_factor=final_div_factor,
        three_phase=three_phase,
    )


@SCHEDULERS.register("CosineAnnealingLR")
def cosine_annealing(optimizer: Optimizer, total_steps: int, eta_min: float = 0.0) -> LRScheduler:
    """Half a cosine from each group's rate down to `eta_min`."""
    return lr_scheduler.CosineAnnealingLR(optimizer, T_max=total_steps, eta_min=eta_min)


@SCHEDULERS.register("MultiStepLR")
def multi_step(
    optimizer: Optimizer, total_steps: int, milestones: Sequence[float], gamma: float = 0.1
) -> LRScheduler:
    """Rates times `gamma` at each milestone, a share of the steps."""
    steps = [int(share * total_steps) for share in milestones]
    return lr_scheduler.MultiStepLR(optimizer, milestones=steps, gamma=gamma)


@SCHEDULERS.register("PolyLR")
def polynomial(optimizer: Optimizer, total_steps: int, power: float = 0.9) -> LRScheduler:
    """Rates times (1 - step / (total_steps + 1)) ** power."""
    return lr_scheduler.LambdaLR(optimizer, lambda step: (1 - step / (total_steps + 1)) ** power)
