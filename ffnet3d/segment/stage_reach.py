"""How far the stages of a network look, told by their mixers."""

from __future__ import annotations

from torch import nn

from ffnet3d.models import Block, FFNet3D
from ffnet3d.models.mixers import FFNifiedAttention, Identity, MetaMixer, Perceptron, Pooling
from ffnet3d.segment.network import StageReach
from ffnet3d.voxels.kernels import kernel_extent


def stage_reach(backbone: FFNet3D) -> StageReach:
    """How far the blocks of each encoder and of each decoder stage look, finest first."""
    encoder, decoder = (tuple(map(_reach_of, stages)) for stages in (backbone.encoder, backbone.decoder))
    return encoder, decoder


def mixer_reach(mixer: MetaMixer) -> int | None:
    """Voxels of its level that a mixer looks beyond each voxel: those of its convolutions, one after another.

    None where that has no bound in space (window attention goes along the curve), or is not known, as of
    mixers that were registered elsewhere.
    """
    if type(mixer) is Identity:
        return 0
    if type(mixer) is FFNifiedAttention:
        return 2 * (kernel_extent(mixer.kernel_size) // 2)
    if type(mixer) is Pooling or (type(mixer) is Perceptron and mixer.conv is not None):
        return kernel_extent(mixer.kernel_size) // 2
    return 0 if type(mixer) is Perceptron else None


def _reach_of(stage: nn.Module) -> int | None:
    """Of the blocks of a stage, one after another."""
    blocks = [module for module in stage.modules() if isinstance(module, Block)]
    mixers = [mixer for block in blocks for mixer in (block.token_mixer, block.channel_mixer)]
    reaches = [mixer_reach(mixer) for mixer in mixers]
    known = [reach for reach in reaches if reach is not None]
    return sum(known) if len(known) == len(reaches) else None
