"""Training from a config: the run's folder and processes, the training, a test of the best checkpoint."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ffnet3d.engine.checkpoint import load_weights
from ffnet3d.engine.config import Config, dump_config, load_config, validate_config
from ffnet3d.engine.config_check import settings_without_effect
from ffnet3d.engine.distributed import launch, resolve_layout
from ffnet3d.engine.hooks import has_hook, hook_argument
from ffnet3d.engine.logs import setup_logging
from ffnet3d.engine.memory import keep_freed_memory
from ffnet3d.engine.run_folder import RunFolder
from ffnet3d.engine.seeding import draw_seed
from ffnet3d.engine.test import TestResult, check_report, check_test_data, run_test, write_report
from ffnet3d.engine.trainer import Trainer

if TYPE_CHECKING:
    from lightning_fabric import Fabric

logger = logging.getLogger(__name__)


@dataclass  # not frozen: Fabric takes results between processes apart, and puts them together again
class TrainResult:
    """What a training run came to."""

    save_path: Path
    steps: int  # optimizer steps of the whole run
    best_miou: float | None  # best validation, over all classes; None without evaluations
    test: TestResult | None  # of the best checkpoint; None where the config has no PreciseEvaluator


def train(config: Config, devices: int | None = None, machines: int = 1) -> TrainResult:
    """Train as `config` says; all results go to `config.save_path`.

    With `config.resume` the run there goes on from its last checkpoint, and ends, on a CPU bit for bit, as it
    would have without the interruption. devices, machines: see `ffnet3d.engine.distributed`.
    Raises ValueError for a config, checkpoint or scene that is not right, or a save_path that holds a run.
    """
    validate_config(config)
    if config.test_only:
        raise ValueError("test_only=True: this is a training; test with scripts/test.sh (ffnet3d test)")
    folder = RunFolder(Path(config.save_path))
    if config.resume:
        folder.check_started()
    else:
        folder.check_new()
    check_report(config)
    layout = resolve_layout(devices, machines)
    result: TrainResult = launch(
        layout, train_process, config, find_unused_parameters=config.find_unused_parameters
    )
    return result


def train_process(fabric: Fabric, config: Config) -> TrainResult:
    """One process of a training run."""
    if fabric.device.type == "cpu":
        keep_freed_memory()
    folder = RunFolder(Path(config.save_path))
    folder.create()
    setup_logging(folder.root / "train.log", fabric.is_global_zero)
    config.seed = fabric.broadcast(settle_seed(config, folder))
    if fabric.is_global_zero and not config.resume:
        dump_config(config, folder.config)
    for warning in settings_without_effect(config):
        logger.warning(warning)
    if has_hook(config, "PreciseEvaluator"):
        check_test_data(config)
    trainer = Trainer(fabric, config)
    trainer.run()
    trainer.close()
    tested = test_trained(trainer) if has_hook(config, "PreciseEvaluator") else None
    write_report(folder, config, fabric)
    best = trainer.state.best_miou
    return TrainResult(folder.root, trainer.state.step, best if math.isfinite(best) else None, tested)


def settle_seed(config: Config, folder: RunFolder) -> int:
    """The config's seed; where it leaves it open, that of the run to resume, or a fresh one."""
    seed = config.seed
    if seed is None and config.resume:
        seed = load_config(folder.config).seed
    return draw_seed() if seed is None else int(seed)


def test_trained(trainer: Trainer) -> TestResult:
    """Test the best checkpoint; the last one if PreciseEvaluator has `test_last`, or none was evaluated."""
    folder, network = trainer.folder, trainer.state.network
    last = hook_argument(trainer.config, "PreciseEvaluator", "test_last") or not folder.model_best.exists()
    weight = folder.model_last if last else folder.model_best
    logger.info("Testing %s", weight)
    load_weights(network, weight)
    return run_test(network, trainer.config, trainer.fabric, weight)
