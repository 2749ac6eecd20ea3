"""Prepares the scenes of a data set: in parallel, resumable, each whole or not there.

A scene that is there and was made from the same sources in the same way is kept. A broken scan is reported
and stops no other.
"""

from __future__ import annotations

import logging
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, TypeAlias

from ffnet3d.data.prepare.job import Make, Options, SceneJob
from ffnet3d.data.prepare.manifest import write_manifest
from ffnet3d.data.prepare.places import claim
from ffnet3d.data.prepare.record import (
    fingerprint,
    make_record,
    read_record,
    record_file,
    write_record,
)
from ffnet3d.data.scene import write_scene
from ffnet3d.processes import Lost, run_each
from ffnet3d.registry import require

logger = logging.getLogger(__name__)

State = Literal["prepared", "skipped", "failed"]

Say: TypeAlias = Callable[[str], None]
"""Takes a line on what is being done."""


@dataclass(frozen=True)
class Outcome:
    """What became of a scene: made now, there already, or failed for a `reason`.

    `kept` tells of a failed scene whose folder is there from an earlier preparation.
    """

    job: SceneJob
    state: State
    repairs: tuple[str, ...] = ()
    reason: str = ""
    kept: str = ""

    @property
    def message(self) -> str:
        """Reason, and what is there all the same."""
        return self.reason + self.kept

    @property
    def portable_reason(self) -> str:
        """The reason with all paths relative to the source, as the manifest has it."""
        text = self.reason
        for file in self.job.sources:
            text = text.replace(str(file), self.job.shown(file))
        root = str(self.job.source_root)
        return text if root == "." else text.replace(f"{root}/", "")


@dataclass(frozen=True)
class Summary:
    """What a preparation did: an outcome a scene, in the jobs' order, the manifest's file, and notes."""

    outcomes: tuple[Outcome, ...]
    manifest: Path
    notes: tuple[str, ...] = ()

    def of(self, state: State, split: str | None = None) -> list[Outcome]:
        """The outcomes of that state, of one split or of all."""
        return [one for one in self.outcomes if one.state == state and split in (None, one.job.split)]

    @property
    def splits(self) -> list[str]:
        """Names of the splits, sorted."""
        return sorted({one.job.split for one in self.outcomes})


def prepare(
    jobs: Sequence[SceneJob],
    make: Make,
    target_root: str | Path,
    *,
    dataset: str,
    version: int,
    options: Options | None = None,
    workers: int = 1,
    say: Say = logger.info,
) -> Summary:
    """Write every job's scene below `target_root`, and `manifest.json`.

    Args:
        jobs: scenes to prepare, each with a target of its own.
        make: makes a scene's arrays; it runs in the workers.
        target_root: a new or empty folder, or one that an earlier preparation of this data set has begun.
        dataset: name of the data set, for the manifest.
        version: of the preparation; raise it when the arrays change, and all scenes are made again.
        options: what else the arrays depend on.
        workers: processes; 0 works in this one.
        say: told how many scenes are to do.

    Raises ValueError, before any work, for a target that holds something else and for jobs that share one.
    """
    root = Path(target_root)
    _check_targets(jobs)
    claim(root, dataset)
    work = partial(_outcome, make=make, root=root, version=version, options=options or {})
    finished = {job.target: _already(job, root, version, options or {}) for job in jobs}
    todo = [job for job in jobs if finished[job.target] is None]
    there = sum(one is not None and one.state == "skipped" for one in finished.values())
    say(f"{dataset}: {len(todo)} scenes to prepare, {there} there already")
    with require("tqdm", "train").tqdm(total=len(todo), desc=f"prepare {dataset}", disable=None) as bar:
        for job, result in run_each(work, todo, min(workers, len(todo))):
            finished[job.target] = _failed(job, str(result), root) if isinstance(result, Lost) else result
            bar.update()
    outcomes = tuple(outcome for job in jobs if (outcome := finished[job.target]) is not None)
    failed = {one.job.target: one.portable_reason for one in outcomes if one.state == "failed"}
    return Summary(outcomes, write_manifest(root, dataset, failed))


def _check_targets(jobs: Sequence[SceneJob]) -> None:
    taken: dict[Path, SceneJob] = {}
    for job in jobs:
        other = taken.setdefault(job.target, job)
        if other is not job:
            raise ValueError(
                f"two scans would be written to {job.target}: {job.sources[:1]} and {other.sources[:1]}; "
                "move one of them out of the source folder"
            )


def _already(job: SceneJob, root: Path, version: int, options: Options) -> Outcome | None:
    """The outcome of a scene that needs no work; else None, and the scene counts as not there."""
    record = read_record(root, job.target)
    try:
        if record is not None and record["fingerprint"] == fingerprint(job, version, options):
            return Outcome(job, "skipped", tuple(record["scene"]["repairs"]))
    except OSError as error:
        return _failed(job, str(error), root)
    record_file(root, job.target).unlink(missing_ok=True)
    return None


def _outcome(job: SceneJob, *, make: Make, root: Path, version: int, options: Options) -> Outcome:
    """Make a scene and write it; a mistake of whatever kind is the outcome of this scene alone."""
    try:
        key = fingerprint(job, version, options)  # taken first: a source that changes meanwhile shows later
        prepared = make(job)
        folder = root / job.target
        _clear_leftovers(folder)
        write_scene(folder, prepared.arrays)
        record = make_record(job, prepared, folder, key, version, options)
        write_record(record_file(root, job.target), record)
    except (ValueError, OSError) as error:
        return _failed(job, str(error), root)
    except Exception as error:
        logger.debug("%s failed", job.name, exc_info=error)
        sources = ", ".join(map(str, job.sources[:3]))
        return _failed(job, f"{type(error).__name__}: {error} (in {sources})", root)
    return Outcome(job, "prepared", prepared.repairs)


def _clear_leftovers(folder: Path) -> None:
    """Remove what killed runs have left of this scene: folders named by `write_scene`."""
    name = re.compile(rf"\.{re.escape(folder.name)}\.[a-z0-9_]{{8}}")
    for path in folder.parent.glob(".*") if folder.parent.is_dir() else ():
        if name.fullmatch(path.name):
            shutil.rmtree(path, ignore_errors=True)


def _failed(job: SceneJob, reason: str, root: Path) -> Outcome:
    folder = root / job.target
    kept = f"; {folder}, of an earlier preparation, stays as it was" if folder.exists() else ""
    return Outcome(job, "failed", reason=reason, kept=kept)
