"""An ablation from a request to its page: the jobs that are not done yet, each in a process of its own."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ffnet3d.analysis.ablation.budget import Budget
from ffnet3d.analysis.ablation.figure import draw
from ffnet3d.analysis.ablation.jobs import Failure, Job, Record, failure, make_jobs, run_job
from ffnet3d.analysis.ablation.page import FIGURE, brief, write_ablation
from ffnet3d.analysis.ablation.summary import Ablation, make_table
from ffnet3d.analysis.ablation.variants import Variant, choose_variants
from ffnet3d.bench.measure import Machine, describe_machine
from ffnet3d.engine.build import build_dataset
from ffnet3d.engine.config import Config, load_config, validate_config
from ffnet3d.engine.launch import find_config, prepare_demo, with_data_root
from ffnet3d.engine.logs import setup_logging
from ffnet3d.engine.provenance import counted
from ffnet3d.processes import Lost, run_each, usable_cores
from ffnet3d.registry import require

logger = logging.getLogger(__name__)

OWN_CONFIG, CONFIG = "ffnet3d-ablation", "ffnet3d-tiny"  # the second for data sets without the first
JOBS = "jobs"  # folder of the records


@dataclass(frozen=True)
class AblationRequest:
    """What `ffnet3d ablate` was asked for."""

    dataset: str
    out: Path
    budgets: tuple[Budget, ...]
    config: str | None = None  # name in configs/DATASET, or a file
    variants: tuple[str, ...] | None = None  # all by default
    seeds: int = 3
    workers: int | None = None  # jobs at once; None: one a usable core
    data_root: Path | None = None
    overrides: tuple[str, ...] = ()


@dataclass(frozen=True)
class Told:
    """What the command says in the end."""

    text: str
    failed: bool  # whether a job has no record


def run_ablation(request: AblationRequest) -> Told:
    """Do the jobs without a record, then write ablation.json, .md and .png into `request.out`.

    Interrupted, it writes them of the records that there are. Raises ValueError for an unknown variant, a
    config that is not right, or numbers below 1.
    """
    workers = usable_cores() if request.workers is None else request.workers
    for name, number in (("seeds", request.seeds), ("workers", workers)):
        if number < 1:
            raise ValueError(f"--{name} must be 1 or more, not {number}")
    variants = choose_variants(request.variants)
    config, name = base_config(request)
    setup_logging(None)
    prepare_demo(request.dataset, config)
    estimate_normals(config)
    jobs = make_jobs(config, variants, request.budgets, request.seeds, request.out / JOBS)
    require("matplotlib", "view")  # before hours of training
    try:
        results = list(do_jobs(jobs, workers))
    except KeyboardInterrupt:
        keep_tables(request, name, variants, jobs)
        raise
    return finish(request, name, variants, results)


def keep_tables(
    request: AblationRequest, config: str, variants: Sequence[Variant], jobs: Sequence[Job]
) -> None:
    """The files of an ablation that was stopped, from the records that there are; says how many."""
    records = [Record.from_file(job.file) for job in jobs if job.file.is_file()]
    if records:
        finish(request, config, variants, records, missing=len(jobs) - len(records))
    written = f", their tables are in {request.out}" if records else ""
    message = "Interrupted: %d of %s kept%s; the same command does the others"
    logger.warning(message, len(records), counted(len(jobs), "training"), written)


def base_config(request: AblationRequest) -> tuple[Config, str]:
    """The config that the variants change, checked, and its name; ValueError where it is not right."""
    file = find_config(request.dataset, request.config or default_config(request.dataset))
    config = with_data_root(load_config(file, request.overrides), request.data_root)
    validate_config(config)
    if config.weight is not None:
        raise ValueError(f"weight={config.weight!r}: an ablation trains from scratch; leave it out")
    if "val" not in config.data:
        raise ValueError(f"{file} has no data.val: an ablation is scored on its scenes")
    return config, file.stem


def default_config(dataset: str) -> str:
    """The data set's config for ablations, the small network's where it has none."""
    try:
        find_config(dataset, OWN_CONFIG)
    except ValueError:
        return CONFIG
    return OWN_CONFIG


def estimate_normals(config: Config) -> None:
    """Have the normals of scenes without them estimated and kept: no job's time shall hold that."""
    bar = require("tqdm", "train").tqdm
    for part in ("train", "val"):
        dataset = build_dataset(config, part)
        file = f"{dataset.assets['normal']}.npy"
        lacking = [index for index, scene in enumerate(dataset.scenes) if not (scene / file).is_file()]
        for index in bar(lacking, desc=f"normals of data.{part}", disable=None, leave=False):
            dataset.read(index)


def do_jobs(jobs: Sequence[Job], workers: int) -> Iterator[Record | Failure]:
    """The outcomes of all jobs: records that are there already first, then the others as they come."""
    todo = [job for job in jobs if not job.file.is_file()]
    done = [job.file for job in jobs if job.file.is_file()]
    yield from map(Record.from_file, done)
    if done:
        logger.info("%d of %s kept, done before", len(done), counted(len(jobs), "training"))
    with require("tqdm", "train").tqdm(total=len(todo), desc="ablate", unit="job", disable=None) as bar:
        for job, result in run_each(run_job, todo, min(workers, len(todo)), fresh=True):
            outcome = failure(job, str(result)) if isinstance(result, Lost) else result
            logger.info("%s: %s", job.name, outcome_text(outcome))
            bar.update()
            yield outcome


def outcome_text(outcome: Record | Failure) -> str:
    """A job's outcome in a line of the log."""
    if isinstance(outcome, Failure):
        return f"failed, {outcome.reason}"
    return f"mIoU {outcome.miou:.4f} after {outcome.steps} steps in {outcome.seconds:.1f} CPU s"


def finish(
    request: AblationRequest,
    config: str,
    variants: Sequence[Variant],
    results: Sequence[Record | Failure],
    missing: int = 0,
) -> Told:
    """Write the files, of an ablation that lacks so many trainings; what to tell."""
    records = [result for result in results if isinstance(result, Record)]
    ablation = Ablation(
        dataset=request.dataset,
        config=config,
        seeds=request.seeds,
        machine=machine_text(describe_machine()),
        tables=tuple(make_table(budget, variants, records) for budget in request.budgets),
        failures=tuple(result for result in results if isinstance(result, Failure)),
        missing=missing,
    )
    files = write_ablation(ablation, request.out)
    if records:
        files.append(request.out / FIGURE)
        draw(ablation, files[-1])
    paths = "\n".join(map(str, files))
    return Told("\n\n".join([*brief(ablation), paths]), bool(ablation.failures))


def machine_text(machine: Machine) -> str:
    """The machine in a line; the threads of this process are left out, a training has one."""
    versions = ", ".join(f"{name} {version}" for name, version in machine.versions.items())
    return (
        f"{machine.processor}, {counted(machine.cores, 'core')}, {machine.memory / 2**30:.0f} GiB, "
        f"{machine.capability}; {versions}, Python {machine.python}, {machine.system}"
    )
