"""On a CPU: the depthwise convolution beside the dense one, by level, width and kernel.

Furnished demo rooms, one pyramid, and on every level the width that the network has there. Times are warm:
the table is known, its pairs are listed. A step is forward and backward to features and weight. The two forms
take turns. Memory is what a process of its own adds to its resident size at the peak: in its first forward
pass, and in a step after it. Both hold what is derived from the table, the step the gradients as well.

    python benchmarks/depthwise.py --threads 2 --plot depthwise.png
    python benchmarks/depthwise.py --voxels 20000 --kernels 3 cross9 --dtype bf16
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ffnet3d.bench.clouds import furnished_rooms
from ffnet3d.bench.measure import (
    Timing,
    describe_machine,
    in_own_process,
    peak_bytes,
    restart_peak,
    seconds_of,
)
from ffnet3d.bench.roofs import DTYPES
from ffnet3d.bench.tables import number, spread, table
from ffnet3d.ops import subm_conv3d, subm_conv3d_depthwise
from ffnet3d.registry import require
from ffnet3d.voxels import build_pyramid

Kernel = int | str
Work = Callable[[], object]
FORMS = {"dense": subm_conv3d, "depthwise": subm_conv3d_depthwise}
PASSES = ("forward", "step")
HEADER = (
    "level, voxels, channels",
    "kernel",
    "present",
    *(f"{form}, ms" for form in FORMS),
    "ratio",
    *(f"{form}, MB" for form in FORMS),
)


@dataclass(frozen=True)
class Place:
    """A convolution of the network: where, how wide, over which offsets."""

    level: int
    channels: int
    kernel: Kernel
    voxels: int  # of level 0
    dtype: str  # of DTYPES


@dataclass(frozen=True)
class Row:
    """One pass of both forms at one place."""

    place: Place
    voxels: int  # of the level
    present: float  # neighbours of a voxel
    timings: dict[str, Timing]  # by form
    memory: dict[str, int]  # bytes, by form

    @property
    def ratio(self) -> float:
        """Time of the dense form over that of the depthwise one."""
        return self.timings["dense"].median / self.timings["depthwise"].median


def neighbors_of(place: Place) -> Tensor:
    """The table [V, K] of the place."""
    grid_coord = furnished_rooms(place.voxels)
    kernels = [() if level < place.level else (place.kernel,) for level in range(place.level + 1)]
    batch = torch.zeros(len(grid_coord), dtype=torch.int64)
    pyramid = build_pyramid(grid_coord, batch, (2,) * place.level, kernels)
    return pyramid.levels[place.level].neighbors[place.kernel]


def works(form: str, place: Place, neighbors: Tensor) -> dict[str, Work]:
    """Each of PASSES as a call."""
    generator, dtype = torch.Generator().manual_seed(0), DTYPES[place.dtype]
    of_offset = (place.channels, place.channels) if form == "dense" else (place.channels,)
    features = torch.randn(len(neighbors), place.channels, generator=generator).to(dtype)
    weight = torch.randn(neighbors.shape[1], *of_offset, generator=generator).to(dtype)
    cotangent = torch.ones_like(features)
    leaves = [features.clone().requires_grad_(), weight.requires_grad_()]

    def forward() -> None:
        with torch.no_grad():
            FORMS[form](*leaves, None, neighbors)

    def step() -> None:
        torch.autograd.grad(FORMS[form](*leaves, None, neighbors), leaves, cotangent)

    return dict(zip(PASSES, (forward, step), strict=True))


def added_bytes(form: str, place: Place, threads: int) -> dict[str, int]:
    """Resident bytes that a first forward pass adds at its peak, and those that this and a step add."""
    torch.set_num_threads(threads)
    runs = works(form, place, neighbors_of(place))
    before = restart_peak()
    peaks = {}
    for which, run in runs.items():
        run()
        peaks[which] = peak_bytes() - before
    return peaks


def measure(place: Place, repeats: int) -> list[Row]:
    """The passes at one place, the forms taking turns."""
    neighbors = neighbors_of(place)
    by_form = {form: works(form, place, neighbors) for form in FORMS}
    present = float((neighbors != len(neighbors)).sum()) / len(neighbors)
    threads = torch.get_num_threads()
    added = {form: in_own_process(added_bytes, form, place, threads) for form in FORMS}
    rows = []
    for which in PASSES:
        seconds: dict[str, list[float]] = {form: [] for form in FORMS}
        for turn in range(repeats + 1):
            for form in FORMS:
                taken = seconds_of(by_form[form][which])
                if turn > 0:  # the first turn lists pairs and compiles products
                    seconds[form].append(taken)
        memory = {form: added[form][which] for form in FORMS}
        timings = {form: Timing.of(taken) for form, taken in seconds.items()}
        rows.append(Row(place, len(neighbors), present, timings, memory))
    return rows


def report(rows: Sequence[Row]) -> str:
    """A Markdown table."""
    return table(HEADER, [_cells(row) for row in rows])


def _cells(row: Row) -> list[str]:
    return [
        f"{row.place.level}, {row.voxels:,}, {row.place.channels}",
        str(row.place.kernel),
        number(row.present),
        *(spread(row.timings[form]) for form in FORMS),
        number(row.ratio),
        *(number(row.memory[form] / 1e6) for form in FORMS),
    ]


def plot(passes: dict[str, list[Row]], file: Path) -> None:
    """A PNG: time of each pass, and the memory of a step, over the kernel; a colour for each level."""
    require("matplotlib", "view")
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 4.6), layout="constrained")
    axes = figure.subplots(1, 3)
    for panel, which in zip(axes, PASSES, strict=False):
        _draw(panel, passes[which], lambda row, form: 1e3 * row.timings[form].median)
        panel.set(title=which, ylabel="ms")
    _draw(axes[2], passes["step"], lambda row, form: row.memory[form] / 1e6)
    axes[2].set(title="memory that a first step adds", ylabel="MB")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=5, fontsize=8, handlelength=4)
    figure.savefig(file, dpi=110)


def _draw(axes: Any, rows: Sequence[Row], value: Callable[[Row, str], float]) -> None:
    kernels = list(dict.fromkeys(str(row.place.kernel) for row in rows))
    for index, level in enumerate(dict.fromkeys(row.place.level for row in rows)):
        here = [row for row in rows if row.place.level == level]
        for form, line in zip(FORMS, ("--", "-"), strict=True):
            label = f"{form}, {here[0].voxels:,} x {here[0].place.channels}"
            values = [value(row, form) for row in here]
            axes.plot(kernels, values, line, marker="o", color=f"C{index}", label=label)
    axes.set(yscale="log", xlabel="kernel")
    axes.grid(alpha=0.3)


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--voxels", type=int, default=100_000, help="of the finest level")
    parser.add_argument("--channels", type=int, nargs="+", default=[32, 64, 128, 256, 512], help="by level")
    parser.add_argument(
        "--kernels", type=_kernel, nargs="+", default=[3, 5, 7], help="such as 3 9x1x1 cross9"
    )
    parser.add_argument("--dtype", choices=list(DTYPES), default="fp32")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--plot", type=Path, metavar="FILE", help="write a PNG as well")
    return parser.parse_args()


def _kernel(text: str) -> Kernel:
    return int(text) if text.isdigit() else text


def main() -> None:
    """Measure, print both tables, and plot."""
    asked = parse()
    torch.set_num_threads(asked.threads)
    print(describe_machine().describe())
    print(f"{asked.dtype}, {asked.repeats} calls each: median, and in brackets the range\n")
    places = [
        Place(level, channels, kernel, asked.voxels, asked.dtype)
        for level, channels in enumerate(asked.channels)
        for kernel in asked.kernels
    ]
    bar = require("tqdm", "train").tqdm
    measured = [measure(place, asked.repeats) for place in bar(places, disable=None, file=sys.stderr)]
    passes = {which: [rows[index] for rows in measured] for index, which in enumerate(PASSES)}
    for which, rows in passes.items():
        print(f"{which}\n\n{report(rows)}\n")
    if asked.plot:
        plot(passes, asked.plot)


if __name__ == "__main__":
    main()
