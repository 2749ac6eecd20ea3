"""Receptive fields to look at: a curve a network, one field on the scan, and its points in colour."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ffnet3d.analysis.pictures import is_turned, middle_of
from ffnet3d.analysis.receptive_summary import THRESHOLDS, Receptive, curve_radii
from ffnet3d.data.formats.ply_write import write_ply
from ffnet3d.registry import require

DECADES = 6  # of contribution below the largest that a colour tells apart
RAMP = "inferno"
VIEWS = (("from above", 0, 1), ("from the side", 0, 2))  # name, axis to the right, axis upwards
LARGEST = (9.0, 8.0)  # width and height of the views of a picture, inches


def draw_curves(networks: Sequence[Receptive]) -> Any:
    """A matplotlib figure: the share of the contribution within a radius, mean and 16 to 84 % of the samples.

    Radii in metres, and in voxels above where all networks have voxels of one size. ValueError without any.
    """
    if not networks:
        raise ValueError("no network to draw a receptive field of")
    require("matplotlib", "view")
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.8), layout="constrained")
    axes = figure.subplots()
    for threshold in THRESHOLDS:
        axes.axhline(100 * threshold, color="0.8", linewidth=0.8, zorder=0)
    for network in networks:
        draw_curve(axes, network)
    sizes = {network.grid_size for network in networks}
    axes.set(xlabel="radius, metres", ylabel="contribution within the radius, %", ylim=(0, 101), xscale="log")
    axes.set_xlim(0.8 * min(sizes), None)
    axes.set_yticks([0, *(100 * threshold for threshold in THRESHOLDS), 75])
    label_decades(axes.xaxis)
    if len(sizes) == 1:
        size = sizes.pop()
        above = axes.secondary_xaxis(
            "top", functions=(partial(np.multiply, 1 / size), partial(np.multiply, size))
        )
        above.set_xlabel(f"radius, voxels of {100 * size:g} cm")
        label_decades(above.xaxis)
    axes.legend(loc="lower right")
    return figure


def draw_curve(axes: Any, network: Receptive) -> None:
    """One network's mean over the samples, and the band that holds the middle 68 % of them."""
    curves = 100 * network.curves
    # From one voxel on, as far as some curve still rises.
    drawn = slice(1, 1 + int(np.argmax(curves.min(axis=0) >= 100 - 1e-9)) or None)
    radii, shares = curve_radii()[drawn], curves[:, drawn]
    metres = network.grid_size * radii
    (line,) = axes.step(metres, shares.mean(axis=0), where="post", label=network.name)
    low, high = np.quantile(shares, (0.16, 0.84), axis=0)
    axes.fill_between(metres, low, high, step="post", color=line.get_color(), alpha=0.15, linewidth=0)


def label_decades(axis: Any) -> None:
    """Numbers at 1, 2 and 5 of each decade of a logarithmic axis."""
    from matplotlib.ticker import LogLocator, NullFormatter

    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter(NullFormatter())


def draw_fields(networks: Sequence[Receptive]) -> Any:
    """A matplotlib figure: each network's field of one sample voxel, from above, and below it from the side.

    The scan's longer side lies across; metres count from its middle, heights from its lowest voxel. A pixel
    is a column of voxels and shows the largest contribution in it; voxels that contribute nothing are grey.
    One colour ramp, of `DECADES` decades, serves all. ValueError without any network.
    """
    if not networks:
        raise ValueError("no network to draw a receptive field of")
    require("matplotlib", "view")
    from matplotlib.figure import Figure

    top = max(network.shown.contribution.max() for network in networks)
    x, y, z = np.ptp(networks[0].shown.grid_coord, axis=0) + 1.0
    heights = np.array([min(x, y), z]) / max(x, y)  # of a view that is one wide
    width = min(LARGEST[0] / len(networks), LARGEST[1] / heights.sum())
    figure = Figure(
        figsize=(max(width * len(networks), 5.0) + 0.6, width * heights.sum() + 2.0), layout="constrained"
    )
    grid = figure.subplots(len(VIEWS), len(networks), squeeze=False, height_ratios=heights)
    for row, (name, right, up) in zip(grid, VIEWS, strict=True):
        for axes, network in zip(row, networks, strict=True):
            image = draw_view(axes, network, right, up, float(top))
            axes.set_title(f"{network.name}, {name}", fontsize=10)
    label = "contribution of a voxel, share of all"
    figure.colorbar(image, ax=grid, label=label, extend="min", location="bottom", shrink=0.8, aspect=40)
    return figure


def draw_view(axes: Any, network: Receptive, right: int, up: int, top: float) -> Any:
    """The field along the third axis on `axes`, with a ring around the sample voxel; returns the image."""
    from matplotlib.colors import LogNorm

    shown, place = network.shown, metres(network)
    turned = is_turned(shown.grid_coord)
    if turned:
        right, up = (1, 0) if up == 1 else (1, up)
    columns = project(shown.contribution, shown.grid_coord[:, [right, up]])
    half = network.grid_size / 2
    ends = [(place[:, axis].min() - half, place[:, axis].max() + half) for axis in (right, up)]
    common = {"origin": "lower", "extent": (*ends[0], *ends[1]), "interpolation": "nearest"}
    axes.imshow(np.where(np.isnan(columns), np.nan, 0.5).T, cmap="gray", vmin=-1.2, vmax=1, **common)
    contributing = np.where(columns > 0, np.maximum(columns, top * 10.0**-DECADES), np.nan)
    image = axes.imshow(contributing.T, cmap=RAMP, norm=LogNorm(top * 10.0**-DECADES, top), **common)
    sample = place[shown.row]
    axes.plot(
        sample[right], sample[up], "o", markersize=11, fillstyle="none", color="tab:cyan", markeredgewidth=1.5
    )
    if up == 0:
        axes.invert_yaxis()  # a turn and no mirror image
    names = ("x from the middle (m)", "y from the middle (m)", "height (m)")
    axes.set(xlabel=names[right], ylabel=names[up])
    return image


def metres(network: Receptive) -> NDArray[np.float64]:
    """Centres [V, 3] of the shown voxels: from the scan's middle, heights from its lowest voxel's floor."""
    cells = network.shown.grid_coord
    origin = middle_of(cells)
    origin[2] = cells[:, 2].min() - 0.5
    place: NDArray[np.float64] = network.grid_size * (cells - origin)
    return place


def project(values: NDArray[np.float64], cells: NDArray[np.integer]) -> NDArray[np.float64]:
    """The largest of the values [V] of each cell [V, 2], as an image [W, H]; NaN where there is no voxel."""
    cells = cells - cells.min(axis=0)
    image = np.full(cells.max(axis=0) + 1, -np.inf)
    np.maximum.at(image, (cells[:, 0], cells[:, 1]), values)
    return np.where(np.isneginf(image), np.nan, image)


def write_field(
    file: Path, place: NDArray[np.floating], contribution: NDArray[np.float64], what: str
) -> None:
    """Write points [N, 3] as PLY: colours of the ramp, and in the column `contribution` [N] their voxel's.

    what: a line for the header.
    """
    columns: dict[str, NDArray[Any]] = dict(zip("xyz", place.T, strict=True))
    columns |= dict(zip(("red", "green", "blue"), ramp(contribution).T, strict=True))
    columns["contribution"] = contribution.astype(np.float32)
    write_ply(file, columns, [what, f"{RAMP} over {DECADES} decades, grey: contributes nothing"])


def ramp(contribution: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Colours uint8 [V, 3] of contributions [V], by their logarithm; grey where there is none."""
    colormap = require("matplotlib", "view").colormaps[RAMP]
    floor = contribution.max() * 10.0**-DECADES
    heights = 1 + np.log10(np.maximum(contribution, floor) / contribution.max()) / DECADES
    colors: NDArray[np.uint8] = colormap(heights, bytes=True)[:, :3]
    colors[contribution == 0] = 170
    return colors
