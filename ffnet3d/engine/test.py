"""Testing: every original point gets the label that all views and fragments of its scene vote for."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import nn

from ffnet3d.engine.build import build_dataset, build_network
from ffnet3d.engine.checkpoint import load_weights
from ffnet3d.engine.config import Config, dump_config, validate_config
from ffnet3d.engine.config_check import warn_of_colors
from ffnet3d.engine.distributed import launch, resolve_layout
from ffnet3d.engine.logs import setup_logging
from ffnet3d.engine.memory import keep_freed_memory
from ffnet3d.engine.provenance import describe_test
from ffnet3d.engine.run_folder import RunFolder
from ffnet3d.engine.submission import write_submission
from ffnet3d.engine.submission_check import benchmark_ids
from ffnet3d.engine.testing.difference import compare, log_difference
from ffnet3d.engine.testing.folder import ResultFolder
from ffnet3d.engine.testing.options import TestOptions
from ffnet3d.engine.testing.scene_record import SceneRecord
from ffnet3d.engine.testing.scenes import TestRun, label_scenes, look_for_kept, prepare_test
from ffnet3d.engine.testing.summary import class_names, log_scores, total_scores, write_areas, write_summary
from ffnet3d.registry import require

if TYPE_CHECKING:
    from lightning_fabric import Fabric

logger = logging.getLogger(__name__)


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
    options: TestOptions = TestOptions(),  # noqa: B008, PT028
) -> TestResult:
    """Test a checkpoint (`config.weight` by default) on data.test; results go to `config.save_path`/result.

    Scenes that were tested before with the same weights, config and code are not tested again.
    devices, machines: see `ffnet3d.engine.distributed`. Raises ValueError for a config, checkpoint or scene
    that is not right.
    """
    validate_config(config)
    weight = weight or config.weight
    if weight is None:
        raise ValueError("no checkpoint to test: give one (-w, or weight=...)")
    check_report(config)
    if options.submit:
        benchmark_ids(config.data.test.type)
    # Fabric takes arguments apart, which frozen dataclasses do not allow.
    process = partial(test_process, options=options)
    result: TestResult = launch(resolve_layout(devices, machines), process, config, Path(weight))
    return result


def test_process(fabric: Fabric, config: Config, weight: Path, options: TestOptions) -> TestResult:
    """One process of a test: load the checkpoint, then test this process's scenes."""
    if fabric.device.type == "cpu":
        keep_freed_memory()
    folder = RunFolder(Path(config.save_path))
    folder.create()
    setup_logging(folder.root / "test.log", fabric.is_global_zero)
    for warning in warn_of_colors(config):
        logger.warning(warning)
    config.seed = fabric.broadcast(config.seed or 0)
    # Only the fused copy of the network stays.
    run = prepare_test(trained_network(config, fabric, weight), config, fabric, options)
    if fabric.is_global_zero and not folder.trained:
        dump_config(config, folder.config)  # that of the last test which could be made
    result = finish_test(run, weight)
    if not options.fast:
        write_report(folder, config, fabric)
    return result


def trained_network(config: Config, fabric: Fabric, weight: Path) -> nn.Module:
    """The config's network with the weights of a checkpoint."""
    network = build_network(config, fabric)
    load_weights(network, weight)
    return network


def run_test(
    network: nn.Module,
    config: Config,
    fabric: Fabric,
    weight: Path,
    options: TestOptions = TestOptions(),  # noqa: B008
) -> TestResult:
    """Test a loaded network (not wrapped for DDP) with all processes of `fabric`, in float32.

    The network itself stays as it is; a fused copy predicts, see `ffnet3d.models.fuse`.
    Writes result/NAME_pred.npy (int64 [N], one label for every point on disk) for each scene, arrays to show
    three of them, result/test.json, and what `options` ask for. See docs/testing.md.
    """
    return finish_test(prepare_test(network, config, fabric, options), weight)


def finish_test(run: TestRun, weight: Path) -> TestResult:
    """Label all scenes, and write and log the scores."""
    folder = ResultFolder(RunFolder(Path(run.config.save_path)).result)
    if run.options.fast:
        return fast_test(run, folder, weight)
    scenes = range(len(run.dataset.scenes))
    records = label_scenes(run, folder, look_for_kept(run, folder), scenes)
    if run.fabric.is_global_zero:
        write_areas(folder, run.dataset, records)
    result = conclude(run, folder, weight, list(records.values()))
    if run.fabric.is_global_zero and run.options.submit:
        points = {record.name: record.points for record in records.values()}
        written = write_submission(folder.root, points, run.config.data.test.type)
        logger.info("Submission: %s", written.describe())
    run.fabric.barrier()
    return result


def fast_test(run: TestRun, full: ResultFolder, weight: Path) -> TestResult:
    """Predict each voxel once, and compare with the full protocol where its results are there."""
    fast, total = ResultFolder(full.root / "fast"), len(run.dataset.scenes)
    kept = look_for_kept(run, full)
    full_records = kept.records
    if run.options.compare:
        if kept.stale and not run.options.fresh:
            raise ValueError(
                f"--compare: {full.root} holds results of another full test ({kept.describe_stale()}), which "
                "it would replace: move them away, or let --fresh discard them"
            )
        full_records = label_scenes(run, full, kept, range(min(run.options.compare, total)))
    records = label_scenes(run, fast, look_for_kept(run, fast), range(total), once=True)
    difference = compare(fast, records, full, full_records)
    result = conclude(run, fast, weight, list(records.values()), difference=difference)
    if run.fabric.is_global_zero:
        log_difference(difference)
    return result


def conclude(
    run: TestRun, folder: ResultFolder, weight: Path, records: Sequence[SceneRecord], **more: Any
) -> TestResult:
    """Write and log the scores of all scenes (rank 0)."""
    scores = total_scores(records)
    if run.fabric.is_global_zero:
        provenance = describe_test(
            run.config,
            weight,
            run.fabric,
            protocol="fast" if run.options.fast else "full",
            views=records[0].views,
            scenes=len(records),
            points=sum(record.points for record in records),
            scored=sum(scores.support),
            devices=[record.device for record in records],
        )
        write_summary(folder.summary, run.config, weight, records, provenance, **more)
        log_scores(scores, class_names(run.config), provenance)
    run.fabric.barrier()
    return TestResult(folder.summary, scores.miou, scores.miou_present, scores.macc, scores.allacc)


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
