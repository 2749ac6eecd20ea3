"""The costs of each stage as a section of the analysis page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ffnet3d.analysis.cost import Cost, StageCost, by_kind, measure_cost
from ffnet3d.analysis.cost_count import Work
from ffnet3d.analysis.cost_figure import draw_costs
from ffnet3d.analysis.page import Picture, Section, Table
from ffnet3d.analysis.pictures import save_figure
from ffnet3d.analysis.study import Study
from ffnet3d.bench.measure import describe_machine
from ffnet3d.bench.tables import number, spread
from ffnet3d.engine.provenance import name_some

TITLE = "Cost by stage"
PICTURE = "cost.png"

WORDS = (
    "Where the parameters, the work and the time of a network sit, on the first scan. A stage works on the "
    "voxels of its level; the stages stand in the order of execution. Parameters are those of the trained "
    "network; all else is of the network as it predicts: norms folded in, branches merged.",
    "A multiplication with its addition is one multiply-add, and so is an addition or comparison of pooling, "
    "or the scale and shift of an element by a norm; activations, softmax, sums of branches and moving rows "
    "are not counted. Multiply-adds are those of the pairs of neighbours that exist; the dense count takes "
    "every window as full.",
    "Memory is that of a stage's output features, and the most that the stage adds to the memory of the "
    "process while it runs (– where the system does not tell). Times are medians of forward passes, with the "
    "range in brackets; the rest is the mean of each voxel's points and the answer for each point.",
)


def cost_section(study: Study, folder: Path) -> Section:
    """Costs of all networks on their first scan: tables here, one picture in the folder."""
    cases = [study.of(network)[0] for network in study.networks]
    costs = [measure_cost(case.network.segmentor, case.batch(), case.network.name) for case in cases]
    save_figure(draw_costs(costs), folder / PICTURE)
    caption = f"Each stage on {cases[0].scene.name}, in the order of execution; totals above."
    tables = (totals_table(costs), kinds_table(costs), *map(stages_table, costs))
    words = (*WORDS, describe_machine().describe(), *(line for cost in costs for line in warnings(cost)))
    figures = {"scan": cases[0].scene.name, "networks": [figures_of(cost) for cost in costs]}
    return Section(TITLE, words, tables, (Picture(PICTURE, caption),), figures=figures)


def warnings(cost: Cost) -> list[str]:
    """What the counts of a network leave out."""
    lines = []
    if cost.uncounted:
        lines.append(f"{cost.name}: not counted, of an unknown type: {name_some(cost.uncounted)}.")
    if cost.idle:
        lines.append(f"{cost.name}: did not run on this scan: {name_some(cost.idle)}.")
    return lines


def totals_table(costs: Sequence[Cost]) -> Table:
    """A row for each network."""
    header = ("network", "voxels", "parameters (M)", "multiply-adds (G)", "dense (G)", "kFLOP a voxel")
    rows = tuple(
        (
            cost.name,
            f"{cost.voxels:,}",
            number(cost.parameters / 1e6),
            number(cost.present / 1e9),
            number(cost.dense / 1e9),
            number(cost.flops_per_voxel / 1e3),
            spread(cost.total),
            spread(cost.geometry),
        )
        for cost in costs
    )
    return Table((*header, "forward pass (ms)", "geometry before it (ms)"), rows, "A multiply-add is 2 FLOP.")


def kinds_table(costs: Sequence[Cost]) -> Table:
    """A row for each network and kind of work."""
    rows = tuple(
        (
            cost.name,
            work.kind,
            number(work.present / 1e6),
            number(work.dense / 1e6),
            f"{100 * work.present / work.dense:.0f}",
            f"{100 * work.present / cost.present:.1f}",
        )
        for cost in costs
        for work in works_of(cost)
    )
    header = ("network", "work", "multiply-adds (M)", "dense (M)", "of dense (%)", "of all (%)")
    return Table(header, rows, "Multiply-adds by kind.")


def works_of(cost: Cost) -> tuple[Work, ...]:
    """All stages' work by kind."""
    return by_kind([work for stage in cost.stages for work in stage.works])


def stages_table(cost: Cost) -> Table:
    """A row for each stage of a network."""
    header = ("stage", "voxels", "parameters", "multiply-adds (M)", "dense (M)", "output (MB)", "peak (MB)")
    rows = tuple(
        (
            stage.stage,
            f"{stage.voxels:,}" if stage.voxels else "–",
            f"{stage.parameters:,}",
            number(stage.present / 1e6),
            number(stage.dense / 1e6),
            megabytes(stage.output_bytes) if stage.voxels else "–",
            megabytes(stage.peak_bytes),
            spread(stage.seconds),
            f"{100 * stage.seconds.median / cost.total.median:.1f}",
        )
        for stage in cost.stages
    )
    return Table((*header, "time (ms)", "time (%)"), rows, f"Stages of {cost.name}.")


def megabytes(size: int | None) -> str:
    """Bytes in megabytes; a dash where they are not known."""
    return "–" if size is None else number(size / 1e6)


def figures_of(cost: Cost) -> dict[str, Any]:
    """For JSON."""
    return {
        "name": cost.name,
        "voxels": cost.voxels,
        "parameters": cost.parameters,
        "multiply_adds": cost.present,
        "dense_multiply_adds": cost.dense,
        "flops_per_voxel": cost.flops_per_voxel,
        "forward_seconds": vars(cost.total),
        "geometry_seconds": vars(cost.geometry),
        "stages": [stage_figures(stage) for stage in cost.stages],
        "uncounted": list(cost.uncounted),
        "idle": list(cost.idle),
    }


def stage_figures(stage: StageCost) -> dict[str, Any]:
    """One stage's."""
    return {
        "stage": stage.stage,
        "voxels": stage.voxels,
        "parameters": stage.parameters,
        "work": [vars(work) for work in stage.works],
        "output_bytes": stage.output_bytes,
        "peak_bytes": stage.peak_bytes,
        "seconds": vars(stage.seconds),
    }
