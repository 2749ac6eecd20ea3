"""The outcome as a figure: mIoU over severity for each corruption, and each run's mean corruption drop."""

from __future__ import annotations

import math
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ffnet3d.analysis.robustness.corruptions import find_corruption
from ffnet3d.analysis.robustness.result import RunResult, shared_corruptions
from ffnet3d.atomic import write_atomic
from ffnet3d.registry import require

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS = 4
SIZE = (3.1, 2.5)  # inches of a panel


def draw(results: Sequence[RunResult], file: Path) -> None:
    """Write a PNG. ImportError naming the extra where matplotlib is missing."""
    picture = BytesIO()
    make_figure(results).savefig(picture, format="png", dpi=110)
    write_atomic(file, lambda stream: stream.write(picture.getvalue()))


def make_figure(results: Sequence[RunResult]) -> Figure:
    """A panel for each corruption, one for the mean drops, and one legend."""
    require("matplotlib", "view")
    from matplotlib.figure import Figure

    names = list(dict.fromkeys(name for result in results for name in result.corruptions))
    columns = min(COLUMNS, len(names) + 1)
    rows = math.ceil((len(names) + 1) / columns)
    figure = Figure(figsize=(SIZE[0] * columns, SIZE[1] * rows + 0.5), layout="constrained")
    panels = list(figure.subplots(rows, columns, squeeze=False).flat)
    highest = 100 * max(m.miou for result in results for m in (result.clean, *result.measured))
    for axes, name in zip(panels, names, strict=False):
        draw_corruption(axes, results, name)
        axes.set_ylim(0, 1.08 * max(highest, 1))
    first, *others = panels[len(names) :]
    draw_drops(first, results)
    for axes in others:
        axes.axis("off")
    figure.legend(*legend_of(panels[: len(names)]), loc="outside lower center", ncols=4, fontsize=8)
    return figure


def legend_of(panels: Sequence[Any]) -> tuple[list[Any], list[str]]:
    """Handles and labels of all panels, each label once: a run may be missing in some."""
    found: dict[str, Any] = {}
    for axes in panels:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    return list(found.values()), list(found)


def draw_corruption(axes: Any, results: Sequence[RunResult], name: str) -> None:
    """A curve for each run over the severities that it has, its clean mIoU as a dashed line."""
    corruption = find_corruption(name)
    for number, result in enumerate(results):
        color = f"C{number}"
        axes.axhline(
            100 * result.clean.miou, color=color, linestyle="--", linewidth=1, label=f"{result.name}, clean"
        )
        if name in result.corruptions:
            curve = result.curve(name)
            axes.plot(
                list(curve),
                [100 * miou for miou in curve.values()],
                marker="o",
                markersize=4,
                color=color,
                label=result.name,
            )
    levels = ["0\nclean", *(f"{place}\n{level:g}" for place, level in enumerate(corruption.levels, 1))]
    axes.set_xticks(range(len(levels)), levels, fontsize=8)
    axes.tick_params(axis="y", labelsize=8)
    axes.set_title(corruption.label(), fontsize=9)
    axes.set_xlabel("severity, and its level", fontsize=8)
    axes.set_ylabel("mIoU (%)", fontsize=8)
    axes.grid(alpha=0.3)


def draw_drops(axes: Any, results: Sequence[RunResult]) -> None:
    """A bar for each run: the mean corruption drop over what all runs have."""
    shared = shared_corruptions(results)
    drops = [result.mean_drop(shared) for result in results]
    places = range(len(results))
    bars = axes.bar(
        places, [100 * (drop or 0) for drop in drops], color=[f"C{place}" for place in places], width=0.6
    )
    texts = ["–" if drop is None else f"{100 * drop:.1f}" for drop in drops]
    axes.bar_label(bars, texts, fontsize=8)
    axes.set_xticks(places, [result.name for result in results], fontsize=8)
    axes.tick_params(axis="y", labelsize=8)
    axes.axhline(0, color="black", linewidth=0.8)
    axes.margins(y=0.2)
    axes.set_xlim(-1, len(results))  # one bar alone is no wall
    axes.set_title("mean corruption drop", fontsize=9)
    if any(result.below_chance for result in results):
        axes.set_xlabel("–: clean mIoU below chance level", fontsize=8)
    axes.set_ylabel("lost share of clean mIoU (%)", fontsize=8)
