"""The figure of an ablation: every seed's mIoU, and mIoU against what a variant costs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ffnet3d.analysis.ablation.summary import Ablation, Row, Table
from ffnet3d.registry import require

BASE_COLOUR, COLOUR = "tab:orange", "tab:blue"
COSTS = (
    ("parameters", "million parameters", 1e-6),
    ("seconds_per_step", "CPU seconds a step", 1.0),
)


def draw(ablation: Ablation, file: Path) -> None:
    """Write a PNG, a line of panels for each budget. ImportError naming the extra without matplotlib."""
    require("matplotlib", "view")
    from matplotlib.figure import Figure

    tables = [table for table in ablation.tables if table.rows]
    heights = [1.0 + 0.24 * max(len(table.rows), 8) for table in tables]
    figure = Figure(figsize=(11, sum(heights)), layout="constrained")
    grid = figure.subplots(len(tables), 1 + len(COSTS), squeeze=False, height_ratios=heights)
    for axes, table in zip(grid, tables, strict=True):
        draw_seeds(axes[0], table)
        for axis, (cost, label, scale) in zip(axes[1:], COSTS, strict=True):
            draw_cost(axis, table, cost, scale)
            axis.set(xlabel=label, ylabel="mIoU, %", title=f"equal {table.budget.kind}: mIoU by cost")
    figure.savefig(file, dpi=110)


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
    axes.set(xlabel="mIoU, % (dots: seeds, bar: mean)", title=f"equal {table.budget.kind}: {table.budget}")


def draw_cost(axes: Any, table: Table, cost: str, scale: float) -> None:
    """A point for each variant, numbered as in the table; the line joins the best for their cost."""
    front = table.front(cost)
    line = [(scale * row.mean(cost), 100 * row.mean("miou")) for row in front]
    axes.plot(*zip(*line, strict=True), "-", color="0.75", zorder=1)
    for place, row in enumerate(table.rows, 1):
        point = (scale * row.mean(cost), 100 * row.mean("miou"))
        axes.plot(*point, "o", ms=5, color=colour(row))
        axes.annotate(str(place), point, xytext=(4, 3), textcoords="offset points", fontsize=8)
    axes.margins(0.09)


def colour(row: Row) -> str:
    """The base stands out."""
    return BASE_COLOUR if row.is_base else COLOUR
