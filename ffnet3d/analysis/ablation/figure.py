"""The figure of an ablation: every seed's mIoU, and mIoU against what a variant costs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from ffnet3d.analysis.ablation.summary import Ablation, Row, Table
from ffnet3d.registry import require

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BASE_COLOUR, COLOUR = "tab:orange", "tab:blue"
WIDTH = 9.0  # inches: a page's width
FEWEST_LINES = 6  # below it the panels of costs would be flat
LEAST_SPAN = 0.1  # of an axis of the panels of costs, as a share of the largest value
TINY = 1e-3  # for values that are all 0
Point: TypeAlias = tuple[float, float]  # cost and mIoU
COSTS = (
    ("parameters", "million parameters", 1e-6),
    ("seconds_per_step", "CPU seconds a step", 1.0),
)


def draw(ablation: Ablation, file: Path) -> None:
    """Write a PNG. ImportError naming the extra without matplotlib."""
    make_figure(ablation).savefig(file, dpi=120)


def make_figure(ablation: Ablation) -> Figure:
    """A line of panels for each budget."""
    require("matplotlib", "view")
    from matplotlib.figure import Figure

    tables = [table for table in ablation.tables if table.rows]
    heights = [0.9 + 0.21 * max(len(table.rows), FEWEST_LINES) for table in tables]
    figure = Figure(figsize=(WIDTH, sum(heights)), layout="constrained")
    widths = [1.25, *[1.0] * len(COSTS)]
    grid = figure.subplots(
        len(tables), len(widths), squeeze=False, height_ratios=heights, width_ratios=widths
    )
    for axes, table in zip(grid, tables, strict=True):
        draw_seeds(axes[0], table)
        for axis, (cost, label, scale) in zip(axes[1:], COSTS, strict=True):
            draw_cost(axis, table, cost, scale)
            axis.set_xlabel(label, fontsize=8)
            axis.set_ylabel("mean mIoU, %", fontsize=8)
        for axis in axes:
            axis.tick_params(labelsize=8)
            axis.locator_params(axis="x", nbins=4)
    return figure


def draw_seeds(axes: Any, table: Table) -> None:
    """A dot for each seed and a bar at the mean, a line for each variant, the best at the top."""
    for place, row in enumerate(table.rows):
        scores = [100 * value for value in row.values("miou")]
        axes.plot(scores, [place] * len(scores), "o", ms=4, alpha=0.6, color=colour(row))
        axes.plot([100 * row.mean("miou")], [place], "|", ms=13, mew=2.5, color=colour(row))
    labels = [f"{row.name}  {place}" for place, row in enumerate(table.rows, 1)]
    axes.set_yticks(range(len(table.rows)), labels, fontsize=8)
    axes.set_ylim(len(table.rows) - 0.5, -0.5)
    axes.grid(axis="y", alpha=0.3)
    axes.set_xlabel("mIoU, % (dots: seeds, bar: mean)", fontsize=8)
    axes.set_title(f"equal {table.budget.kind}: {table.budget}", fontsize=9)


def draw_cost(axes: Any, table: Table, cost: str, scale: float) -> None:
    """A point for each variant, numbered as in the table; the line joins the best for their cost."""
    front = table.front(cost)
    line = [(scale * row.mean(cost), 100 * row.mean("miou")) for row in front]
    axes.plot(*zip(*line, strict=True), "-", color="0.75", zorder=1)
    points = [(scale * row.mean(cost), 100 * row.mean("miou")) for row in table.rows]
    limits = widened([x for x, _ in points]), widened([y for _, y in points])
    for place, (row, point) in enumerate(zip(table.rows, points, strict=True), 1):
        axes.plot(*point, "o", ms=5, color=colour(row))
        aligned = label_side(point, points, *(high - low for low, high in limits))
        shift = (5 if aligned == "left" else -5, 0)
        axes.annotate(
            str(place), point, shift, textcoords="offset points", fontsize=8, ha=aligned, va="center"
        )
    axes.set(xlim=limits[0], ylim=limits[1])


def label_side(point: Point, points: Sequence[Point], width: float, height: float) -> str:
    """Alignment of a point's label that leads away from the nearest point beside it; to its right if none."""
    near = [
        x - point[0]
        for x, y in points
        if 0 < abs(x - point[0]) < 0.2 * width and abs(y - point[1]) < 0.04 * height
    ]
    return "right" if min(near, key=abs, default=-1) > 0 else "left"


def widened(values: Sequence[float]) -> tuple[float, float]:
    """Limits about values with room for labels; those that hardly differ look as if they hardly did."""
    low, high = min(values), max(values)
    room = max(0.15 * (high - low), LEAST_SPAN * high / 2, TINY)
    return low - room, high + room


def colour(row: Row) -> str:
    """The base stands out."""
    return BASE_COLOUR if row.is_base else COLOUR
