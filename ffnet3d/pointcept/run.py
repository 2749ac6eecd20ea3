"""Pointcept's own trainer and tester on our configs and run folders."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pointcept.engines.defaults import default_config_parser, default_setup
from pointcept.engines.launch import launch
from pointcept.engines.test import TESTERS
from pointcept.engines.train import TRAINERS

from ffnet3d.engine.config import Config, dump_config
from ffnet3d.engine.distributed import Layout, resolve_layout
from ffnet3d.engine.launch import (
    TestRequest,
    TrainRequest,
    find_weights,
    prepare_demo,
    testing_config,
    training_config,
)
from ffnet3d.engine.run_folder import RunFolder
from ffnet3d.engine.testing.options import TestOptions

logger = logging.getLogger(__name__)


def run_training(request: TrainRequest) -> None:
    """Train as asked, and test the best checkpoint; ValueError for a request that does not fit."""
    layout = gpu_layout(request.devices, request.machines)
    config = training_config(request)
    prepare_demo(request.dataset, config)
    folder = RunFolder(Path(config.save_path))
    if config.resume and folder.model_last.is_file():
        config.weight = str(folder.model_last)
    drop_predictions(folder)
    start(train_worker, config, layout)


def run_testing(request: TestRequest) -> None:
    """Test as asked; ValueError where the request does not fit what is there."""
    check_options(request.options)
    layout = gpu_layout(request.devices, request.machines)
    config = testing_config(request)
    prepare_demo(request.dataset, config)
    config.weight = str(find_weights(request))
    folder = RunFolder(Path(config.save_path))
    config.resume = folder.config.is_file()  # which leaves it as it is
    drop_predictions(folder)
    start(test_worker, config, layout)


def check_options(options: TestOptions) -> None:
    """ValueError for a flag that Pointcept's tester has not; `fresh` it is always."""
    for flag in ("fast", "probabilities", "submit"):
        if getattr(options, flag):
            raise ValueError(f"--{flag} is not for Pointcept's engine: use -e standalone")


def train_worker(config: Any) -> None:
    """One process of Pointcept's training."""
    config = default_setup(config)
    TRAINERS.build({"type": config.train.type, "cfg": config}).train()


def test_worker(config: Any) -> None:
    """One process of Pointcept's test."""
    config = default_setup(config)
    TESTERS.build({**config.test, "cfg": config}).test()


def start(worker: Callable[[Any], None], config: Config, layout: Layout) -> None:
    """Run `worker` on Pointcept's form of the config, in a process for each GPU."""
    launch(
        worker,
        num_gpus_per_machine=layout.devices,
        num_machines=layout.machines,
        machine_rank=int(os.environ.get("NODE_RANK", "0")),
        dist_url=meeting_point(layout),
        cfg=(as_pointcept(config),),
    )


def as_pointcept(config: Config) -> Any:
    """The config read by Pointcept itself, which writes it to the run's folder unless it is resumed."""
    for hook in config.hooks:
        if hook.type == "CheckpointLoader":
            hook.setdefault("strict", True)  # or weights of another network would be passed over in silence
    if config.backend != "auto":
        config.model.backbone.backend = config.backend
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "config.py")
        dump_config(config, file)
        return default_config_parser(str(file), None)


def gpu_layout(devices: int | None, machines: int) -> Layout:
    """Where the processes run; ValueError where a launcher has started them, which Pointcept does itself."""
    if "LOCAL_RANK" in os.environ:
        raise ValueError("-e pointcept starts its own processes: leave torchrun away, give -g and -m instead")
    return resolve_layout(devices, machines)


def meeting_point(layout: Layout) -> str:
    """Where the processes of several machines find each other."""
    if layout.machines == 1:
        return "auto"
    return f"tcp://{os.environ['MASTER_ADDR']}:{os.environ['MASTER_PORT']}"


def drop_predictions(folder: RunFolder) -> None:
    """Delete earlier predictions, which Pointcept's tester would take for its own, whatever the weights."""
    stale = list(folder.result.glob("*_pred.npy"))
    for file in stale:
        file.unlink()
    if stale:
        logger.warning("%d predictions of an earlier test in %s are replaced", len(stale), folder.result)
