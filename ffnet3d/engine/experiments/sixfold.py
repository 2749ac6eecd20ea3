"""6-fold cross-validation of S3DIS: each area is tested by a network that was trained on the other five.

The score over the areas is that of all their points: intersections and unions are summed before they are
divided. The mean of the areas' own scores is another number, and stands beside it under its own name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from ffnet3d.engine.config import DATA_PARTS, Config, load_config
from ffnet3d.engine.experiments.campaign import (
    State,
    base_name,
    last_checkpoint,
    result_file,
    state_of,
    tests_last,
)
from ffnet3d.engine.experiments.json_files import read_json
from ffnet3d.engine.experiments.tested import MEANS, Tested, read_tested
from ffnet3d.engine.launch import EXPERIMENTS, TrainRequest, asked_config, prepare_demo
from ffnet3d.engine.provenance import Provenance
from ffnet3d.engine.records import COUNTS, Record, sum_records
from ffnet3d.engine.run_folder import RunFolder

AREAS = tuple(f"Area_{number}" for number in range(1, 7))
NAME = "sixfold"
WITHOUT_AREAS = ("scannet", "scannet200")


@dataclass(frozen=True)
class Sixfold:
    """Tests of the six areas, or of those that are there."""

    title: str  # such as the name of the runs
    areas: Mapping[str, Tested]  # in order
    missing: Mapping[str, str]  # area: how far it is
    run: str = ""  # DATASET/NAME of the runs; "" where they lie elsewhere, or are records alone

    @property
    def total(self) -> Tested:
        """Of all points of all areas; ValueError where the areas were tested with other classes."""
        classes = {tested.classes for tested in self.areas.values()}
        if len(classes) != 1:
            raise ValueError(f"{self.title}: the areas were tested with different classes: test them alike")
        return Tested(classes.pop(), sum_records([tested.record for tested in self.areas.values()]))

    @property
    def mean_of_areas(self) -> dict[str, float]:
        """The means of the areas' own mean scores."""
        means = [tested.means for tested in self.areas.values()]
        return {name: sum(mean[name] for mean in means) / len(means) for name in MEANS}

    @property
    def tests(self) -> dict[str, Provenance | None]:
        """How the areas were tested."""
        return {area: tested.provenance for area, tested in self.areas.items()}

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON; the scores over all areas are named by how many these are."""
        over_all = {}
        if self.areas:
            key = "sixfold" if not self.missing else "incomplete_sum"
            over_all = {key: self.total.as_dict(), "mean_of_areas": self.mean_of_areas}
        areas = {area: tested.as_dict() for area, tested in self.areas.items()}
        what = {"title": self.title, "run": self.run, "missing": dict(self.missing)}
        return {**what, **over_all, "areas": areas}

    @classmethod
    def from_file(cls, file: Path) -> Sixfold:
        """From a sixfold.json; ValueError naming the file where it is none."""
        values = read_json(file)
        try:
            areas = {area: Tested.from_dict(tested) for area, tested in values["areas"].items()}
            return cls(values["title"], areas, values["missing"], values.get("run", ""))
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ValueError(f"{file} is no summary of six folds ({error}): make it again") from error


def fold_requests(
    request: TrainRequest, areas: Sequence[str] = AREAS, last: bool = False
) -> list[TrainRequest]:
    """A training for each area that tests on it; `last`: the last checkpoint, not the best on that area.

    Raises ValueError where the request sets splits itself.
    """
    request = replace(request, name=base_name(request, NAME))
    check_splits(request.overrides)
    config = asked_config(request)
    shared = (*request.overrides, *([last_checkpoint(config)] if last else []))
    return [
        replace(request, name=f"{request.name}/{area}", overrides=(*shared, *split_overrides(config, area)))
        for area in areas
    ]


def split_overrides(config: Config, area: str) -> list[str]:
    """Train on the other areas, evaluate and test on this one."""
    others = ",".join(other for other in AREAS if other != area)
    splits = {"train": others, "val": area, "test": area}
    return [f"data.{part}.split={split}" for part, split in splits.items() if part in config.data]


def check_splits(overrides: Sequence[str]) -> None:
    """ValueError for an override of what the folds differ in."""
    for word in overrides:
        key = word.partition("=")[0].split(".")
        if key[:1] == ["data"] and key[2:] == ["split"]:
            raise ValueError(f"{word}: the folds set the splits themselves; leave it out")


def check_dataset(dataset: str) -> None:
    """ValueError for a data set that is known to have no areas."""
    if dataset in WITHOUT_AREAS:
        raise ValueError(f"-d {dataset}: sixfold is for data sets of six areas, s3dis and demo")


def check_last(requests: Sequence[TrainRequest]) -> None:
    """ValueError for a fold begun with --last and called without, or the other way round."""
    for request in requests:
        file = request.folder.config
        if not file.is_file():
            continue
        last = tests_last(asked_config(request))
        if tests_last(load_config(file)) == last:
            continue
        if not last:
            raise ValueError(f"{file.parent} was begun with --last: give --last again")
        raise ValueError(
            f"{file.parent} was begun without --last: let the folds end without it, test each by "
            f"`sh scripts/test.sh -d {request.dataset} -n {request.name} -w model_last`, "
            "and collect again without --last"
        )


def check_data(request: TrainRequest) -> None:
    """ValueError, before any work, where one of the six areas is not there."""
    config = asked_config(request)
    prepare_demo(request.dataset, config)
    for root in {Path(config.data[part].data_root) for part in DATA_PARTS if part in config.data}:
        absent = [area for area in AREAS if not (root.expanduser() / area).is_dir()]
        if absent:
            raise ValueError(
                f"6-fold needs the areas 1 to 6: {root} has no {', '.join(absent)} (-D names another folder)"
            )


def parse_folds(words: Sequence[str]) -> tuple[str, ...]:
    """Areas from numbers such as "4" or "1,3"; none given: all six."""
    numbers = [part.strip() for word in words for part in word.split(",")]
    for number in numbers:
        if f"Area_{number}" not in AREAS:
            raise ValueError(f"--fold {number}: the folds are 1 to 6, such as --fold 4 or --fold 1,3")
    return tuple(area for area in AREAS if not numbers or area[-1] in numbers)


def collect_folds(root: Path) -> Sixfold:
    """What the runs ROOT/Area_1 to ROOT/Area_6 have come to."""
    folders = {area: RunFolder(root / area) for area in AREAS}
    states = {area: state_of(folder) for area, folder in folders.items()}
    missing = {area: state.value for area, state in states.items() if state is not State.FINISHED}
    areas = {}
    for area, folder in folders.items():
        file = result_file(folder)
        if area not in missing and file is not None:
            areas[area] = checked(read_tested(file), area, file)
    run = root.relative_to(EXPERIMENTS).as_posix() if root.is_relative_to(EXPERIMENTS) else ""
    return Sixfold(root.name, areas, missing, run)


def checked(tested: Tested, area: str, file: Path) -> Tested:
    """ValueError where the results are of other scenes than the area's, or the network knows these."""
    if tested.provenance is None:
        return tested
    split, known = tested.provenance.split, tested.provenance.checkpoint.trained_on
    if split != area:
        raise ValueError(f"{file} is a test of {split}, not of {area}: test that run again on its own area")
    if known:
        raise ValueError(
            f"{file}: the network was trained on {known} of the scenes of {area}: train it again"
        )
    return tested


def collect_records(folder: Path) -> Sixfold:
    """From six files Area_1.pth to Area_6.pth, Pointcept's or ours; ValueError naming those not there."""
    files = {area: folder / f"{area}.pth" for area in AREAS}
    absent = [file.name for file in files.values() if not file.is_file()]
    if absent:
        raise ValueError(f"--records {folder}: there is no {', '.join(absent)}; 6-fold needs all six records")
    areas = {area: read_tested(file) for area, file in files.items()}
    for one, other in combinations(AREAS, 2):
        if is_same(areas[one].record, areas[other].record):
            raise ValueError(
                f"{files[one]} and {files[other]} hold the same counts: one is a copy of the other; "
                "put the record of its own area there"
            )
    return Sixfold(folder.name, areas, {})


def is_same(one: Record, other: Record) -> bool:
    """Whether all counts are equal, as those of two areas never are."""
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in COUNTS)
