"""The share of inactive coefficients, mixer by mixer, as bars."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ffnet3d.analysis.pictures import save_figure
from ffnet3d.analysis.places import Place
from ffnet3d.engine.report.figures import new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLORS = {"token": "#3b78b5", "channel": "#e08e45"}
MARKERS = ("_", "x", "1", "2")  # of the other thresholds
KEYLESS, NOT_POSITIVE = "no keys of their own", "c ≤ 0"
BAR = 0.38  # of the place of a block


class Shares(Protocol):
    """What is drawn of a mixer: shares of inactive coefficients, one for each threshold."""

    @property
    def shares(self) -> tuple[float, ...]: ...
    @property
    def share_not_positive(self) -> float: ...


def draw_shares(
    networks: Mapping[str, Mapping[Place, Shares | None]], thresholds: Sequence[float], main: int, file: Path
) -> None:
    """Write a PNG with a row for each network: bars at the main threshold, marks at the others.

    None stands for a mixer without keys of its own, which is hatched from bottom to top.
    """
    longest = max(len({(p.stage, p.level, p.block) for p in places}) for places in networks.values())
    figure = new_figure(max(8.5, min(0.5 * longest + 2.5, 13)), 0.6 + 3.1 * len(networks))
    rows = figure.subplots(len(networks), 1, squeeze=False)[:, 0]
    for axes, (name, shares) in zip(rows, networks.items(), strict=True):
        draw_network(axes, name, shares, thresholds, main)
    entries = dict(zip(*reversed(rows[0].get_legend_handles_labels()), strict=True))
    ordered = sorted(entries, key=lambda label: "mixer" not in label)
    figure.legend(
        [entries[label] for label in ordered],
        ordered,
        loc="outside lower center",
        ncols=3,
        fontsize=9,
        frameon=False,
    )
    save_figure(figure, file)


def draw_network(
    axes: Axes, name: str, shares: Mapping[Place, Shares | None], thresholds: Sequence[float], main: int
) -> None:
    """One network: a place for each block, stages set apart."""
    spots = spots_of(shares)
    others = [index for index in range(len(thresholds)) if index != main]
    for kind, shift in (("token", -BAR / 2), ("channel", BAR / 2)):
        places = {
            spots[p.stage, p.level, p.block] + shift: row for p, row in shares.items() if p.mixer == kind
        }
        chosen = {at: row for at, row in places.items() if row is not None}
        if keyless := [at for at, row in places.items() if row is None]:
            axes.bar(keyless, 100, BAR, color="white", edgecolor="#ccc", hatch="////", label=KEYLESS)
        if not chosen:
            continue
        heights = [[100 * share for share in row.shares] for row in chosen.values()]
        label = f"inactive, {kind} mixer, t = {thresholds[main]:g}"
        axes.bar([*chosen], [row[main] for row in heights], BAR, color=COLORS[kind], label=label)
        for marker, index in zip(MARKERS, others, strict=False):
            draw_marks(
                axes, chosen, [row[index] for row in heights], marker, f"inactive, t = {thresholds[index]:g}"
            )
        below = [100 * row.share_not_positive for row in chosen.values()]
        draw_marks(axes, chosen, below, "o", f"{NOT_POSITIVE}, inactive or not")
    axes.set(title=name, ylabel="share of the coefficients (%)", ylim=(0, 100))
    axes.set_xticks(*stage_ticks(spots))
    axes.tick_params(axis="x", length=0)
    axes.grid(axis="y", color="#ddd")
    axes.set_axisbelow(True)


def draw_marks(axes: Axes, at: Iterable[float], heights: Sequence[float], marker: str, label: str) -> None:
    """Marks of one kind; rings are hollow."""
    color = "#888" if marker == "o" else "#222"
    axes.plot([*at], heights, marker, color=color, markersize=6, fillstyle="none", label=label)


def spots_of(places: Mapping[Place, Any]) -> dict[tuple[str, int, int], float]:
    """Where each block stands: one apart, two stages half a place more."""
    spots: dict[tuple[str, int, int], float] = {}
    at, stage = 0.0, None
    for place in places:
        block = (place.stage, place.level, place.block)
        if block in spots:
            continue
        at += 1.5 if stage not in (None, block[:2]) else 1.0
        stage = block[:2]
        spots[block] = at
    return spots


def stage_ticks(spots: Mapping[tuple[str, int, int], float]) -> tuple[list[float], list[str]]:
    """The middle of each stage, and its name over two lines."""
    stages: dict[tuple[str, int], list[float]] = {}
    for (stage, level, _), at in spots.items():
        stages.setdefault((stage, level), []).append(at)
    return [sum(at) / len(at) for at in stages.values()], [f"{stage}\n{level}" for stage, level in stages]
