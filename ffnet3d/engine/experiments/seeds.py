"""One recipe with several seeds: the mean of its scores, and how far they spread."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ffnet3d.engine.experiments.campaign import State, base_name, result_file, state_of
from ffnet3d.engine.experiments.json_files import read_json
from ffnet3d.engine.experiments.sixfold import NAME as SIXFOLD
from ffnet3d.engine.experiments.sixfold import Sixfold
from ffnet3d.engine.experiments.tested import MEANS, read_tested
from ffnet3d.engine.launch import TrainRequest, asked_config
from ffnet3d.engine.provenance import Provenance

NAME = "seeds"


@dataclass(frozen=True)
class SeedResult:
    """What one run, or one 6-fold, has come to."""

    means: Mapping[str, float]  # 0 to 1, by the names of `MEANS`
    tests: Mapping[str, Provenance | None]  # of the run, or of each area

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        tests = {name: None if test is None else test.as_dict() for name, test in self.tests.items()}
        return {"scores": dict(self.means), "tests": tests}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> SeedResult:
        """What `as_dict` made."""
        tests = {
            name: None if test is None else Provenance.from_dict(test)
            for name, test in values["tests"].items()
        }
        return cls({name: values["scores"][name] for name in MEANS}, tests)


@dataclass(frozen=True)
class Seeds:
    """The results of several seeds, or of those that are there."""

    title: str
    results: Mapping[str, SeedResult]  # by the name of the run, such as seed_0
    missing: Mapping[str, str]  # name: how far it is

    @property
    def tests(self) -> dict[str, Provenance | None]:
        """How all of it was tested."""
        return {
            run if run == part else f"{run}, {part}": test
            for run, result in self.results.items()
            for part, test in result.tests.items()
        }

    def values(self, score: str) -> list[float]:
        """One score of all seeds."""
        return [result.means[score] for result in self.results.values()]

    def mean(self, score: str) -> float:
        """The mean of a score over the seeds."""
        return statistics.fmean(self.values(score))

    def deviation(self, score: str) -> float | None:
        """The sample's standard deviation, divided by n - 1; None for one seed."""
        return statistics.stdev(self.values(score)) if len(self.results) > 1 else None

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        summary = {
            name: {"mean": self.mean(name), "std": self.deviation(name)} for name in MEANS if self.results
        }
        runs = {name: result.as_dict() for name, result in self.results.items()}
        return {"title": self.title, "missing": dict(self.missing), "summary": summary, "runs": runs}

    @classmethod
    def from_file(cls, file: Path) -> Seeds:
        """From a seeds.json; ValueError naming the file where it is none."""
        values = read_json(file)
        try:
            results = {name: SeedResult.from_dict(result) for name, result in values["runs"].items()}
            return cls(values["title"], results, values["missing"])
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ValueError(f"{file} is no summary of seeds ({error}): make it again") from error


def seed_requests(request: TrainRequest, count: int, kind: str = NAME) -> list[TrainRequest]:
    """A training for each seed from the config's on (0 where it has none); `kind`: see `base_name`."""
    if count < 1:
        raise ValueError(f"--seeds must be 1 or more, not {count}")
    base = base_name(request, kind)
    first = asked_config(request).seed or 0
    return [
        replace(request, name=f"{base}/seed_{seed}", overrides=(*request.overrides, f"seed={seed}"))
        for seed in range(first, first + count)
    ]


def collect_seeds(requests: Sequence[TrainRequest]) -> Seeds:
    """What the runs of `seed_requests` have come to, each a training or a 6-fold."""
    title = str(requests[0].folder.root.parent.name)
    results, missing = {}, {}
    for request in requests:
        name = request.folder.root.name
        outcome = seed_result(request)
        if isinstance(outcome, SeedResult):
            results[name] = outcome
        else:
            missing[name] = outcome
    return Seeds(title, results, missing)


def seed_result(request: TrainRequest) -> SeedResult | str:
    """What a seed has come to, or how far it is."""
    folder = request.folder
    if (folder.root / f"{SIXFOLD}.json").is_file():
        sixfold = Sixfold.from_file(folder.root / f"{SIXFOLD}.json")
        if sixfold.missing:
            return f"{len(sixfold.areas)} of 6 areas"
        return SeedResult(sixfold.total.means, sixfold.tests)
    file, state = result_file(folder), state_of(folder)
    if file is None or state is not State.FINISHED:
        return state.value
    tested = read_tested(file)
    return SeedResult(tested.means, {folder.root.name: tested.provenance})
