"""Experiments of several runs, from a request to the summary: 6-fold, seeds, and both at once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ffnet3d.engine.experiments.campaign import Start, State, is_main_process, run_all, state_of
from ffnet3d.engine.experiments.seeds import collect_seeds, seed_requests
from ffnet3d.engine.experiments.seeds_page import seeds_brief, write_seeds
from ffnet3d.engine.experiments.sixfold import (
    AREAS,
    NAME,
    Sixfold,
    check_data,
    check_dataset,
    check_last,
    collect_folds,
    collect_records,
    fold_requests,
)
from ffnet3d.engine.experiments.sixfold_page import sixfold_brief, write_sixfold
from ffnet3d.engine.launch import TrainRequest


def run_sixfold(request: TrainRequest, start: Start, areas: Sequence[str] = AREAS, last: bool = False) -> str:
    """Train and test the folds that test on `areas`, then sum up all that are there.

    `start` does one run. Writes sixfold.json and .md into the folder of the runs; returns what to tell.
    Raises ValueError where folds were begun with other settings, or an area's scenes are not there.
    """
    check_dataset(request.dataset)
    requests = fold_requests(request, areas, last)
    check_last(requests)
    if any(state_of(fold.folder) is not State.FINISHED for fold in requests):
        check_data(request)
    run_all(requests, start)
    root = requests[0].folder.root.parent
    return finish_sixfold(collect_folds(root), root)


def sum_up_records(folder: Path) -> str:
    """Sum up Area_1.pth to Area_6.pth; writes sixfold.json and .md beside them, returns what to tell."""
    return finish_sixfold(collect_records(folder), folder)


def run_seeds(request: TrainRequest, start: Start, count: int) -> str:
    """Train and test with `count` seeds; writes seeds.json and seeds.md, returns what to tell."""
    requests = seed_requests(request, count)
    run_all(requests, start)
    return finish_seeds(requests)


def run_sixfold_seeds(
    request: TrainRequest, start: Start, count: int, areas: Sequence[str] = AREAS, last: bool = False
) -> str:
    """The folds with `count` seeds, one seed after another; returns what to tell."""
    check_dataset(request.dataset)
    requests = seed_requests(request, count, NAME)
    for seed in requests:
        run_sixfold(seed, start, areas, last)
    return finish_seeds(requests)


def finish_sixfold(sixfold: Sixfold, folder: Path) -> str:
    """Write the summary and return what to tell: the main process alone has something to say."""
    if not is_main_process():
        return ""
    return "\n\n".join([*sixfold_brief(sixfold), *map(str, write_sixfold(sixfold, folder))])


def finish_seeds(requests: Sequence[TrainRequest]) -> str:
    """Write the summary and return what to tell: the main process alone has something to say."""
    if not is_main_process():
        return ""
    seeds = collect_seeds(requests)
    folder = requests[0].folder.root.parent
    return "\n\n".join([*seeds_brief(seeds), *map(str, write_seeds(seeds, folder))])
