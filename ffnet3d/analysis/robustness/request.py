"""From the words of the command line to measured runs and their files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ffnet3d.analysis.robustness.corruptions import Corruption, check_severities, find_corruptions
from ffnet3d.analysis.robustness.figure import draw
from ffnet3d.analysis.robustness.page import (
    build_page,
    chance_lines,
    drop_table,
    severity_table,
    skipped_lines,
)
from ffnet3d.analysis.robustness.result import RunResult
from ffnet3d.analysis.robustness.run import Trial, check, measure
from ffnet3d.engine.experiments.json_files import write_summary
from ffnet3d.engine.launch import (
    EXPERIMENTS,
    TestRequest,
    find_weights,
    prepare_demo,
    run_folder,
    testing_config,
)
from ffnet3d.engine.provenance import name_some
from ffnet3d.registry import require


@dataclass(frozen=True)
class RobustnessRequest:
    """What `ffnet3d robustness` was asked for."""

    dataset: str
    names: tuple[str, ...]  # of runs
    weights: str = "model_best"  # a name in the run's model/, or a file
    config: str | None = None  # None: the run's own
    data_root: Path | None = None
    corruptions: tuple[str, ...] | None = None  # None: all
    severities: tuple[int, ...] = (1, 2, 3, 4, 5)
    seed: int = 0
    rooms: int | None = None
    part: str = "test"
    out: Path | None = None
    overrides: tuple[str, ...] = ()


def run_robustness(request: RobustnessRequest) -> str:
    """Measure as asked, write the files, and return what to print.

    ValueError, before any network runs, where the request does not fit what is there.
    """
    trials = plan_trials(request)
    for trial in trials:
        prepare_demo(request.dataset, trial.config)
    if len(trials) > 1:
        check_comparable(trials)
    results = []
    for trial in trials:
        results.append(measure(trial))
        if len(trials) > 1:
            write_files(trial.folder, "robustness", results[-1:])
    out = trials[0].folder if request.out is None else request.out
    files = write_files(out, "robustness" if len(results) == 1 else "comparison", results)
    return "\n\n".join([*tables(results), "\n".join(map(str, files))])


def plan_trials(request: RobustnessRequest) -> list[Trial]:
    """A trial for each run; all of the request is checked before the first one starts."""
    require("matplotlib", "view")
    if request.seed < 0:
        raise ValueError(f"--seed {request.seed}: give 0 or more")
    if request.out is not None and request.out.exists() and not request.out.is_dir():
        raise ValueError(f"-o {request.out} is a file: name a folder")
    if len(set(request.names)) < len(request.names):
        raise ValueError(f"-n: a run is named twice ({', '.join(request.names)})")
    severities = check_severities(request.severities)
    corruptions = find_corruptions(request.corruptions)
    return [plan_trial(request, name, corruptions, severities) for name in request.names]


def check_comparable(trials: Sequence[Trial]) -> None:
    """ValueError where a run cannot be measured, or two of them not on the same scenes; none runs before."""
    first, *others = trials
    scenes = check(first)
    for other in others:
        theirs = check(other)
        apart = [(first.name, set(scenes) - set(theirs)), (other.name, set(theirs) - set(scenes))]
        told = [f"only {name} has {name_some(sorted(own))}" for name, own in apart if own]
        if told:
            raise ValueError(
                f"-n {first.name} and -n {other.name} have different scenes, on which no scores compare: "
                f"{'; '.join(told)}. Give all the same by data.{first.part}.split=NAME, or measure them apart"
            )


def check_run(dataset: str, name: str) -> None:
    """ValueError where there is no such run, listing those that have a checkpoint."""
    root = run_folder(dataset, name).root
    if root.is_dir():
        return
    folder = EXPERIMENTS / dataset
    runs = sorted({str(file.parents[1].relative_to(folder)) for file in folder.glob("**/model/*.pth")})
    raise ValueError(
        f"there is no run {root} (runs of {dataset} with a checkpoint: {', '.join(runs) or 'none'}); "
        "a checkpoint from elsewhere needs its config (-c) and its file (-w)"
    )


def plan_trial(
    request: RobustnessRequest, name: str, corruptions: tuple[Corruption, ...], severities: tuple[int, ...]
) -> Trial:
    """The trial of one run; ValueError where there is no such run or checkpoint."""
    test = TestRequest(
        request.dataset,
        name,
        request.weights,
        request.config,
        data_root=request.data_root,
        overrides=request.overrides,
    )
    if request.config is None:
        check_run(request.dataset, name)
    config = testing_config(test)
    folder = run_folder(request.dataset, name).root / "robustness"
    return Trial(
        name,
        config,
        find_weights(test),
        folder,
        corruptions,
        severities,
        request.seed,
        request.rooms,
        request.part,
    )


def write_files(folder: Path, stem: str, results: Sequence[RunResult]) -> list[Path]:
    """Write STEM.json, STEM.md and STEM.png into a folder, and return them."""
    picture = folder / f"{stem}.png"
    values = {"runs": [result.as_dict() for result in results]}
    files = write_summary(folder, stem, values, build_page(results, picture.name))
    draw(results, picture)
    return [*files, picture]


def tables(results: Sequence[RunResult]) -> list[str]:
    """What the terminal shows: a run's mIoU by severity, or what several runs lose."""
    if len(results) > 1:
        return [drop_table(results), *(line for result in results for line in chance_lines(result))]
    return [severity_table(results[0]), *chance_lines(results[0]), *skipped_lines(results[0])]
