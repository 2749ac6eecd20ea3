"""Where voxels, parameters, multiply-adds and time sit: a figure by stage."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ffnet3d.analysis.cost import Cost, StageCost
from ffnet3d.analysis.cost_stages import REST
from ffnet3d.registry import require


@dataclass(frozen=True)
class Panel:
    """A quantity of stages, and what it is a share of."""

    label: str
    value: Callable[[StageCost], float]
    whole: Callable[[Cost], float]


PANELS = (
    Panel("voxels,\n% of the scan", lambda stage: stage.voxels, lambda cost: cost.voxels),
    Panel("parameters,\n% of all", lambda stage: stage.parameters, lambda cost: cost.parameters),
    Panel("multiply-adds,\n% of all", lambda stage: stage.present, lambda cost: cost.present),
    Panel("time,\n% of all", lambda stage: stage.seconds.median, lambda cost: cost.total.median),
)


def draw_costs(costs: Sequence[Cost]) -> Any:
    """A matplotlib figure: bars by stage in the order of execution, one colour a network.

    The panels show the voxels that a stage works on, as a share of the scan's, and each stage's share of the
    network's parameters, multiply-adds and time. ValueError without any network.
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
    if len(costs) > 1:
        figure.legend(*rows[0].get_legend_handles_labels(), loc="outside upper center", ncols=4)
    return figure


def draw_panel(axes: Any, costs: Sequence[Cost], names: Sequence[str], panel: Panel) -> None:
    """Bars of one quantity, the networks side by side within a stage."""
    width = 0.8 / len(costs)
    for number, cost in enumerate(costs):
        shares = {stage.stage: 100 * panel.value(stage) / panel.whole(cost) for stage in cost.stages}
        places = [place + width * (number - (len(costs) - 1) / 2) for place in range(len(names))]
        axes.bar(places, [shares.get(name, 0) for name in names], width=0.95 * width, label=cost.name)
    axes.set_ylabel(panel.label)
    axes.grid(axis="y", color="0.9", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.margins(x=0.01)


def stage_names(costs: Sequence[Cost]) -> list[str]:
    """The stages of the network that has most of them; the rest is left out where all of it is nothing."""
    longest = max(costs, key=lambda cost: len(cost.stages))
    return [stage.stage for stage in longest.stages if stage.stage != REST or stage.parameters]
