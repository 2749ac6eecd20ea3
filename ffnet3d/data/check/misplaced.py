"""What a folder holds that has no scenes: raw data, data roots, or a preparation that has not got far."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from ffnet3d.data.prepare.record import RECORDS

RAW = {"s3dis": ("Annotations",), "scannet": ("*_vh_clean*.ply", "*.aggregation.json", "*.sens")}
DEPTHS = ("", "*/", "*/*/", "*/*/*/")  # from a room or scan up to the folder above the download
NAMED = 3  # data roots


def why_no_scenes(root: Path) -> str:
    """Why `root` has no scenes, and what to do."""
    if (root / RECORDS).is_dir():
        return f"{root}: no scenes: their preparation was not finished, or failed: call ffnet3d prepare again"
    if roots := sorted({str(file.parents[2]) for file in root.glob("*/*/*/coord.npy")}):
        more = ", ..." if len(roots) > NAMED else ""
        return f"{root}: its folders are data roots: check {', '.join(roots[:NAMED])}{more}"
    for dataset, source in _raw_sources(root):
        return f"{root}: raw data, no scenes: ffnet3d prepare {dataset} {source} TARGET first"
    return (
        f"{root}: no scenes: neither ROOT/SPLIT/SCENE/coord.npy nor ROOT/SCENE/coord.npy; "
        "raw data need ffnet3d prepare first"
    )


def _raw_sources(root: Path) -> Iterator[tuple[str, Path]]:
    """Data sets of which raw scans lie in or below `root`, and the folder that their preparation takes."""
    for depth in DEPTHS:
        for dataset, patterns in RAW.items():
            for pattern in patterns:
                if file := next(root.glob(depth + pattern), None):
                    group = Path(os.path.abspath(file)).parents[1]  # an area, or scans
                    is_inner = dataset == "s3dis" or group.name.startswith("scans")
                    yield dataset, group.parent if is_inner else group
