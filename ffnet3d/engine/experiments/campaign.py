"""Campaigns: runs of one config that differ in a few settings, such as the folds of S3DIS or seeds.

Each is a run of its own in a folder of its own, trained and tested one after another. Called again, a
campaign goes on where it was stopped: finished runs stay, a begun one goes on from its last checkpoint.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from enum import Enum
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from ffnet3d.engine.checkpoint_origin import written_facts
from ffnet3d.engine.config import Config, load_config
from ffnet3d.engine.experiments.json_files import read_json
from ffnet3d.engine.experiments.tested import read_provenance
from ffnet3d.engine.launch import TrainRequest, asked_config
from ffnet3d.engine.logs import setup_logging
from ffnet3d.engine.run_folder import RunFolder

logger = logging.getLogger(__name__)

Start = Callable[[TrainRequest], None]

# Where and how a run computes, not what: these may change when it goes on.
FREE = (
    "*data_root",
    "*backend",
    "hooks.*.strict",
    "save_path",
    "resume",
    "num_worker",
    "log_interval",
    "save_steps",
    "report",
    "empty_cache*",
    "enable_wandb",
    "wandb_*",
)
TEST_HOOK = "PreciseEvaluator"
SHOWN = 6  # differing keys that an error text lists


class State(Enum):
    """How far a run has come."""

    NEW = "not begun"
    BEGUN = "begun"
    FINISHED = "finished"


def run_all(requests: Sequence[TrainRequest], start: Start) -> None:
    """Train and test the runs that are not finished, in order; `start` does one.

    Raises ValueError, before any work, where a run was begun with another config or other overrides.
    """
    setup_logging(None, is_main_process())
    states = [state_of(request.folder) for request in requests]
    for request in requests:
        check_request(request)
    for number, (request, state) in enumerate(zip(requests, states, strict=True), 1):
        logger.info("Run %d of %d, %s: %s", number, len(requests), request.folder.root, state.value)
        if state is not State.FINISHED:
            start(replace(request, resume=state is State.BEGUN))
            setup_logging(None, is_main_process())  # the run's own log ends here


def state_of(folder: RunFolder) -> State:
    """How far a run is; results without checkpoints, brought from elsewhere, are those of a finished one."""
    if is_finished(folder):
        return State.FINISHED
    return State.BEGUN if folder.config.is_file() else State.NEW


def result_file(folder: RunFolder) -> Path | None:
    """test.json, or the record of an area that Pointcept's tester leaves; None where there is neither."""
    files = [folder.test_summary, *sorted(folder.result.glob("Area_*.pth"))]
    return next((file for file in files if file.is_file()), None)


def is_finished(folder: RunFolder) -> bool:
    """Whether the last epoch is done and tested: others may have tested in between."""
    result = result_file(folder)
    if result is None:
        return False
    if not folder.config.is_file() or not folder.model_last.is_file():
        return True
    epochs, _ = written_facts(folder.model_last)
    trained = epochs is not None and epochs >= load_config(folder.config).eval_epoch
    return trained and is_of_present_checkpoint(result, folder)


def is_of_present_checkpoint(result: Path, folder: RunFolder) -> bool:
    """Whether results are of a checkpoint as it is now, not of what it was before training went on."""
    provenance = read_provenance(read_json(result)) if result.suffix == ".json" else None
    if provenance is None:
        return result.stat().st_mtime >= folder.model_last.stat().st_mtime
    tested = folder.model_last.with_name(provenance.checkpoint.file)
    return not tested.is_file() or written_facts(tested)[0] == provenance.checkpoint.epoch


def check_request(request: TrainRequest) -> None:
    """ValueError where a run would not be tested, or was begun with other settings, naming them."""
    asked, folder = asked_config(request), request.folder
    test_hook(asked)
    if not folder.config.is_file():
        return
    begun = load_config(folder.config)
    if asked.seed is None:
        asked.seed = begun.seed  # drawn when the run began
    differing = [key for key in differing_keys(begun, asked) if not any(fnmatch(key, free) for free in FREE)]
    if differing:
        listed = ", ".join(differing[:SHOWN]) + (", ..." if len(differing) > SHOWN else "")
        raise ValueError(
            f"{folder.root} was begun with other settings than this call has ({listed}): "
            "give the same config, weights and overrides, or another name with -n"
        )


def base_name(request: TrainRequest, kind: str) -> str:
    """The campaign's name: as asked, or CONFIG-KIND; ValueError where no config is named."""
    if not request.config:
        raise ValueError(
            "name a config with -c, such as -c ffnet3d: runs are begun with it, or compared with it"
        )
    return request.name or f"{Path(request.config).stem}-{kind}"


def tests_last(config: Config) -> bool:
    """Whether a run ends with a test of its last checkpoint."""
    return any(hook.type == TEST_HOOK and hook.get("test_last", False) for hook in config.hooks)


def last_checkpoint(config: Config) -> str:
    """The override by which a run ends with a test of its last checkpoint, not of the best one."""
    return f"hooks.{test_hook(config)}.test_last=True"


def test_hook(config: Config) -> int:
    """Where the config lists the hook that tests a trained network; ValueError where it does not."""
    types = [hook.type for hook in config.hooks]
    if TEST_HOOK not in types:
        raise ValueError(f"the config's hooks lack {TEST_HOOK}, which tests a trained network: put it back")
    return types.index(TEST_HOOK)


def differing_keys(first: Any, second: Any, place: str = "") -> Iterator[str]:
    """Dotted names of the settings in which two configs differ; lists and tuples of the same are alike."""
    if isinstance(first, Mapping) and isinstance(second, Mapping):
        for key in sorted({*first, *second}):
            there = f"{place}.{key}" if place else str(key)
            if key in first and key in second:
                yield from differing_keys(first[key], second[key], there)
            else:
                yield there
    elif is_list(first) and is_list(second) and len(first) == len(second):
        for index, (one, other) in enumerate(zip(first, second, strict=True)):
            yield from differing_keys(one, other, f"{place}.{index}")
    elif first != second:
        yield place


def is_list(value: Any) -> bool:
    """Whether a config's value is a list or a tuple."""
    return isinstance(value, (list, tuple))


def is_main_process() -> bool:
    """Whether this process is the one that tells and writes, where a launcher has started several."""
    return os.environ.get("RANK", os.environ.get("NODE_RANK", "0")) == "0"
