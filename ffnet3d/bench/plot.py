"""The figures as a plot: time per voxel over the size of a scene, and each level's rate below its roof."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ffnet3d.bench.convolution import PASSES
from ffnet3d.bench.results import Results
from ffnet3d.registry import require


def plot(results: Results, file: Path) -> None:
    """Write a PNG. ImportError naming the extra where matplotlib is missing."""
    require("matplotlib", "view")
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    draw_networks(left, results)
    draw_convolutions(right, results)
    figure.savefig(file, dpi=110)


def draw_networks(axes: Any, results: Results) -> None:
    """Milliseconds per 1,000 voxels over voxels, with the range of the scenes; one line for each work."""
    for work in dict.fromkeys(row.work for row in results.networks):
        rows = sorted((row for row in results.networks if row.work == work), key=lambda row: row.voxels)
        middle = [1e6 * row.per_voxel.median for row in rows]
        below = [1e6 * (row.per_voxel.median - row.per_voxel.minimum) for row in rows]
        above = [1e6 * (row.per_voxel.maximum - row.per_voxel.median) for row in rows]
        voxels = [row.voxels for row in rows]
        axes.errorbar(voxels, middle, yerr=[below, above], marker="o", capsize=3, label=work)
    axes.set(xlabel="voxels of a scene", ylabel="ms per 1,000 voxels", title="Whole network, new scenes")
    if results.networks:
        sizes = sorted({row.voxels for row in results.networks})
        axes.set(xscale="log", ylim=(0, 1.35 * axes.get_ylim()[1]))
        axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
        axes.minorticks_off()
        axes.legend(fontsize=8, ncols=2, loc="upper right")


def draw_convolutions(axes: Any, results: Results) -> None:
    """GFLOP/s over present neighbours of the forward pass by place, and the roof of each dtype."""
    axes.set(ylabel="GFLOP/s on present neighbours", title="3x3x3 convolution, forward")
    if results.roofs is None:
        return
    forward = [row for row in results.convolutions if row.which == PASSES[0]]
    for index, dtype in enumerate(dict.fromkeys(row.dtype for row in forward)):
        rows = [row for row in forward if row.dtype == dtype]
        places = [place + 0.4 * index - 0.2 for place in range(len(rows))]
        bars = axes.bar(places, [row.rate / 1e9 for row in rows], width=0.38, label=dtype)
        roof = results.roofs.product(dtype) / 1e9
        axes.axhline(roof, color=bars[0].get_facecolor(), linestyle="--", label=f"{dtype} GEMM roof")
    names = list(dict.fromkeys(f"L{row.place.level}\n{row.place.channels}" for row in forward))
    axes.set_xticks(range(len(names)), names)
    axes.set(xlabel="level and channels")
    axes.legend(fontsize=8, ncols=2, loc="upper right")
