"""What came out of a scan: points, area and confidence of each class, time, memory."""

from __future__ import annotations

import importlib.metadata
import platform
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from ffnet3d.segment.class_counts import area_cell, count_classes
from ffnet3d.segment.labels import Labels
from ffnet3d.segment.network import VoxelNetwork
from ffnet3d.segment.recipe import Recipe
from ffnet3d.segment.scan import Scan
from ffnet3d.segment.summary_record import Summary
from ffnet3d.version import __version__

PACKAGES = ("numpy", "torch", "onnxruntime")


class Predicts(Protocol):
    """What is needed of a `Segmenter`."""

    @property
    def recipe(self) -> Recipe: ...
    @property
    def network(self) -> VoxelNetwork: ...


def summarize(
    scan: Scan,
    labels: Labels,
    segmenter: Predicts,
    out: Path,
    columns: Sequence[str],
    seconds: Mapping[str, float],
    weights: str | Path = "",
) -> Summary:
    """Sum up the labels [N] that a scan's points got; the scan is read once more, for the areas."""
    recipe = segmenter.recipe
    classes = count_classes(scan, labels, recipe)
    return Summary(
        scan=str(scan.cloud.file),
        output=str(out),
        columns=tuple(columns),
        up=scan.options.up,
        points=scan.num_points,
        unlabelled=scan.num_points - sum(one.points for one in classes),
        extent_m=tuple(round(float(length), 3) for length in np.ptp(scan.bounds, axis=0)),
        area_cell_m=round(area_cell(scan, recipe), 4),
        classes=classes,
        seconds={name: round(value, 3) for name, value in seconds.items()},
        peak_process_memory_bytes=peak_memory(),
        notes=scan.notes,
        warnings=scan.warnings,
        weights=str(weights),
        network=segmenter.network.description,
        recipe=recipe.as_dict(),
        versions=versions(),
    )


def peak_memory() -> int | None:
    """Bytes that this process has held at most; None where the system does not tell."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def versions() -> dict[str, str]:
    """Of this package, Python, and the packages that compute."""
    found = {"ffnet3d": __version__, "python": platform.python_version()}
    for package in PACKAGES:
        if package in sys.modules:
            found[package] = importlib.metadata.version(package)
    return found
