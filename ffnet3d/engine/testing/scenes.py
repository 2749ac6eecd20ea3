"""Labelling the scenes of a test with all processes, each scene once, and none that is done already."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch import nn

from ffnet3d.data.datasets import SceneDataset
from ffnet3d.data.fragment_stream import stream_fragments
from ffnet3d.data.loader import worker_init
from ffnet3d.engine.build import build_dataset, loading, pyramid_plan
from ffnet3d.engine.config import Config
from ffnet3d.engine.errors import unwrap_errors
from ffnet3d.engine.memory import return_freed_memory
from ffnet3d.engine.metrics import ConfusionMatrix
from ffnet3d.engine.progress import progress
from ffnet3d.engine.provenance import device_name
from ffnet3d.engine.testing.files import save_display, save_labels, save_probabilities
from ffnet3d.engine.testing.folder import ResultFolder
from ffnet3d.engine.testing.kept import Kept, find_kept
from ffnet3d.engine.testing.keys import SceneKey, hash_file, scene_keys
from ffnet3d.engine.testing.options import TestOptions
from ffnet3d.engine.testing.scene_record import SceneRecord, write_scene_record
from ffnet3d.engine.testing.voting import Votes, vote
from ffnet3d.models import fuse

if TYPE_CHECKING:
    from lightning_fabric import Fabric

logger = logging.getLogger(__name__)

DISPLAY_SCENES = 3


@dataclass(frozen=True, eq=False)
class TestRun:
    """A test, as one of its processes sees it."""

    network: nn.Module  # fused, in evaluation mode
    config: Config
    dataset: SceneDataset
    keys: Mapping[int, SceneKey]  # by the scene's number
    fabric: Fabric
    options: TestOptions

    @property
    def names(self) -> dict[int, str]:
        """The name of each scene by its number."""
        return {number: self.dataset.scene_name(path) for number, path in enumerate(self.dataset.scenes)}


def prepare_test(network: nn.Module, config: Config, fabric: Fabric, options: TestOptions) -> TestRun:
    """The test of a loaded network on data.test; ValueError where the config has no test there."""
    dataset = build_dataset(config, "test")
    keys = scene_keys(network, config, dataset) if fabric.is_global_zero else []
    keys = fabric.broadcast(keys)
    return TestRun(fuse(network), config, dataset, dict(enumerate(keys)), fabric, options)


def look_for_kept(run: TestRun, folder: ResultFolder) -> Kept:
    """What `folder` holds that still stands (for all processes, what rank 0 finds there)."""
    kept = None
    if run.fabric.is_global_zero:
        kept = find_kept(folder, run.names, run.keys, run.options.probabilities)
    return cast(Kept, run.fabric.broadcast(kept))


def label_scenes(
    run: TestRun, folder: ResultFolder, kept: Kept, scenes: Sequence[int], once: bool = False
) -> dict[int, SceneRecord]:
    """Label those of the scenes that are not kept; the records of all of them, on every process.

    What does not stand any more is discarded first. `once`: each voxel is predicted once.
    """
    if run.options.fresh:
        kept = kept.given_up("as --fresh asks")
    todo = [number for number in scenes if number not in kept.records]
    if run.fabric.is_global_zero and len(todo) < len(scenes):
        logger.info(
            "%d of %d scenes were tested before with the same weights, config and code: kept; --fresh tests "
            "them again",
            len(scenes) - len(todo),
            len(scenes),
        )
    if todo or kept.stale:
        discard_stale(run, folder, kept)
    mine = todo[run.fabric.global_rank :: run.fabric.world_size]
    try:
        records = predict(run, folder, mine, once)
    except KeyboardInterrupt:
        if run.fabric.is_global_zero:
            done = len(folder.recorded() & {run.names[number] for number in scenes})
            message = "Interrupted: %d of %d scenes are tested and kept; the same command tests the others"
            logger.warning(message, done, len(scenes))
        raise
    merged = gather({**kept.records, **records}, run.fabric)
    return {number: merged[number] for number in scenes}


def discard_stale(run: TestRun, folder: ResultFolder, kept: Kept) -> None:
    """Discard the results that do not stand (rank 0)."""
    if run.fabric.is_global_zero:
        if kept.stale:
            logger.info("Former results in %s are discarded: %s", folder.root, kept.describe_stale())
        folder.discard_whole()
        folder.discard_scenes([record.name for record in kept.records.values()])
    run.fabric.barrier()


def predict(run: TestRun, folder: ResultFolder, scenes: Sequence[int], once: bool) -> dict[int, SceneRecord]:
    """Label scenes one after the other and write what is known of each; the records by number."""
    device, classes = run.fabric.device, run.config.data.num_classes
    parts = stream_fragments(
        run.dataset,
        scenes,
        num_workers=loading(run.config, run.fabric)["num_workers"],
        plan=pyramid_plan(run.network, device),
        once=once,
        worker_start=start_worker,
    )
    wanted = pyramid_plan(run.network, torch.device("cpu"))
    shown = () if once else shown_scenes(len(run.dataset.scenes))
    voted = vote(run.network, unwrap_errors(parts), classes, device, wanted)
    # A map holds on to nothing: the votes of a scene go before those of the next come.
    finished = map(partial(finish_scene, run, folder, shown), voted)
    return dict(progress(finished, "test", run.fabric, total=len(scenes)))


def start_worker(worker: int) -> None:
    """One thread, and no more memory than is in use: the rest belongs to the network."""
    worker_init(worker)
    return_freed_memory()


def shown_scenes(total: int) -> list[int]:
    """Numbers of the scenes that the report shows."""
    return cast(list[int], np.linspace(0, total - 1, min(DISPLAY_SCENES, total)).astype(int).tolist())


def finish_scene(
    run: TestRun, folder: ResultFolder, shown: Sequence[int], votes: Votes
) -> tuple[int, SceneRecord]:
    """Write a scene's results, its record last, and log how it went; its number and record."""
    facts, data = votes.facts, run.config.data
    labels = votes.labels()
    save_labels(folder.labels(facts.name), labels)
    if run.options.probabilities:
        save_probabilities(folder.probabilities(facts.name), votes)
    if votes.scene in shown:
        save_display(folder.display(facts.name), facts, labels, data.ignore_index)
    confusion = ConfusionMatrix(data.num_classes, data.ignore_index)
    confusion.update(torch.from_numpy(labels), torch.from_numpy(facts.segment.astype(np.int64)))
    record = SceneRecord(
        name=facts.name,
        points=len(labels),
        views=facts.num_views,
        seconds=round(votes.seconds, 3),
        confusion=confusion.matrix.numpy(),
        device=device_name(run.fabric.device),
        labels=hash_file(folder.labels(facts.name)),
        key=run.keys[votes.scene].as_dict(),
    )
    write_scene_record(folder.record(facts.name), record)
    log_scene(record)
    return votes.scene, record


def log_scene(record: SceneRecord) -> None:
    """One line on a scene."""
    scores = record.summary()
    logger.info(
        "Test: %s, %d points, mIoU (present) %.4f, allAcc %.4f, %.1f s",
        record.name,
        record.points,
        scores["mIoU_present"],
        scores["allAcc"],
        record.seconds,
    )


def gather(records: Mapping[int, SceneRecord], fabric: Fabric) -> dict[int, SceneRecord]:
    """The records of all processes, each scene once, on every process."""
    parts: list[Any] = [records]
    if fabric.world_size > 1:
        parts = [None] * fabric.world_size
        torch.distributed.all_gather_object(parts, dict(records))
    return {number: record for part in parts for number, record in part.items()}
