"""The coefficients of a key on a scan, as a picture and as a coloured cloud."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ffnet3d.analysis.pictures import is_turned, middle_of, save_figure
from ffnet3d.analysis.scene import Scene
from ffnet3d.data.formats import write_ply
from ffnet3d.engine.report.figures import CUT_HEIGHT, new_figure, project
from ffnet3d.registry import require
from ffnet3d.view.sample import even_sample

if TYPE_CHECKING:
    from matplotlib.axes import Axes

RAMP = "viridis"
RANGE = (1.0, 99.0)
"""Percentiles of a scan's points between which colours run; beyond, they stay."""
VIEW_INCHES = 3.0  # width of a view, about
MOST_DRAWN = 60_000  # points of a picture
INSIDE, OUTSIDE = "#d62728", "#c9d1d6"
TOP = (0.0, np.pi / 2)
OBLIQUE = (0.6, 0.9)
"""Azimuth and elevation of the two views, radians."""


def color_range(values: NDArray[np.float32]) -> tuple[float, float]:
    """The coefficients [N] at both ends of the ramp."""
    low, high = np.percentile(values, RANGE)
    return float(low), float(high if high > low else low + 1)


def write_cloud(file: Path, scene: Scene, values: NDArray[np.float32], what: str) -> None:
    """Write the scan's points as PLY: its own coordinates, colours of the ramp, and the column `coefficient`.

    values: [N]; what: a line for the header.
    """
    low, high = color_range(values)
    ramp = require("matplotlib", "view").colormaps[RAMP]
    colors = ramp(np.clip((values - low) / (high - low), 0, 1), bytes=True)[:, :3]
    columns = dict(zip("xyz", scene.place.T, strict=True))
    columns |= dict(zip(("red", "green", "blue"), colors.T, strict=True))
    write_ply(file, {**columns, "coefficient": values}, [what, f"{RAMP} from {low:.6g} to {high:.6g}"])


def draw_maps(
    file: Path,
    scene: Scene,
    class_name: str,
    inside: NDArray[np.bool_],
    maps: Sequence[tuple[str, NDArray[np.float32]]],
) -> None:
    """Write a PNG: from above and obliquely, the points of the class [N], then each map (title, [N]).

    Points in the upper part of the room are left out, so that one sees into it; its longer side lies across.
    """
    coord = scene.points.coord
    turned = is_turned(coord)
    low, high = coord[:, 2].min(), coord[:, 2].max()
    shown = np.flatnonzero(coord[:, 2] <= low + CUT_HEIGHT * (high - low))
    shown = shown[even_sample(len(shown), MOST_DRAWN)]
    views = {view: view_of(coord, shown, view, turned) for view in (TOP, OBLIQUE)}
    heights = [VIEW_INCHES * shape_of(place) for place, _ in views.values()]
    figure = new_figure((VIEW_INCHES + 0.3) * (1 + len(maps)), sum(heights) + 2.5)
    grid = figure.subplots(2, 1 + len(maps), squeeze=False, height_ratios=heights)
    for axes_of_views, (view, (place, depth)) in zip(grid, views.items(), strict=True):
        order = np.argsort(depth)
        colors = np.where(inside[shown], INSIDE, OUTSIDE)
        draw_points(axes_of_views[0], place[order], color=colors[order])
        for axes, (_, values) in zip(axes_of_views[1:], maps, strict=True):
            ends = dict(zip(("vmin", "vmax"), color_range(values), strict=True))
            drawn = draw_points(axes, place[order], c=values[shown][order], cmap=RAMP, **ends)
            if view == OBLIQUE:
                bar = figure.colorbar(drawn, ax=axes, location="bottom", extend="both")
                bar.set_label("coefficient (no unit)")
                bar.ax.locator_params(axis="x", nbins=4)  # more would run into each other
                bar.ax.tick_params(labelsize=8)
    grid[0, 0].set_title(f"points of {class_name} (red)", fontsize=10)
    for axes, (title, _) in zip(grid[0, 1:], maps, strict=True):
        axes.set_title(title, fontsize=10)
    name_axes(grid[0], turned)
    grid[1, 0].set(xlabel="across (m)", ylabel="up the picture (m)")
    save_figure(figure, file)


def name_axes(row: Sequence[Axes], turned: bool) -> None:
    """What runs along the axes of the views from above: in a turned room y to the right, x downwards."""
    for axes in row if turned else ():
        axes.yaxis.set_major_formatter(lambda value, _: f"{0 - value:g}".replace("-", "−"))
    across, upwards = "yx" if turned else "xy"
    row[0].set(xlabel=f"{across} from the middle (m)", ylabel=f"{upwards} from the middle (m)")


def view_of(
    coord: NDArray[np.floating], shown: NDArray[np.int64], view: tuple[float, float], turned: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Places [n, 2] in metres from the scan's middle, and nearness [n], of the points in the rows `shown`."""
    azimuth, elevation = view
    # The projection counts from the mean of what it is given: the middle goes along, and is the origin.
    place, depth = project(
        np.vstack([coord[shown], middle_of(coord)]), azimuth - turned * np.pi / 2, elevation
    )
    return place[:-1] - place[-1], depth[:-1]


def shape_of(place: NDArray[np.float64]) -> float:
    """Height over width of a view [n, 2], within what a picture can show."""
    width, height = np.ptp(place, axis=0)
    return float(np.clip(height / max(width, 1e-3), 0.3, 1.3))


def draw_points(axes: Axes, place: NDArray[np.float64], **colors: Any) -> Any:
    """Points of one view [n, 2], in metres."""
    drawn = axes.scatter(place[:, 0], place[:, 1], s=point_size(place), linewidths=0, **colors)
    axes.set_aspect("equal", anchor="S")  # in line with those that have a bar below
    axes.tick_params(labelsize=8)
    return drawn


def point_size(place: NDArray[np.float64]) -> float:
    """Area of a mark, in square points, that lets marks of a view [n, 2] in metres touch one another."""
    extent = np.maximum(np.ptp(place, axis=0), 1e-3)
    apart = float(np.sqrt(extent.prod() / max(len(place), 1)))
    return float(np.clip((1.3 * apart * 72 * VIEW_INCHES / extent.max()) ** 2, 0.8, 60))
