"""The training loop: epochs of steps, an evaluation and a checkpoint after each."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import nn

from ffnet3d.data.loader import EpochBatchSampler
from ffnet3d.engine.build import build_network, build_train_loader, build_val_loader, pyramid_plan
from ffnet3d.engine.checkpoint import load_weights, save_checkpoint
from ffnet3d.engine.distributed import all_reduce, choose_precision, share_buffers
from ffnet3d.engine.errors import unwrap_errors
from ffnet3d.engine.evaluate import Evaluation, evaluate, to_device
from ffnet3d.engine.events import MetricsLog
from ffnet3d.engine.hooks import hook_argument, weight_renaming
from ffnet3d.engine.optim import build_optimizer, build_scheduler
from ffnet3d.engine.progress import progress
from ffnet3d.engine.run_folder import RunFolder
from ffnet3d.engine.seeding import seed_step
from ffnet3d.engine.state import Schedule, TrainingState
from ffnet3d.engine.sync_bn import convert_sync_batchnorm
from ffnet3d.engine.tuning import tune_before

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from ffnet3d.engine.config import Config

logger = logging.getLogger(__name__)

T = TypeVar("T")

LINE_SECONDS = 20.0  # between a step's lines in train.log, which metrics.jsonl has in full


class Trainer:
    """A training run in one process; rank 0 writes its files."""

    def __init__(self, fabric: Fabric, config: Config) -> None:
        """Build all parts, and restore them from the last checkpoint where `config.resume` asks for it."""
        self.fabric, self.config = fabric, config
        self.folder = RunFolder(Path(config.save_path))
        self.precision = choose_precision(config.enable_amp, config.amp_dtype, fabric.device.type)
        network = self.build_network()
        plan = pyramid_plan(network, fabric.device)
        self.train_loader = build_train_loader(config, fabric, plan)
        self.val_loader = build_val_loader(config, fabric, plan) if config.evaluate else None
        self.state = self.build_state(network)
        self.load()
        self.model = fabric.setup_module(self.state.network)
        self.finite = torch.ones((), dtype=torch.bool, device=fabric.device)
        self.last_line = time.monotonic()
        self.metrics = MetricsLog(self.folder.root, self.state.step) if fabric.is_global_zero else None

    def build_network(self) -> nn.Module:
        """A fresh network, the same on every process."""
        torch.manual_seed(self.config.seed)
        network = build_network(self.config, self.fabric)
        if self.config.sync_bn and self.fabric.world_size > 1:
            network = convert_sync_batchnorm(network, self.fabric.device.type)
        return network

    def build_state(self, network: nn.Module) -> TrainingState:
        """The network and all that trains it."""
        config = self.config
        schedule = Schedule(len(self.train_loader), config.gradient_accumulation_steps, config.eval_epoch)
        optimizer = build_optimizer(config.optimizer, network, config.param_dicts)
        scheduler = build_scheduler(config.scheduler, optimizer, schedule.total_steps)
        scaler = self.precision.build_scaler()
        return TrainingState(
            network, optimizer, scheduler, scaler, schedule, config.seed, self.fabric.world_size
        )

    def load(self) -> None:
        """Take up the last checkpoint of a resumed run, or the weights that the config starts from."""
        if self.config.resume and self.folder.model_last.exists():
            self.state.restore(self.folder.model_last)
            logger.info("Resuming after step %d of %d", self.state.step, self.state.schedule.total_steps)
            return
        if self.config.resume:
            logger.warning("%s has no checkpoint yet: starting at the first step", self.folder.root)
        if self.config.weight:
            load_weights(self.state.network, Path(self.config.weight), weight_renaming(self.config))
            logger.info("Starting from the weights of %s", self.config.weight)

    def run(self) -> None:
        """Train all epochs that are still to do, each followed by an evaluation and a checkpoint."""
        schedule = self.state.schedule
        first, _ = schedule.position(self.state.step)
        tune_before(self.fabric, self.state.network, self.train_loader, self.precision.dtype)
        for epoch in range(first, schedule.epochs):
            self.train_epoch(epoch)
            evaluation = self.evaluate(epoch)
            self.save(epoch, evaluation)
            if self.config.empty_cache_per_epoch and self.fabric.device.type == "cuda":
                torch.cuda.empty_cache()

    def train_epoch(self, epoch: int) -> None:
        """The steps of an epoch, from where the state stands."""
        schedule = self.state.schedule
        sampler = self.train_loader.batch_sampler
        assert isinstance(sampler, EpochBatchSampler)
        sampler.epoch, (_, sampler.start_batch) = epoch, schedule.position(self.state.step)
        self.model.train()
        groups = grouped(unwrap_errors(self.train_loader), schedule.accumulation)
        done = sampler.start_batch // schedule.accumulation
        label = f"epoch {epoch + 1}/{schedule.epochs}"
        start = time.perf_counter()
        for batches in progress(groups, label, self.fabric, done, schedule.steps_per_epoch):
            rates = [float(rate) for rate in self.state.scheduler.get_last_lr()]
            loss = self.train_step(batches)
            self.record(epoch, loss, rates, time.perf_counter() - start)
            start = time.perf_counter()
            if self.is_save_step():
                self.write(self.folder.model_last)

    def train_step(self, batches: list[dict[str, Any]]) -> torch.Tensor:
        """One optimizer step on the mean loss of `batches`; returns that loss, of this process."""
        fabric, state = self.fabric, self.state
        state.optimizer.zero_grad()
        total = torch.zeros((), device=fabric.device)
        for position, batch in enumerate(batches):
            number = state.step * state.schedule.accumulation + position
            seed_step(state.seed, fabric.global_rank, number)
            unsynced = fabric.world_size > 1 and position < len(batches) - 1
            with fabric.no_backward_sync(self.model, enabled=unsynced):
                with self.precision.autocast():
                    loss = self.model(to_device(batch, fabric.device))["loss"] / len(batches)
                fabric.backward(state.scaler.scale(loss))
            total += loss.detach()
        self.finite &= total.isfinite()  # looked at only now and then: each look waits for the device
        self.update_weights()
        return total

    def update_weights(self) -> None:
        """Clip, step, and move the learning rate on, unless the scaler skipped the step (overflow)."""
        state = self.state
        if self.config.clip_grad is not None:
            state.scaler.unscale_(state.optimizer)
            nn.utils.clip_grad_norm_(state.network.parameters(), self.config.clip_grad)
        scale = state.scaler.get_scale()
        state.scaler.step(state.optimizer)
        state.scaler.update()
        if state.scaler.get_scale() >= scale:
            state.scheduler.step()
        state.advance()
        if self.config.empty_cache and self.fabric.device.type == "cuda":
            torch.cuda.empty_cache()

    def record(self, epoch: int, loss: torch.Tensor, rates: list[float], seconds: float) -> None:
        """Log a step's loss (mean over the processes); ValueError where it is not a number."""
        step, schedule = self.state.step, self.state.schedule
        if step % self.config.log_interval:
            return
        mean = float(all_reduce(self.fabric, loss, "mean"))
        self.check_finite(mean)
        if self.metrics is not None:
            self.metrics.train(epoch + 1, step, mean, rates, seconds)
        if time.monotonic() - self.last_line >= LINE_SECONDS:
            self.last_line = time.monotonic()
            text = "Epoch %d/%d, step %d/%d: loss %.4f, lr %.2e, %.2f s a step"
            logger.info(text, epoch + 1, schedule.epochs, step, schedule.total_steps, mean, rates[0], seconds)

    def check_finite(self, loss: float = 0.0) -> None:
        """ValueError where `loss`, or that of any step so far, is not a number."""
        if not math.isfinite(loss) or not bool(self.finite):
            raise ValueError(
                f"the loss is not a number at step {self.state.step}: lower the learning rate, "
                "set clip_grad, or train without enable_amp; the last checkpoint is from before"
            )

    def is_save_step(self) -> bool:
        """Whether `save_steps` asks for a checkpoint here; an epoch's last one follows its evaluation."""
        step, interval = self.state.step, self.config.save_steps
        return bool(interval) and step % interval == 0 and step % self.state.schedule.steps_per_epoch != 0

    def evaluate(self, epoch: int) -> Evaluation | None:
        """Validate, log the scores, and note the best mIoU."""
        if self.val_loader is None:
            return None
        share_buffers(self.fabric, self.state.network)
        data, network = self.config.data, self.state.network
        result = evaluate(network, self.val_loader, self.fabric, data.num_classes, data.ignore_index)
        if self.metrics is not None:
            self.metrics.evaluation(epoch + 1, self.state.step, result.loss, result.scores)
        text = "Epoch %d/%d, step %d: val loss %.4f, mIoU %.4f (present classes %.4f), mAcc %.4f, allAcc %.4f"
        means = result.scores.miou, result.scores.miou_present, result.scores.macc, result.scores.allacc
        logger.info(text, epoch + 1, self.state.schedule.epochs, self.state.step, result.loss, *means)
        return result

    def save(self, epoch: int, evaluation: Evaluation | None) -> None:
        """Write the checkpoints of a finished epoch.

        The best comes before the last: a kill between the two repeats the epoch, and finds the same best.
        """
        if evaluation is not None and evaluation.scores.miou > self.state.best_miou:
            self.state.best_miou = evaluation.scores.miou
            self.write(self.folder.model_best)
        interval = hook_argument(self.config, "CheckpointSaver", "save_freq")
        if interval and (epoch + 1) % interval == 0:
            self.write(self.folder.model_epoch(epoch + 1))
        self.write(self.folder.model_last)

    def write(self, path: Path) -> None:
        """Write the state to a checkpoint (rank 0); ValueError where the loss was not a number."""
        self.check_finite()
        if self.fabric.is_global_zero:
            save_checkpoint(path, self.state.checkpoint(self.folder.config.read_text(encoding="utf-8")))

    def close(self) -> None:
        """Finish the files and wait for the other processes."""
        if self.metrics is not None:
            self.metrics.close()
        self.fabric.barrier()


def grouped(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of `size` successive items, the last one maybe shorter."""
    group: list[T] = []
    for item in items:
        group.append(item)
        if len(group) == size:
            yield group
            group = []
    if group:
        yield group
