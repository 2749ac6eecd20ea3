"""Measure a run under each corruption and severity, keeping each result as soon as it is there."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

from torch import nn

from ffnet3d.analysis.robustness.corruptions import Corruption
from ffnet3d.analysis.robustness.record import (
    Condition,
    Measurement,
    changes,
    condition_key,
    read_measurement,
    shared_key,
    write_measurement,
)
from ffnet3d.analysis.robustness.result import RunResult
from ffnet3d.analysis.robustness.scenes import clean_scenes, corrupted_scenes, find_skipped
from ffnet3d.data.datasets import SceneDataset
from ffnet3d.data.loader import build_loader
from ffnet3d.engine.build import loading, pyramid_plan
from ffnet3d.engine.config import Config, validate_config
from ffnet3d.engine.distributed import launch, resolve_layout
from ffnet3d.engine.evaluate import evaluate
from ffnet3d.engine.logs import setup_logging
from ffnet3d.engine.memory import keep_freed_memory
from ffnet3d.engine.progress import progress
from ffnet3d.engine.provenance import counted
from ffnet3d.engine.test import trained_network
from ffnet3d.engine.testing.keys import hash_weights

if TYPE_CHECKING:
    from lightning_fabric import Fabric

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Trial:
    """A run to measure, and under what."""

    name: str
    config: Config
    weights: Path
    folder: Path  # of its records and log
    corruptions: tuple[Corruption, ...]
    severities: tuple[int, ...]
    seed: int = 0
    rooms: int | None = None  # None: all
    part: str = "test"


@dataclass(frozen=True)
class Ready:
    """A network and its scenes."""

    fabric: Fabric
    network: nn.Module
    dataset: SceneDataset
    corruptions: tuple[Corruption, ...]  # of what is there
    skipped: Mapping[str, str]  # corruption -> why it is left out
    shared: Mapping[str, str]  # part of the key of every record


def measure(trial: Trial) -> RunResult:
    """The scores of a run under all conditions, in this process; records that still hold are not made again.

    Each scene is predicted in one pass, as in a validation: float32, no test-time views, no votes. Raises
    ValueError for a config, checkpoint or scene that is not right, and where nothing can be corrupted.
    """
    validate_config(trial.config)
    process = partial(measure_process, trial=trial)  # Fabric takes arguments apart
    return cast(RunResult, launch(resolve_layout(1, 1), process))


def check(trial: Trial) -> list[str]:
    """The names of the scenes of a run that can be measured; ValueError naming the run where it cannot.

    What fails here would fail in `measure`; no network runs.
    """
    try:
        validate_config(trial.config)
        return cast(list[str], launch(resolve_layout(1, 1), partial(check_process, trial=trial)))
    except ValueError as error:
        raise ValueError(f"-n {trial.name}: {error}") from error


def check_process(fabric: Fabric, trial: Trial) -> list[str]:
    """Load scenes and network, and leave them."""
    return scene_names(prepare(fabric, trial).dataset)


def measure_process(fabric: Fabric, trial: Trial) -> RunResult:
    """Load the network, then go through the conditions."""
    if fabric.device.type == "cpu":
        keep_freed_memory()
    setup_logging(trial.folder / "robustness.log")
    ready = prepare(fabric, trial)
    for name, reason in ready.skipped.items():
        logger.info("Corruption %s is left out: %s", name, reason)
    clean, *measured = measure_all(trial, ready, conditions_of(ready.corruptions, trial.severities))
    return RunResult(
        name=trial.name,
        weights=trial.weights.name,
        part=trial.part,
        scenes=tuple(scene_names(ready.dataset)),
        seed=trial.seed,
        clean=clean,
        measured=tuple(measured),
        skipped=ready.skipped,
    )


def prepare(fabric: Fabric, trial: Trial) -> Ready:
    """Scenes and network of a run; ValueError where they are not right, or nothing can be corrupted."""
    config = trial.config
    config.seed = config.seed or 0
    dataset = clean_scenes(config, trial.part, trial.rooms)
    skipped = find_skipped(dataset, config, trial.corruptions)
    corruptions = tuple(corruption for corruption in trial.corruptions if corruption.name not in skipped)
    if not corruptions:
        raise ValueError(
            "--corruption: nothing is left to measure, "
            + "; ".join(f"{name}: {reason}" for name, reason in skipped.items())
        )
    network = trained_network(config, fabric, trial.weights)
    shared = shared_key(hash_weights(network), config, dataset)
    return Ready(fabric, network, dataset, corruptions, skipped, shared)


def scene_names(dataset: SceneDataset) -> list[str]:
    """The names of its scenes, in their order."""
    return [dataset.scene_name(folder) for folder in dataset.scenes]


def conditions_of(corruptions: Sequence[Corruption], severities: Sequence[int]) -> list[Condition]:
    """The clean scenes, and each corruption at each severity."""
    return [Condition(), *(Condition(kind, severity) for kind in corruptions for severity in severities)]


def measure_all(trial: Trial, ready: Ready, conditions: Sequence[Condition]) -> list[Measurement]:
    """The measurements under all conditions, in their order: former ones where they hold, else new ones."""
    records = trial.folder / "records"
    keys = [condition_key(ready.shared, condition, trial.seed) for condition in conditions]
    kept = find_kept(records, conditions, keys)
    todo = [number for number in range(len(conditions)) if number not in kept]
    try:
        for number in progress(todo, f"robustness of {trial.name}", ready.fabric):
            kept[number] = measure_one(trial, ready, conditions[number], keys[number])
            write_measurement(conditions[number].file(records), kept[number])
    except KeyboardInterrupt:
        message = "Interrupted: %d of %s kept; the same command measures the others"
        logger.warning(message, len(kept), counted(len(conditions), "condition"))
        raise
    return [kept[number] for number in range(len(conditions))]


def find_kept(
    records: Path, conditions: Sequence[Condition], keys: Sequence[Mapping[str, str]]
) -> dict[int, Measurement]:
    """Former measurements with the same key, by the condition's number; says what does not hold, and why."""
    kept, stale = {}, Counter[str]()
    for number, (condition, key) in enumerate(zip(conditions, keys, strict=True)):
        former = read_measurement(condition.file(records))
        if former is None:
            continue
        if different := changes(key, former.key):
            stale[f"other {' and '.join(different)}"] += 1
        else:
            kept[number] = former
    if kept:
        logger.info("%d of %s kept, measured before", len(kept), counted(len(conditions), "condition"))
    if stale:
        reasons = ", ".join(f"{reason} ({count})" for reason, count in stale.items())
        logger.info("Former results are measured again: %s", reasons)
    return kept


def measure_one(trial: Trial, ready: Ready, condition: Condition, key: Mapping[str, str]) -> Measurement:
    """Evaluate the network on the scenes under one condition."""
    config, fabric, dataset = trial.config, ready.fabric, ready.dataset
    if condition.corruption is not None:
        dataset = corrupted_scenes(dataset, config, condition.corruption, condition.severity, trial.seed)
    plan = pyramid_plan(ready.network, fabric.device)
    loader = build_loader(
        dataset, config.batch_size_val or 1, seed=config.seed, plan=plan, **loading(config, fabric)
    )
    start = time.perf_counter()
    scores = evaluate(ready.network, loader, fabric, config.data.num_classes, config.data.ignore_index).scores
    seconds = round(time.perf_counter() - start, 3)
    logger.info(
        "%s, severity %d: mIoU %.4f, %.1f s", condition.name, condition.severity, scores.miou, seconds
    )
    return Measurement(condition.name, condition.severity, condition.level, scores.as_dict(), seconds, key)
