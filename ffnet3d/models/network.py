"""FFNet3D: a U-Net over the voxels of a point cloud, by default of convolutions only (arXiv 2406.02021).

What is unusual about it:
- all geometry of a batch (the pyramid) is worked out before any feature; the network only computes features;
- points that share a voxel enter as the mean of their features and leave with the same output, so the result
  does not depend on the order of the points;
- the biases in front of a batch norm (`key`, `value`, `conv`, the projections of pooling and unpooling) have
  a zero gradient in training. So has the bias of a stage's last `fc2` while no path is dropped, the finest
  decoder stage aside: the batch norms of all its readers remove it. They stay, because in evaluation they
  count and released weights carry them: 86 of the released segmentor's 537 tensors.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from ffnet3d.models.blocks import Block
from ffnet3d.models.config import STEM_KERNEL, FFNet3DConfig
from ffnet3d.models.inputs import PointBatch, read_points
from ffnet3d.models.layers import BN_EPS, SubMConv3d, batch_norm, init_linear, set_bn_momentum
from ffnet3d.models.mixers import MixerSpec, build_mixer
from ffnet3d.models.pdnorm import MakeNorm, PDNorm, Prompt, normalize, read_prompt
from ffnet3d.models.registry import MODELS
from ffnet3d.models.sampling import GridPool, GridUnpool
from ffnet3d.ops import segment_reduce
from ffnet3d.voxels import Level, Pyramid, build_pyramid


class Stem(nn.Module):
    """Submanifold convolution 5x5x5 without bias, batch norm, GELU."""

    def __init__(
        self, in_channels: int, out_channels: int, backend: str = "auto", make_norm: MakeNorm = batch_norm
    ) -> None:
        super().__init__()
        self.conv = SubMConv3d(in_channels, out_channels, STEM_KERNEL, bias=False, backend=backend)
        self.norm = make_norm(out_channels)
        self.act = nn.GELU()

    def forward(self, features: Tensor, level: Level, prompt: Prompt | None = None) -> Tensor:
        """Features [V, Cin] of the finest voxels -> features [V, Cout]."""
        convolved = self.conv(features, level.neighbors[STEM_KERNEL])
        out: Tensor = self.act(normalize(self.norm, convolved, prompt))
        return out


class Stage(nn.Module):
    """Blocks on one level."""

    def __init__(self, blocks: list[Block]) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)

    def forward(self, features: Tensor, level: Level, prompt: Prompt | None = None) -> Tensor:
        """Features [V, C] of the level's voxels -> features [V, C]."""
        for block in self.blocks:
            features = block(features, level, prompt)
        return features


@dataclass(frozen=True)
class Encoding:
    """A batch after the encoder."""

    features: tuple[Tensor, ...]  # [V, C] of each level, finest first
    pyramid: Pyramid
    prompt: Prompt | None


@MODELS.register("ffnet")
@MODELS.register("FFNet3D")
class FFNet3D(nn.Module):
    """The backbone; its arguments are the fields of `FFNet3DConfig`, by default the released network's."""

    __signature__ = inspect.signature(FFNet3DConfig)

    def __init__(self, **arguments: Any) -> None:
        super().__init__()
        self.config = config = FFNet3DConfig(**arguments)
        self.out_channels = config.out_channels
        make_norm = _batch_norms(config)
        # By level, the finest first; pools[l] and unpools[l] stand between the levels l and l + 1.
        self.stem = Stem(config.in_channels, config.enc_channels[0], config.backend, make_norm)
        self.encoder = _stages(config, config.enc_channels, "enc_ks", config.encoder_drop_path())
        self.pools = nn.ModuleList(
            GridPool(fine, coarse, make_norm) for fine, coarse in pairwise(config.enc_channels)
        )
        if not config.cls_mode:
            widths = (*config.dec_channels, config.enc_channels[-1])
            self.unpools = nn.ModuleList(
                GridUnpool(widths[depth + 1], skip, widths[depth], make_norm)
                for depth, skip in enumerate(config.enc_channels[:-1])
            )
            self.decoder = _stages(config, config.dec_channels, "dec_ks", config.decoder_drop_path())
        self.apply(init_linear)
        set_bn_momentum(self, config.bn_momentum)

    def forward(self, batch: Mapping[str, Any]) -> Tensor:
        """Features [N, dec_channels[0]] of every point, in input order.

        `batch` holds feat [N, in_channels] float, grid_coord [N, 3] integers in 0..65535, and offset [B] or
        batch [N]; it may hold `pyramid`, made by `build_pyramid`. Norms by data set need `condition`, the
        name of the batch's data set. In `cls_mode` the result is the mean of each scene's coarsest voxels,
        [B, enc_channels[-1]]. Raises ValueError naming what is wrong.
        """
        encoding = self.encode(batch)
        if self.config.cls_mode:
            level = encoding.pyramid.levels[-1]
            return segment_reduce(encoding.features[-1], level.batch, int(level.batch[-1]) + 1, "mean")
        return self._decode(encoding).index_select(0, encoding.pyramid.point_to_voxel)

    def encode(self, batch: Mapping[str, Any]) -> Encoding:
        """The features of every level before the decoder; `batch` as for `forward`."""
        config = self.config
        points = read_points(batch, config.in_channels)
        prompt = None
        if config.has_prompt:
            prompt = read_prompt(batch, config.pdnorm_conditions, config.pdnorm_adaptive)
        pyramid = batch.get("pyramid")
        if pyramid is None:
            pyramid = self._pyramid(points)
        self._check_pyramid(pyramid, points)
        features = voxel_mean(points.feat, pyramid).to(self.stem.conv.weight.dtype)
        features = self.stem(features, pyramid.levels[0], prompt)
        outputs = [self.encoder[0](features, pyramid.levels[0], prompt)]
        for pool, stage, parents, level in zip(
            self.pools, self.encoder[1:], pyramid.parents, pyramid.levels[1:], strict=True
        ):
            pooled = pool(outputs[-1], parents, level.num_voxels, prompt)
            outputs.append(stage(pooled, level, prompt))
        return Encoding(tuple(outputs), pyramid, prompt)

    def build_pyramid(self, batch: Mapping[str, Any]) -> Pyramid:
        """The geometry of a batch, for its key `pyramid`: worked out once, used in several forward passes."""
        return self._pyramid(read_points(batch, self.config.in_channels))

    def _pyramid(self, points: PointBatch) -> Pyramid:
        config = self.config
        return build_pyramid(points.grid_coord, points.batch, config.stride, config.kernel_sizes())

    def _check_pyramid(self, pyramid: Pyramid, points: PointBatch) -> None:
        if pyramid.num_points != len(points.feat):
            raise ValueError(f"the pyramid has {pyramid.num_points} points, the batch {len(points.feat)}")
        kernels, levels = self.config.kernel_sizes(), pyramid.levels
        served = [wanted <= set(level.neighbors) for wanted, level in zip(kernels, levels, strict=False)]
        if len(levels) != len(kernels) or not all(served):
            raise ValueError(
                f"the pyramid does not serve the kernels {kernels} of each level: use build_pyramid"
            )
        if self.training and pyramid.levels[-1].num_voxels < 2:
            raise ValueError(
                f"this batch ({pyramid.num_points} points) is a single voxel at the coarsest level, and "
                "batch norm needs two in training: use larger crops, more scenes in a batch, a "
                "smaller grid_size, or model.eval()"
            )

    def _decode(self, encoding: Encoding) -> Tensor:
        """The features of the finest voxels [V, dec_channels[0]]."""
        pyramid, prompt = encoding.pyramid, encoding.prompt
        features = encoding.features[-1]
        for depth in reversed(range(len(self.decoder))):
            skip, parents = encoding.features[depth], pyramid.parents[depth]
            features = self.unpools[depth](features, skip, parents, prompt)
            features = self.decoder[depth](features, pyramid.levels[depth], prompt)
        return features


def voxel_mean(feat: Tensor, pyramid: Pyramid) -> Tensor:
    """Point features [N, C] -> the mean of each voxel's points [V, C], in float32 or wider."""
    feat = feat.to(torch.promote_types(feat.dtype, torch.float32))
    feat = feat.index_select(0, pyramid.point_order)
    if not pyramid.has_duplicates:
        return feat
    voxel = pyramid.point_to_voxel[pyramid.point_order]
    return segment_reduce(feat, voxel, pyramid.levels[0].num_voxels, "mean")


def _stages(
    config: FFNet3DConfig, channels: tuple[int, ...], kernels: str, rates: list[list[float]]
) -> nn.ModuleList:
    """Stages by level; `kernels` names the argument, `rates` holds the stochastic depth of each block."""
    return nn.ModuleList(
        Stage([_block(config, level, width, kernels, index, rate) for index, rate in enumerate(stage)])
        for level, (width, stage) in enumerate(zip(channels, rates, strict=True))
    )


def _block(
    config: FFNet3DConfig, level: int, channels: int, kernels: str, index: int, drop_path: float
) -> Block:
    """The block number `index` of a stage."""
    spec = MixerSpec(
        channels=channels,
        kernel=config.of_stage(kernels, level),
        mlp_ratio=config.mlp_ratio,
        activation=config.block_activation,
        proj_drop=config.proj_drop,
        batch_norm=config.norms != "layer",
        branches=config.branches,
        window=config.window,
        shifted=index % 2 == 1,
        backend=config.backend,
    )
    return Block(
        channels,
        partial(build_mixer, config.of_stage("mixers", level), spec),
        partial(build_mixer, config.of_stage("channel_mixers", level), spec),
        drop_path=drop_path,
        drop_path_per=config.drop_path_per,
        layer_scale=config.layer_scale,
        recompute=config.recompute,
        make_norm=_layer_norms(config),
    )


def _batch_norms(config: FFNet3DConfig) -> MakeNorm:
    """The batch norms outside the blocks."""
    norm = partial(nn.BatchNorm1d, eps=BN_EPS, affine=config.pdnorm_affine)
    return _by_data_set(config, norm) if config.pdnorm_bn else batch_norm


def _layer_norms(config: FFNet3DConfig) -> MakeNorm:
    """The layer norms of the blocks; none where they keep batch norms alone."""
    if config.norms == "batch":
        return nn.Identity
    norm = partial(nn.LayerNorm, elementwise_affine=config.pdnorm_affine)
    return _by_data_set(config, norm) if config.pdnorm_ln else nn.LayerNorm


def _by_data_set(config: FFNet3DConfig, norm: MakeNorm) -> MakeNorm:
    return partial(
        PDNorm,
        norm,
        conditions=config.pdnorm_conditions,
        decouple=config.pdnorm_decouple,
        adaptive=config.pdnorm_adaptive,
    )
