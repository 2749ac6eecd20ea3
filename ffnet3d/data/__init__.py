"""Data: scene folders, transforms, batches, the built-in demo rooms.

A sample is a dict of arrays under Pointcept's names (`coord`, `color`, `normal`, `segment`, ...). All that is
drawn for a sample depends on (seed, epoch, index) alone.
"""

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
