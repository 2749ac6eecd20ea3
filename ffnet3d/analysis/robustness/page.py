"""The outcome as Markdown: one table of mIoU for each run, and one of what the runs lose."""

from __future__ import annotations

from collections.abc import Sequence

from ffnet3d.analysis.robustness.corruptions import find_corruption, parameter_table
from ffnet3d.analysis.robustness.result import RunResult, shared_corruptions
from ffnet3d.engine.provenance import counted
from ffnet3d.engine.tables import percent, table

DEFINITIONS = (
    "mIoU in %, over all classes and the labelled points that the corruption leaves. `drop` is the mean over "
    "the severities of the share of the clean mIoU that is lost, in %; the mean corruption drop is its mean "
    "over the corruptions. Neither is given where the clean mIoU is below chance level, 1 / classes. Each "
    "scene is predicted in one pass with the transforms of data.val: no test-time views, no votes. "
    "Corruptions and levels are defined by this project (docs/robustness.md)."
)


def build_page(results: Sequence[RunResult], picture: str) -> str:
    """The whole page; `picture` is the file name of the figure beside it."""
    names = list(dict.fromkeys(name for result in results for name in result.corruptions))
    parts = ["# Robustness to corruptions", DEFINITIONS, f"![mIoU over severity]({picture})"]
    if len(results) > 1:
        parts += ["## Share of the clean mIoU that is lost, in %", drop_table(results)]
    for result in results:
        parts += [f"## {result.name}", describe(result), severity_table(result)]
        parts += [*chance_lines(result), *skipped_lines(result)]
    parts += ["## Levels of the severities", parameter_table([find_corruption(name) for name in names])]
    return "\n\n".join(parts) + "\n"


def describe(result: RunResult) -> str:
    """Checkpoint, scenes and clean mIoU of a run."""
    few = ", ".join(result.scenes[:8]) + (", ..." if len(result.scenes) > 8 else "")
    scenes = counted(len(result.scenes), "scene")
    return (
        f"{result.weights}, {scenes} of data.{result.part} ({few}), seed {result.seed}. "
        f"Clean mIoU {percent(result.clean.miou)}, mean corruption drop {percent(result.mean_drop())}."
    )


def severity_table(result: RunResult) -> str:
    """A row for each corruption: mIoU at each severity, the clean scenes as severity 0, and the drop."""
    severities = sorted({measurement.severity for measurement in result.measured})
    rows = []
    for name in result.corruptions:
        curve = result.curve(name)
        cells = [percent(curve[severity]) for severity in (0, *severities)]
        rows.append([name, *cells, percent(result.drop(name))])
    rows.append(["mean", *mean_cells(result, severities), percent(result.mean_drop())])
    return table(["corruption", "clean", *map(str, severities), "drop"], rows)


def mean_cells(result: RunResult, severities: Sequence[int]) -> list[str]:
    """The mean mIoU over the corruptions, clean and at each severity."""
    curves = [result.curve(name) for name in result.corruptions]
    return [percent(sum(curve[severity] for curve in curves) / len(curves)) for severity in (0, *severities)]


def drop_table(results: Sequence[RunResult]) -> str:
    """A row for each corruption, a column for each run; the means are over what all runs have."""
    shared = shared_corruptions(results)
    names = list(dict.fromkeys(name for result in results for name in result.corruptions))
    rows = [[name, *(percent(result.drop(name)) for result in results)] for name in names]
    rows.append(["mean corruption drop", *(percent(result.mean_drop(shared)) for result in results)])
    rows.append(["clean mIoU", *(percent(result.clean.miou) for result in results)])
    return table(["corruption", *(result.name for result in results)], rows)


def chance_lines(result: RunResult) -> list[str]:
    """Why a run has no drops; nothing where it has learnt enough."""
    if not result.below_chance:
        return []
    classes = counted(len(result.clean.scores["iou"]), "class", "classes")
    return [
        f"No drop is given for {result.name}: its clean mIoU, {percent(result.clean.miou)} %, is below "
        f"chance level, {percent(result.chance)} % with {classes}."
    ]


def skipped_lines(result: RunResult) -> list[str]:
    """What was left out, and why; nothing where all was measured."""
    if not result.skipped:
        return []
    return ["Left out: " + "; ".join(f"{name} ({reason})" for name, reason in result.skipped.items()) + "."]
