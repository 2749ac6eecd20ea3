"""The page of an ablation, in Markdown, and the tables that the command prints."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ffnet3d.analysis.ablation.budget import STEPS
from ffnet3d.analysis.ablation.summary import Ablation, Row, Table
from ffnet3d.engine.experiments.json_files import write_summary
from ffnet3d.engine.provenance import counted
from ffnet3d.engine.tables import table

NAME = "ablation"
FIGURE = f"{NAME}.png"
CAPTION = (
    "Left: each seed and the mean. Right: mean mIoU against parameters and seconds a step; the numbers are "
    "those on the left, the grey line joins the best for their cost, the base is orange."
)
HEADER = ("variant", "parameters", "mIoU", "vs base", "allAcc", "steps", "s/step", "peak MiB", "seeds")

INTRODUCTION = """
Each variant changes one thing in the network of `{config}` ({dataset}) and is trained from scratch on the
same budget, with {seeds}; a seed gives all variants the same scenes in the same order. Scores are
those of one plain pass over the scenes of `data.val`, at the points, without votes. mIoU is the mean over the
classes present there.
"""
READING = """
Scores are in percent: the mean over the seeds ± the sample's standard deviation (n - 1). A difference that
is not clearly larger than these is none. Seconds are CPU time of the training process on one thread, loading
included; *peak MiB* is the largest resident memory of that process, in 2^20 bytes. *vs base* is the mean
difference of mIoU to the base, seed by seed. These are short trainings of
small networks: they rank mixers at this budget, not at the end of a full training.
"""
EQUAL_STEPS = "Every variant has made the same number of optimizer steps, on the same learning-rate schedule."
EQUAL_SECONDS = (
    "Every variant has trained for the same CPU time; its learning rate followed the share of the time used, "
    "so that each schedule came to its end. Cheaper variants made more steps."
)


def write_ablation(ablation: Ablation, folder: Path) -> list[Path]:
    """Write ablation.json and ablation.md into a folder, and return them."""
    return write_summary(folder, NAME, ablation.as_dict(), ablation_page(ablation))


def ablation_page(ablation: Ablation) -> str:
    """All of it, in Markdown."""
    introduction = INTRODUCTION.format(
        config=ablation.config, dataset=ablation.dataset, seeds=counted(ablation.seeds, "seed")
    )
    parts = ["# Ablation", introduction, READING, *brief(ablation)]
    if ablation.records:
        parts += [f"![Scores of the variants]({FIGURE})", CAPTION, "## Variants", changes(ablation)]
    parts.append(provenance(ablation))
    return "\n\n".join(part.strip() for part in parts) + "\n"


def brief(ablation: Ablation) -> list[str]:
    """What a reader must know: the tables, which variants are best for their cost, and what failed."""
    parts = [stopped(ablation)] if ablation.missing else []
    parts += [part for each in ablation.tables if each.rows for part in table_section(each)]
    return [*parts, failed(ablation)] if ablation.failures else parts


def stopped(ablation: Ablation) -> str:
    """What a reader of an ablation that was stopped must know."""
    done = len(ablation.records)
    return (
        f"**Stopped: {done} of {counted(done + ablation.missing, 'training')} done.** The same command does "
        "the others. A row's means are over the seeds that it has; *vs base* is over those that both have."
    )


def table_section(each: Table) -> list[str]:
    """The part of one budget."""
    says = EQUAL_STEPS if each.budget.kind == STEPS else EQUAL_SECONDS
    fronts = [
        f"Best for their parameters (none with as few scores higher): {names(each, 'parameters')}.",
        f"Best for their seconds a step: {names(each, 'seconds_per_step')}.",
    ]
    return [f"## Equal {each.budget.kind}: {each.budget}", says, score_table(each), "\n".join(fronts)]


def names(each: Table, cost: str) -> str:
    """The variants of a front, the cheapest first."""
    return ", ".join(row.name for row in each.front(cost))


def score_table(each: Table) -> str:
    """A row for each variant, the best first."""
    return table(HEADER, [score_row(each, row) for row in each.rows])


def score_row(each: Table, row: Row) -> list[str]:
    """The cells of a variant."""
    gain = each.gain(row)
    return [
        f"**{row.name}** (base)" if row.is_base else row.name,
        f"{row.parameters:,}",
        spread(row, "miou", percents),
        "" if gain is None else f"{100 * gain:+.1f}",
        spread(row, "allacc", percents),
        spread(row, "steps", lambda value: f"{value:.0f}"),
        f"{row.mean('seconds_per_step'):.3f}",
        f"{row.mean('peak') / 2**20:.0f}",
        str(len(row.records)),
    ]


def spread(row: Row, field: str, text: Callable[[float], str]) -> str:
    """Mean ± standard deviation; the mean alone where there is one seed, or all are equal."""
    deviation = row.deviation(field)
    mean = text(row.mean(field))
    return f"{mean} ± {text(deviation)}" if deviation else mean


def percents(share: float) -> str:
    """A score of 0 to 1, in percent."""
    return f"{100 * share:.1f}"


def changes(ablation: Ablation) -> str:
    """What each variant is, a line each."""
    variants = {row.name: row.variant.says for each in ablation.tables for row in each.rows}
    return "\n".join(f"- {name}: {says}" for name, says in variants.items())


def failed(ablation: Ablation) -> str:
    """The jobs without a record, and why."""
    lines = [f"- {failure.job}: {failure.reason}" for failure in ablation.failures]
    return "\n".join(
        [f"**Failed: {counted(len(lines), 'training')}.** The same command tries again.", "", *lines]
    )


def provenance(ablation: Ablation) -> str:
    """Where the figures come from."""
    codes = ablation.codes
    lines = [f"Machine: {ablation.machine}. Code: {', '.join(codes) or 'no record'}."]
    if len(codes) > 1:
        lines.append(f"**These records are of {len(codes)} versions of the code.**")
    return " ".join(lines)
