"""Data: scene folders, transforms, batches, the built-in demo rooms.

A sample is a dict of arrays under Pointcept's names (`coord`, `color`, `normal`, `segment`, ...). All that is
drawn for a sample depends on (seed, epoch, index) alone. Names are imported on first use: class names,
normals, scene folders and file formats need no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ffnet3d.registry import from_home

if TYPE_CHECKING:
    from ffnet3d.data import transforms
    from ffnet3d.data.classes import (
        S3DIS13,
        S3DIS13_PALETTE,
        SCANNET20,
        SCANNET20_PALETTE,
        SCANNET200,
        SCANNET200_PALETTE,
        palette,
    )
    from ffnet3d.data.datasets import (
        DefaultDataset,
        S3DISDataset,
        SampleKey,
        ScanNet200Dataset,
        ScanNetDataset,
        SceneDataset,
    )
    from ffnet3d.data.fragments import Fragment, TestScene
    from ffnet3d.data.loader import EpochBatchSampler, build_loader, collate
    from ffnet3d.data.normals import estimate_normals
    from ffnet3d.data.registry import DATASETS, TRANSFORMS, Sample, Transform
    from ffnet3d.data.scene import read_scene, write_scene

__all__ = [
    "DATASETS",
    "S3DIS13",
    "S3DIS13_PALETTE",
    "SCANNET20",
    "SCANNET20_PALETTE",
    "SCANNET200",
    "SCANNET200_PALETTE",
    "TRANSFORMS",
    "DefaultDataset",
    "EpochBatchSampler",
    "Fragment",
    "S3DISDataset",
    "Sample",
    "SampleKey",
    "ScanNet200Dataset",
    "ScanNetDataset",
    "SceneDataset",
    "TestScene",
    "Transform",
    "build_loader",
    "collate",
    "estimate_normals",
    "palette",
    "read_scene",
    "transforms",
    "write_scene",
]

_HOMES = {
    "classes": (
        "S3DIS13",
        "S3DIS13_PALETTE",
        "SCANNET20",
        "SCANNET20_PALETTE",
        "SCANNET200",
        "SCANNET200_PALETTE",
        "palette",
    ),
    "datasets": (
        "DefaultDataset",
        "S3DISDataset",
        "SampleKey",
        "ScanNet200Dataset",
        "ScanNetDataset",
        "SceneDataset",
    ),
    "fragments": ("Fragment", "TestScene"),
    "loader": ("EpochBatchSampler", "build_loader", "collate"),
    "normals": ("estimate_normals",),
    "registry": ("DATASETS", "TRANSFORMS", "Sample", "Transform"),
    "scene": ("read_scene", "write_scene"),
}


def __getattr__(name: str) -> Any:
    if name == "transforms":
        return import_module(f"{__name__}.transforms")
    if name in ("DATASETS", "TRANSFORMS"):
        import_module(f"{__name__}.datasets")  # its classes, and the transforms, register
    return from_home(__name__, _HOMES, name)


def __dir__() -> list[str]:
    return sorted(__all__)
