"""The jobs of an ablation: one variant, trained with one seed on one budget, and scored."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ffnet3d.analysis.ablation.budget import Budget
from ffnet3d.analysis.ablation.training import train_within
from ffnet3d.analysis.ablation.variants import Variant
from ffnet3d.bench.measure import peak_bytes
from ffnet3d.engine.build import build_val_loader
from ffnet3d.engine.code_version import code_version
from ffnet3d.engine.config_file import plain
from ffnet3d.engine.distributed import Layout, build_fabric
from ffnet3d.engine.evaluate import evaluate
from ffnet3d.engine.experiments.json_files import read_json, write_text
from ffnet3d.engine.memory import keep_freed_memory

if TYPE_CHECKING:
    from ffnet3d.engine.config import Config

DIGITS = 8  # of a job's key, in its file's name


@dataclass(frozen=True)
class Job:
    """A training to do: all that its record depends on, and where that goes."""

    variant: str
    budget: Budget
    seed: int
    config: Config  # of this variant and seed
    folder: Path

    @property
    def name(self) -> str:
        """Names the job to people."""
        return f"{self.variant}, {self.budget}, seed {self.seed}"

    @property
    def file(self) -> Path:
        """The record's; another config or another code has another one."""
        config, budget = plain(self.config, "config"), asdict(self.budget)
        facts = {"config": config, "budget": budget, "code": code_version()}
        key = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:DIGITS]
        place = f"{self.variant}-{self.budget.amount:g}{self.budget.kind}-seed{self.seed}"
        return self.folder / f"{place}-{key}.json"


@dataclass(frozen=True)
class Record:
    """What a job has come to."""

    variant: str
    budget: Budget
    seed: int
    code: str  # see `code_version`
    parameters: int  # of the backbone and the head
    steps: int  # optimizer steps reached
    seconds: float  # CPU time of the training
    loss: float  # of the last step
    miou: float  # over the present classes, 0 to 1
    allacc: float
    iou: tuple[float, ...]  # of each class; 0 where it is not present
    peak: int  # bytes, largest resident size of the process
    classes: tuple[str, ...] = ()

    @property
    def seconds_per_step(self) -> float:
        """CPU seconds a step, loading included."""
        return self.seconds / self.steps

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return asdict(self)

    @classmethod
    def from_file(cls, file: Path) -> Record:
        """What `run_job` wrote; ValueError naming the file where it is something else."""
        values: Mapping[str, Any] = read_json(file)
        try:
            lists = {name: tuple(values[name]) for name in ("iou", "classes")}
            return cls(**{**values, **lists, "budget": Budget(**values["budget"])})
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"{file} is no record of an ablation ({error}): delete it, and call again"
            ) from error


@dataclass(frozen=True)
class Failure:
    """Why a job has no record."""

    job: str
    variant: str
    budget: Budget
    reason: str


def make_jobs(
    config: Config, variants: Sequence[Variant], budgets: Sequence[Budget], seeds: int, folder: Path
) -> list[Job]:
    """All jobs, seed by seed, so that a run that is stopped has whole tables of the first seeds.

    The seeds count up from the config's (0 where it has none).
    """
    first = config.seed or 0
    return [
        Job(variant.name, budget, seed, job_config(config, variant, seed), folder)
        for seed in range(first, first + seeds)
        for budget in budgets
        for variant in variants
    ]


def job_config(config: Config, variant: Variant, seed: int) -> Config:
    """The config of a job: loading happens in its one process, so that its time counts."""
    changed = variant.apply(config)
    changed.update(seed=seed, num_worker=0)
    return changed


def run_job(job: Job) -> Record | Failure:
    """Do a job on one thread and write its record; whatever goes wrong is told, not raised."""
    torch.set_num_threads(1)
    keep_freed_memory()
    try:
        record = make_record(job)
        write_text(job.file, json.dumps(record.as_dict(), indent=1))
    except Exception as error:
        return failure(job, f"{type(error).__name__}: {error}")
    return record


def make_record(job: Job) -> Record:
    """Train and score the network of a job."""
    fabric = build_fabric(Layout("cpu", devices=1, machines=1, external=False))
    trained = train_within(job.config, job.budget, fabric)
    peak = peak_bytes()
    data = job.config.data
    loader = build_val_loader(job.config, fabric)
    evaluation = evaluate(trained.network, loader, fabric, data.num_classes, data.ignore_index)
    return Record(
        variant=job.variant,
        budget=job.budget,
        seed=job.seed,
        code=code_version(),
        parameters=sum(parameter.numel() for parameter in trained.network.parameters()),
        steps=trained.steps,
        seconds=trained.seconds,
        loss=trained.losses[-1],
        miou=evaluation.scores.miou_present,
        allacc=evaluation.scores.allacc,
        iou=evaluation.scores.iou,
        peak=peak,
        classes=tuple(data.get("names", ())),
    )


def failure(job: Job, reason: str) -> Failure:
    """A job that came to nothing."""
    return Failure(job.name, job.variant, job.budget, " ".join(reason.split()))
