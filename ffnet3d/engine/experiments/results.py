"""Finished experiments, found again in their folders: single runs, seeds, 6-folds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ffnet3d.engine.experiments.campaign import result_file
from ffnet3d.engine.experiments.seeds import NAME as SEEDS
from ffnet3d.engine.experiments.seeds import Seeds
from ffnet3d.engine.experiments.sixfold import NAME as SIXFOLD
from ffnet3d.engine.experiments.sixfold import Sixfold
from ffnet3d.engine.experiments.tested import Tested, read_tested
from ffnet3d.engine.launch import EXPERIMENTS
from ffnet3d.engine.provenance import Provenance
from ffnet3d.engine.run_folder import RunFolder


@dataclass(frozen=True)
class Experiment:
    """What stands in one folder."""

    name: str  # the folder, from the data set's on where it lies in exp/
    dataset: str  # folder of exp/; "" elsewhere
    outcome: Tested | Seeds | Sixfold

    @property
    def kind(self) -> str:
        """run, seeds or sixfold."""
        return {Tested: "run", Seeds: SEEDS, Sixfold: SIXFOLD}[type(self.outcome)]

    @property
    def is_complete(self) -> bool:
        """Whether no fold and no seed is missing."""
        return isinstance(self.outcome, Tested) or not self.outcome.missing

    @property
    def tests(self) -> dict[str, Provenance | None]:
        """How all of it was tested."""
        if isinstance(self.outcome, Tested):
            return {self.name: self.outcome.provenance}
        return self.outcome.tests

    @property
    def split(self) -> str:
        """What was tested: "6-fold", or the split of all tests; "" where they do not tell, or differ."""
        if len(self.tests) > 1 and (self.kind == SIXFOLD or any(", Area_" in name for name in self.tests)):
            return "6-fold"
        splits = {"" if test is None else test.split for test in self.tests.values()}
        return splits.pop() if len(splits) == 1 else ""

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        what = {"kind": self.kind, "dataset": self.dataset, "split": self.split}
        return {**what, **self.outcome.as_dict()}


def read_experiment(folder: Path) -> Experiment:
    """The seeds, the 6-fold or the run in a folder; ValueError where none has been finished there."""
    if (folder / f"{SEEDS}.json").is_file():
        return named(folder, Seeds.from_file(folder / f"{SEEDS}.json"))
    if (folder / f"{SIXFOLD}.json").is_file():
        return named(folder, Sixfold.from_file(folder / f"{SIXFOLD}.json"))
    file = result_file(RunFolder(folder))
    if file is None:
        raise ValueError(
            f"{folder} holds no {SEEDS}.json, no {SIXFOLD}.json and no result/test.json: test that run "
            "(ffnet3d test), or name another folder"
        )
    return named(folder, read_tested(file))


def named(folder: Path, outcome: Tested | Seeds | Sixfold) -> Experiment:
    """The experiment by the part of its folder's path that says something."""
    parts = folder.resolve().parts
    if EXPERIMENTS.name not in parts[:-2]:
        return Experiment(folder.name, "", outcome)
    below = parts[len(parts) - parts[::-1].index(EXPERIMENTS.name) :]
    return Experiment("/".join(below), below[0], outcome)
