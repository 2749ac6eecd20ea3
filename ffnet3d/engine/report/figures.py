"""The report's pictures, drawn by matplotlib: curves, IoU of each class, confusion matrix, scenes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ffnet3d.engine.report.colors import VIEWS, view_colors
from ffnet3d.engine.report.results import RunResults, SceneResult
from ffnet3d.registry import require

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CUT_HEIGHT = 0.75  # points above this share of a room's height are left out, so that one sees inside
MOST_TICKS = 30  # classes that are named on an axis; 200 names would be a smear


def new_figure(width: float, height: float) -> Figure:
    """An empty figure that no window system is needed for (inches, 110 dots an inch)."""
    require("matplotlib", "view")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def draw_loss(axes: Axes, results: RunResults) -> None:
    """Training loss by step, as logged and smoothed, with the validation loss."""
    steps = np.array([line["step"] for line in results.train])
    loss = np.array([line["loss"] for line in results.train])
    window = max(len(loss) // 40, 1)
    axes.plot(steps, loss, color="#c6dbef", linewidth=0.8)
    if len(loss) >= window:
        smooth = np.convolve(loss, np.ones(window) / window, mode="valid")
        axes.plot(steps[window - 1 :], smooth, color="#2171b5", label="training")
    if results.evaluations:
        points = [(line["step"], line["loss"]) for line in results.evaluations]
        axes.plot(*zip(*points, strict=True), "o-", color="#e6550d", markersize=3, label="validation")
    axes.set(title="Loss", xlabel="step", ylim=(0, None))
    axes.legend(frameon=False)


def draw_scores(axes: Axes, results: RunResults) -> None:
    """Validation mIoU, mAcc and allAcc after each epoch."""
    epochs = [line["epoch"] for line in results.evaluations]
    for key, color in (("mIoU_present", "#2171b5"), ("mAcc", "#74c476"), ("allAcc", "#fd8d3c")):
        axes.plot(
            epochs, [line[key] for line in results.evaluations], "o-", color=color, markersize=3, label=key
        )
    axes.set(title="Validation", xlabel="epoch", ylim=(0, 1))
    axes.locator_params(axis="x", integer=True)
    axes.legend(frameon=False)


def draw_class_iou(axes: Axes, results: RunResults) -> None:
    """IoU of each class that the tested scenes hold, best first."""
    iou = np.array(results.test["scores"]["iou"], dtype=float)
    present = np.array(results.test["confusion"]).sum(1) > 0
    order = [i for i in np.argsort(-iou) if present[i]][:MOST_TICKS]
    axes.barh(np.arange(len(order)), iou[order], color="#4292c6")
    axes.set_yticks(np.arange(len(order)), [results.classes[i] for i in order], fontsize=8)
    for row, index in enumerate(order):
        axes.text(iou[index] + 0.01, row, f"{iou[index]:.2f}", va="center", fontsize=7)
    axes.invert_yaxis()
    axes.set(title="IoU by class", xlim=(0, 1.1))


def draw_confusion(axes: Axes, results: RunResults) -> None:
    """Share of each true class (row) that was given each label (column)."""
    matrix = np.array(results.test["confusion"], dtype=float)
    shares = matrix / np.maximum(matrix.sum(1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    if len(matrix) <= MOST_TICKS:
        ticks = np.arange(len(matrix))
        axes.set_xticks(ticks, results.classes, rotation=90, fontsize=7)
        axes.set_yticks(ticks, results.classes, fontsize=7)
    axes.set(title="Confusion (rows: truth)")


def project(coord: np.ndarray, azimuth: float = 0.6, elevation: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Orthographic view from above (radians): picture positions [N, 2] in metres and nearness [N]."""
    x, y, z = (coord - coord.mean(0)).T
    right = x * np.cos(azimuth) - y * np.sin(azimuth)
    forward = x * np.sin(azimuth) + y * np.cos(azimuth)
    up = z * np.cos(elevation) + forward * np.sin(elevation)
    return np.stack([right, up], 1), z * np.sin(elevation) - forward * np.cos(elevation)


def draw_scene(axes_of_views: Any, scene: SceneResult, num_classes: int) -> None:
    """The scene seen from above without its ceiling, in the four views."""
    low, high = scene.coord[:, 2].min(), scene.coord[:, 2].max()
    kept = np.flatnonzero(scene.coord[:, 2] <= low + CUT_HEIGHT * (high - low))
    position, depth = project(scene.coord[kept])
    kept, position = kept[np.argsort(depth)], position[np.argsort(depth)]
    for axes, view in zip(axes_of_views, VIEWS, strict=True):
        colors = view_colors(scene, num_classes)[view][kept] / 255
        axes.scatter(*position.T, c=colors, s=3, linewidths=0)
        axes.set_aspect("equal")
        axes.set_axis_off()
        axes.set_title(view if view != "input" else f"{scene.name}: input", fontsize=9)


def draw_charts(results: RunResults) -> Figure:
    """Curves, IoU of each class and confusion matrix side by side."""
    drawings = []
    if results.train:
        drawings.append(draw_loss)
    if results.evaluations:
        drawings.append(draw_scores)
    if results.has_truth:
        drawings += [draw_class_iou, draw_confusion]
    figure = new_figure(4.2 * max(len(drawings), 1), 4.2)
    for axes, draw in zip(np.ravel(figure.subplots(1, max(len(drawings), 1))), drawings, strict=False):
        draw(axes, results)
    return figure


def draw_scenes(results: RunResults) -> Figure:
    """Every display scene in a row of four views."""
    rows = max(len(results.scenes), 1)
    figure = new_figure(15, 3.6 * rows)
    grid = np.reshape(figure.subplots(rows, len(VIEWS)), (rows, len(VIEWS)))
    for axes_of_views, scene in zip(grid, results.scenes, strict=False):
        draw_scene(axes_of_views, scene, len(results.classes))
    return figure
