"""The network: blocks, sampling between levels, U-Net, segmentation heads, losses, presets, shared weights.

`create_model` builds a preset, `build_model` what a config's `type=` dict describes.
"""

from __future__ import annotations

from ffnet3d.models.blocks import Block
from ffnet3d.models.config import FFNet3DConfig
from ffnet3d.models.fuse import fuse
from ffnet3d.models.hub import from_pretrained, read_config, save_pretrained
from ffnet3d.models.layers import DropPath, Submanifold, SubMConv3d, SubMDepthwiseConv3d
from ffnet3d.models.losses import Criteria, CrossEntropyLoss, LovaszLoss, build_criteria
from ffnet3d.models.merge import merge
from ffnet3d.models.mixers import MIXERS, MetaMixer
from ffnet3d.models.network import FFNet3D
from ffnet3d.models.presets import PRESETS, create_model, model_config
from ffnet3d.models.registry import LOSSES, MODELS, build_model
from ffnet3d.models.sampling import GridPool, GridUnpool
from ffnet3d.models.segmentor import DefaultSegmentor, DefaultSegmentorV2

__all__ = [
    "LOSSES",
    "MIXERS",
    "MODELS",
    "PRESETS",
    "Block",
    "Criteria",
    "CrossEntropyLoss",
    "DefaultSegmentor",
    "DefaultSegmentorV2",
    "DropPath",
    "FFNet3D",
    "FFNet3DConfig",
    "GridPool",
    "GridUnpool",
    "LovaszLoss",
    "MetaMixer",
    "SubMConv3d",
    "SubMDepthwiseConv3d",
    "Submanifold",
    "build_criteria",
    "build_model",
    "create_model",
    "from_pretrained",
    "fuse",
    "merge",
    "model_config",
    "read_config",
    "save_pretrained",
]
