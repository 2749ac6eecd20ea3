"""Where voxels, parameters, multiply-adds and time sit: a figure by stage."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ffnet3d.analysis.cost import Cost, StageCost
from ffnet3d.analysis.cost_stages import REST
from ffnet3d.bench.tables import number
from ffnet3d.registry import require


@dataclass(frozen=True)
class Panel:
    """A quantity of stages, in the unit of its label."""

    label: str
    value: Callable[[StageCost], float]


PANELS = (
    Panel("voxels,\nthousands", lambda stage: stage.voxels / 1e3),
    Panel("parameters,\nM", lambda stage: stage.parameters / 1e6),
    Panel("multiply-adds,\nG", lambda stage: stage.present / 1e9),
    Panel("time,\nms", lambda stage: stage.seconds.median * 1e3),
)


def draw_costs(costs: Sequence[Cost]) -> Any:
    """A matplotlib figure: bars by stage in the order of execution, one colour a network.

    The panels show the voxels that a stage works on, its parameters, multiply-adds and time; the legend has
    each network's totals. ValueError without any network.
    """
    if not costs:
        raise ValueError("no network to draw the costs of")
    require("matplotlib", "view")
    from matplotlib.figure import Figure

    names = stage_names(costs)
    figure = Figure(figsize=(9, 7.5), layout="constrained")
    rows = figure.subplots(len(PANELS), 1, sharex=True)
    for axes, panel in zip(rows, PANELS, strict=True):
        draw_panel(axes, costs, names, panel)
    rows[-1].set_xticks(range(len(names)), names, rotation=60, ha="right")
    figure.legend(*rows[0].get_legend_handles_labels(), loc="outside upper center", frameon=False)
    return figure


def totals_of(cost: Cost) -> str:
    """A network's name and what all of it costs."""
    return (
        f"{cost.name}: {number(cost.parameters / 1e6)} M parameters, "
        f"{number(cost.present / 1e9)} G multiply-adds, {number(cost.total.median * 1e3)} ms"
    )


def draw_panel(axes: Any, costs: Sequence[Cost], names: Sequence[str], panel: Panel) -> None:
    """Bars of one quantity, the networks side by side within a stage."""
    width = 0.8 / len(costs)
    for index, cost in enumerate(costs):
        values = {stage.stage: panel.value(stage) for stage in cost.stages}
        places = [place + width * (index - (len(costs) - 1) / 2) for place in range(len(names))]
        heights = [values.get(name, 0) for name in names]
        axes.bar(places, heights, width=0.95 * width, label=totals_of(cost))
    axes.set_ylabel(panel.label)
    axes.grid(axis="y", color="0.9", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.margins(x=0.01)


def stage_names(costs: Sequence[Cost]) -> list[str]:
    """The stages of the network that has most of them; the rest is left out where all of it is nothing."""
    longest = max(costs, key=lambda cost: len(cost.stages))
    return [stage.stage for stage in longest.stages if stage.stage != REST or stage.parameters]
