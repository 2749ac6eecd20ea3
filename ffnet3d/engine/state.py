"""What a training run carries from step to step, and how a checkpoint holds it."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from ffnet3d.engine.checkpoint import load_checkpoint, load_state
from ffnet3d.engine.foreign import restore_foreign
from ffnet3d.engine.rates import Rates
from ffnet3d.version import __version__

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Schedule:
    """How the batches of a run group into steps. A step never joins batches of two epochs."""

    batches: int  # of an epoch, on each process
    accumulation: int  # batches a step; the last step of an epoch may have fewer
    epochs: int

    @property
    def steps_per_epoch(self) -> int:
        """Optimizer steps of an epoch."""
        return -(-self.batches // self.accumulation)

    @property
    def total_steps(self) -> int:
        """Optimizer steps of the run."""
        return self.steps_per_epoch * self.epochs

    def position(self, step: int) -> tuple[int, int]:
        """(epoch, first batch in it) that follows after `step` steps."""
        epoch, done = divmod(step, self.steps_per_epoch)
        return epoch, done * self.accumulation


@dataclass
class TrainingState:
    """Everything that changes while a network trains.

    Random numbers are not among it: each batch draws from generators seeded by its own number.
    """

    network: nn.Module
    optimizer: Optimizer
    scheduler: LRScheduler
    scaler: torch.amp.GradScaler
    schedule: Schedule
    seed: int
    processes: int = 1
    step: int = 0  # optimizer steps done
    best_miou: float = float("-inf")
    epoch_rates: Rates = field(init=False)  # at the start of the epoch

    def __post_init__(self) -> None:
        self.epoch_rates = self.rates()

    def rates(self) -> Rates:
        """Where the schedule stands now."""
        return Rates.of(self.optimizer, self.scheduler)

    def advance(self) -> None:
        """Count a step that is done."""
        self.step += 1
        if self.step % self.schedule.steps_per_epoch == 0:
            self.epoch_rates = self.rates()

    def checkpoint(self, config_text: str) -> dict[str, Any]:
        """Pointcept's dictionary, and what an exact resumption needs besides: `step`, `ffnet3d`.

        Pointcept goes on at the start of an epoch. From a checkpoint within one it repeats that epoch, with
        the rates that the epoch began with: else its schedule would run out before the last epoch does.
        """
        return {
            "epoch": self.step // self.schedule.steps_per_epoch,
            "step": self.step,
            "state_dict": self.network.state_dict(),
            "optimizer": self.epoch_rates.optimizer_state(self.optimizer),
            "scheduler": self.epoch_rates.scheduler,
            "scaler": scaler_state(self.scaler),
            "best_metric_value": self.best_miou,
            "ffnet3d": {
                "version": __version__,
                "config": config_text,
                "rates": vars(self.rates()),
                **self.origin(),
            },
        }

    def identity(self) -> dict[str, int]:
        """What must be the same for one run to go on where another stopped."""
        schedule = self.schedule
        return {
            "seed": self.seed,
            "steps_per_epoch": schedule.steps_per_epoch,
            "total_steps": schedule.total_steps,
        }

    def origin(self) -> dict[str, int]:
        """What a checkpoint tells of its run."""
        return {
            **self.identity(),
            "processes": self.processes,
            "loss_scaling": self.scaler.is_enabled(),
        }

    def restore(self, path: Path) -> None:
        """Go on from a checkpoint of this engine or of Pointcept.

        ValueError where it is of a run with other data, batches or precision.
        """
        checkpoint = load_checkpoint(path)
        if "ffnet3d" in checkpoint:
            self.check_same_run(checkpoint, path)
            self.restore_own(checkpoint, path)
        else:
            restore_foreign(self, checkpoint, path)
            self.epoch_rates = self.rates()

    def restore_own(self, checkpoint: dict[str, Any], path: Path) -> None:
        """Set everything to what a checkpoint of this engine holds."""
        load_state(self.network, checkpoint["state_dict"], str(path))
        self.optimizer.load_state_dict(checkpoint["optimizer"])
        self.scheduler.load_state_dict(checkpoint["scheduler"])
        self.epoch_rates = self.rates()
        rates = checkpoint["ffnet3d"].get("rates")
        if rates is not None:  # early checkpoints have those of the step in Pointcept's place
            Rates(**rates).apply(self.optimizer, self.scheduler)
        if self.scaler.is_enabled():
            self.scaler.load_state_dict(checkpoint["scaler"])
        self.step = checkpoint["step"]
        self.best_miou = checkpoint["best_metric_value"]

    def check_same_run(self, checkpoint: dict[str, Any], path: Path) -> None:
        """ValueError naming what the checkpoint and this run do not share."""
        for name, value in self.identity().items():
            former = checkpoint["ffnet3d"].get(name)
            if former != value:
                raise ValueError(
                    f"{path} is of a run with {name}={former}, but this config and data give {value}: "
                    "resume with the same seed, epochs, data set, batch size and accumulation"
                )
        processes = checkpoint["ffnet3d"].get("processes", self.processes)
        if processes != self.processes:
            logger.warning(
                "%s is of a run with %d processes, this one has %d: it goes on, but not bit for bit",
                path,
                processes,
                self.processes,
            )
        scaling = checkpoint["ffnet3d"].get("loss_scaling", checkpoint["scaler"] is not None)
        if scaling != self.scaler.is_enabled():
            raise ValueError(f"{path} is of a run with another amp_dtype or device: keep them when resuming")


def scaler_state(scaler: torch.amp.GradScaler) -> dict[str, Any]:
    """The scaler's state, a fresh one's where this run needs none: Pointcept has one for every precision."""
    return (scaler if scaler.is_enabled() else torch.amp.GradScaler("cpu")).state_dict()
