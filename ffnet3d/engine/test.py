"""Testing: every original point gets the label that all views and fragments of its scene vote for."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from ffnet3d.data.datasets import SceneDataset
from ffnet3d.data.fragments import TestScene
from ffnet3d.engine.build import build_dataset, build_network
from ffnet3d.engine.checkpoint import load_weights
from ffnet3d.engine.config import Config, validate_config
from ffnet3d.engine.config_check import warn_of_colors
from ffnet3d.engine.distributed import launch, resolve_layout
from ffnet3d.engine.evaluate import reduce_confusion
from ffnet3d.engine.logs import setup_logging
from ffnet3d.engine.memory import keep_freed_memory
from ffnet3d.engine.metrics import ConfusionMatrix, Scores
from ffnet3d.engine.progress import progress
from ffnet3d.engine.result_files import (
    SceneRecord,
    class_names,
    discard_results,
    save_display,
    save_labels,
    write_summary,
)
from ffnet3d.engine.run_folder import RunFolder
from ffnet3d.engine.voting import vote
from ffnet3d.models import fuse
from ffnet3d.registry import require

if TYPE_CHECKING:
    from lightning_fabric import Fabric

logger = logging.getLogger(__name__)

DISPLAY_SCENES = 3


@dataclass  # not frozen: Fabric takes results between processes apart, and puts them together again
class TestResult:
    """Where a test's results are (test.json), and its main scores."""

    __test__ = False  # for pytest: this is no test class

    file: Path
    miou: float  # mean over all classes, absent ones count 0
    miou_present: float
    macc: float
    allacc: float


def test(
    config: Config,
    weight: str | Path | None = None,  # noqa: PT028
    devices: int | None = None,  # noqa: PT028
    machines: int = 1,  # noqa: PT028
) -> TestResult:
    """Test a checkpoint (`config.weight` by default) on data.test; results go to `config.save_path`/result.

    devices, machines: see `ffnet3d.engine.distributed`. Raises ValueError for a config, checkpoint or scene
    that is not right.
    """
    validate_config(config)
    weight = weight or config.weight
    if weight is None:
        raise ValueError("no checkpoint to test: give one (-w, or weight=...)")
    check_report(config)
    result: TestResult = launch(resolve_layout(devices, machines), test_process, config, Path(weight))
    return result


def test_process(fabric: Fabric, config: Config, weight: Path) -> TestResult:
    """One process of a test: load the checkpoint, then test this process's scenes."""
    if fabric.device.type == "cpu":
        keep_freed_memory()
    folder = RunFolder(Path(config.save_path))
    folder.create()
    setup_logging(folder.root / "test.log", fabric.is_global_zero)
    for warning in warn_of_colors(config):
        logger.warning(warning)
    config.seed = fabric.broadcast(config.seed or 0)
    network = build_network(config, fabric)
    load_weights(network, weight)
    result = run_test(network, config, fabric, weight)
    write_report(folder, config, fabric)
    return result


def run_test(network: nn.Module, config: Config, fabric: Fabric, weight: Path) -> TestResult:
    """Test a loaded network (not wrapped for DDP) with all processes of `fabric`, in float32.

    The network itself stays as it is; a fused copy predicts, see `ffnet3d.models.fuse`.
    Writes result/NAME_pred.npy (int64 [N], one label for every point on disk) for each scene, arrays to show
    three of them, and result/test.json. Former predictions are replaced, never read.
    """
    network = fuse(network)
    folder = RunFolder(Path(config.save_path))
    dataset = build_dataset(config, "test")
    if fabric.is_global_zero:
        discard_results(folder)
    fabric.barrier()
    confusion = ConfusionMatrix(config.data.num_classes, config.data.ignore_index)
    records = test_scenes(network, dataset, fabric, folder, confusion)
    reduce_confusion(confusion, fabric)
    merged = gather(records, fabric)
    scores = confusion.scores()
    if fabric.is_global_zero:
        log_scores(scores, class_names(config))
        write_summary(folder, config, weight, confusion, merged)
    fabric.barrier()
    return TestResult(folder.test_summary, scores.miou, scores.miou_present, scores.macc, scores.allacc)


def check_report(config: Config) -> None:
    """ImportError, before any work, where the report that the config wants cannot be drawn."""
    if config.report:
        require("matplotlib", "view")


def check_test_data(config: Config) -> None:
    """ValueError, before any work, where the scenes that a run ends by testing are not there."""
    if not build_dataset(config, "test").test_mode:
        raise ValueError("data.test: needs test_mode=True and a test_cfg")


def write_report(folder: RunFolder, config: Config, fabric: Fabric) -> None:
    """Write result/report.html of the run where the config wants it (rank 0)."""
    if config.report and fabric.is_global_zero:
        from ffnet3d.engine.report import build_report

        logger.info("Report: %s", build_report(folder.root))


def test_scenes(
    network: nn.Module, dataset: SceneDataset, fabric: Fabric, folder: RunFolder, confusion: ConfusionMatrix
) -> dict[int, SceneRecord]:
    """Label this process's share of the scenes, write the labels, count them into `confusion`."""
    shown = set(np.linspace(0, len(dataset) - 1, min(DISPLAY_SCENES, len(dataset))).astype(int).tolist())
    records = {}
    for index in progress(range(fabric.global_rank, len(dataset), fabric.world_size), "test", fabric):
        start = time.perf_counter()
        scene = dataset.test_scene(index)
        labels = vote(network, scene, confusion.num_classes, fabric.device)
        save_labels(folder, scene, labels)
        if index in shown:
            save_display(folder, scene, labels, confusion.ignore_index)
        records[index] = score_scene(scene, labels, confusion, time.perf_counter() - start)
    return records


def score_scene(scene: TestScene, labels: np.ndarray, total: ConfusionMatrix, seconds: float) -> SceneRecord:
    """Count a scene into `total`, and say how it went."""
    confusion = ConfusionMatrix(total.num_classes, total.ignore_index)
    confusion.update(torch.from_numpy(labels), torch.from_numpy(scene.segment.astype(np.int64)))
    total.add(confusion)
    scores = confusion.scores()
    record = SceneRecord(
        scene.name, len(labels), scene.num_views, scores.miou_present, scores.allacc, round(seconds, 3)
    )
    logger.info(
        "Test: %s, %d points, mIoU (present) %.4f, allAcc %.4f, %.1f s",
        record.name,
        record.points,
        record.mIoU_present,
        record.allAcc,
        record.seconds,
    )
    return record


def gather(records: Mapping[int, SceneRecord], fabric: Fabric) -> list[SceneRecord]:
    """The scenes of all processes, in the order of the data set; the same on every process."""
    parts: list[Any] = [records]
    if fabric.world_size > 1:
        parts = [None] * fabric.world_size
        torch.distributed.all_gather_object(parts, dict(records))
    merged = {index: record for part in parts for index, record in part.items()}
    return [merged[index] for index in sorted(merged)]


def log_scores(scores: Scores, names: Sequence[str]) -> None:
    """Log the means, and each class's IoU and accuracy; without labelled points there are none."""
    if not sum(scores.support):
        logger.info(
            "Test result: no point of these scenes is labelled, so there are predictions but no scores"
        )
        return
    logger.info(
        "Test result: mIoU %.4f (present classes %.4f), mAcc %.4f, allAcc %.4f",
        scores.miou,
        scores.miou_present,
        scores.macc,
        scores.allacc,
    )
    for name, iou, acc, support in zip(names, scores.iou, scores.acc, scores.support, strict=True):
        logger.info("  %-20s IoU %.4f, accuracy %.4f, %d points", name, iou, acc, support)
