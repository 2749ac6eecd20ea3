"""A training that ends with its budget: the engine's network, data, optimizer and schedule, and no files."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from ffnet3d.analysis.ablation.budget import Budget
from ffnet3d.data.loader import EpochBatchSampler
from ffnet3d.engine.build import build_network, build_train_loader
from ffnet3d.engine.distributed import Precision, choose_precision
from ffnet3d.engine.evaluate import to_device
from ffnet3d.engine.optim import build_optimizer, build_scheduler
from ffnet3d.engine.seeding import seed_step
from ffnet3d.engine.trainer import grouped

if TYPE_CHECKING:
    from lightning_fabric import Fabric
    from torch.optim import Optimizer
    from torch.optim.lr_scheduler import LRScheduler

    from ffnet3d.engine.config import Config

Batch = dict[str, Any]


@dataclass(frozen=True)
class Trained:
    """A network, and what its training used."""

    network: nn.Module
    seconds: float  # by the clock, from the loading of the first batch to the end of the last step
    losses: tuple[float, ...]  # of each step
    rates: tuple[float, ...]  # learning rate of each step, of the first parameter group

    @property
    def steps(self) -> int:
        """Optimizer steps."""
        return len(self.losses)


@dataclass(frozen=True)
class Learner:
    """A network and what trains it."""

    network: nn.Module
    optimizer: Optimizer
    scheduler: LRScheduler
    precision: Precision
    scaler: torch.amp.GradScaler
    clip_grad: float | None

    @classmethod
    def of(cls, config: Config, fabric: Fabric, ticks: int) -> Learner:
        """A fresh one, by `config.seed`; its schedule has so many ticks."""
        torch.manual_seed(config.seed)
        network = build_network(config, fabric).train()
        optimizer = build_optimizer(config.optimizer, network, config.param_dicts)
        scheduler = build_scheduler(config.scheduler, optimizer, ticks)
        precision = choose_precision(config.enable_amp, config.amp_dtype, fabric.device.type)
        return cls(network, optimizer, scheduler, precision, precision.build_scaler(), config.clip_grad)

    @property
    def rate(self) -> float:
        """The first parameter group's learning rate."""
        return float(self.scheduler.get_last_lr()[0])

    def step(self, batches: list[Batch]) -> float:
        """One step on the mean loss of `batches`, which is returned; the schedule stays where it is."""
        self.optimizer.zero_grad()
        losses = [self.backward(batch, len(batches)) for batch in batches]
        if self.clip_grad is not None:
            self.scaler.unscale_(self.optimizer)
            nn.utils.clip_grad_norm_(self.network.parameters(), self.clip_grad)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        return sum(float(loss) for loss in losses)

    def backward(self, batch: Batch, count: int) -> Tensor:
        """Add the gradients of one of `count` batches, and return its share of the loss."""
        with self.precision.autocast():
            loss: Tensor = self.network(batch)["loss"] / count
        torch.autograd.backward(self.scaler.scale(loss))
        return loss.detach()


def train_within(
    config: Config, budget: Budget, fabric: Fabric, clock: Callable[[], float] = time.process_time
) -> Trained:
    """Train from scratch until the budget is used up; the schedule of `config` is stretched over it.

    A step that begins within a budget of seconds is finished. Which scenes a step sees, and all its random
    draws, depend on `config.seed` and its number alone. Raises ValueError where the loss is not a number.
    """
    learner = Learner.of(config, fabric, budget.ticks)
    batches = endless(build_train_loader(config, fabric), config.gradient_accumulation_steps)
    losses: list[float] = []
    rates: list[float] = []
    start, seconds, tick = clock(), 0.0, 0
    while budget.share(len(losses), seconds) < 1:
        reached = budget.tick(len(losses), seconds)
        for _ in range(tick, reached):
            learner.scheduler.step()
        tick = reached
        rates.append(learner.rate)
        group = [to_device(batch, fabric.device) for batch in next(batches)]
        seed_step(config.seed, 0, len(losses))
        losses.append(checked(learner.step(group), len(losses) + 1))
        seconds = clock() - start
    return Trained(learner.network, seconds, tuple(losses), tuple(rates))


def endless(loader: DataLoader, accumulation: int) -> Iterator[list[Batch]]:
    """The batches of each step, epoch after epoch."""
    sampler = loader.batch_sampler
    assert isinstance(sampler, EpochBatchSampler)
    for epoch in itertools.count():
        sampler.epoch = epoch
        yield from grouped(loader, accumulation)


def checked(loss: float, step: int) -> float:
    """The loss; ValueError where it is not a number."""
    if not math.isfinite(loss):
        raise ValueError(f"the loss is not a number at step {step}: lower scheduler.max_lr, or set clip_grad")
    return loss
