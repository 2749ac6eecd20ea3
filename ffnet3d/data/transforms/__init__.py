"""Transforms of a sample, under the names and with the parameters and random distributions of Pointcept's.

Each is called `transform(sample, rng)`: it draws from `rng` alone, leaves the caller's dict and arrays as
they are, and keeps floating types (float32 stays float32).
"""

from ffnet3d.data.transforms.color import (
    ChromaticAutoContrast,
    ChromaticJitter,
    ChromaticTranslation,
    HueSaturationTranslation,
    NormalizeColor,
    RandomColorDrop,
)
from ffnet3d.data.transforms.color_jitter import RandomColorGrayScale, RandomColorJitter
from ffnet3d.data.transforms.compose import Compose
from ffnet3d.data.transforms.dropout import RandomDropColor, RandomDropNormal, RandomDropout
from ffnet3d.data.transforms.elastic import ElasticDistortion
from ffnet3d.data.transforms.geometry import (
    RandomFlip,
    RandomJitter,
    RandomRotate,
    RandomRotateTargetAngle,
    RandomScale,
)
from ffnet3d.data.transforms.points import select_points
from ffnet3d.data.transforms.sampling import Fragments, GridSample, ShufflePoint, SphereCrop
from ffnet3d.data.transforms.shift import CenterShift, NormalizeCoord, PointClip, PositiveShift, RandomShift
from ffnet3d.data.transforms.structure import Add, Collect, Copy, ToTensor, Update

__all__ = [
    "Add",
    "CenterShift",
    "ChromaticAutoContrast",
    "ChromaticJitter",
    "ChromaticTranslation",
    "Collect",
    "Compose",
    "Copy",
    "ElasticDistortion",
    "Fragments",
    "GridSample",
    "HueSaturationTranslation",
    "NormalizeColor",
    "NormalizeCoord",
    "PointClip",
    "PositiveShift",
    "RandomColorDrop",
    "RandomColorGrayScale",
    "RandomColorJitter",
    "RandomDropColor",
    "RandomDropNormal",
    "RandomDropout",
    "RandomFlip",
    "RandomJitter",
    "RandomRotate",
    "RandomRotateTargetAngle",
    "RandomScale",
    "RandomShift",
    "ShufflePoint",
    "SphereCrop",
    "ToTensor",
    "Update",
    "select_points",
]
