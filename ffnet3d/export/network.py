"""The network in plain operators: features and tables in, logits out, nothing that a runtime may lack.

A convolution is a gather and a matrix product or a weighted sum, attention takes runs of voxels, pooling is a
gather and a maximum, unpooling a gather. There is no scatter and no custom operator. The tables are worked
out before, see `NumpyPyramid.tables`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from ffnet3d.export.plain import make_plain
from ffnet3d.models import DefaultSegmentor, DefaultSegmentorV2, FFNet3D, fuse
from ffnet3d.models.pdnorm import Prompt
from ffnet3d.voxels.kernels import Kernel, sorted_kernels


class ExportableNetwork(nn.Module):
    """A copy of a trained segmentor for export: in evaluation mode, batch norms folded, float32.

    Args:
        segmentor: `DefaultSegmentor` or `DefaultSegmentorV2` around an `FFNet3D`; it stays as it is.
        condition: for norms by data set, the data set whose norms become part of the export.

    Raises:
        ValueError: another network, one for whole clouds (`cls_mode`), norms that depend on a context, a
            condition that is missing, unknown or of no use, a mixer that was registered elsewhere, a
            segmentor that is fused already.
    """

    def __init__(self, segmentor: nn.Module, condition: str | None = None) -> None:
        super().__init__()
        config = _backbone(segmentor).config
        if config.cls_mode:
            raise ValueError("a network for whole clouds (cls_mode) has no logits of points to export")
        self.prompt = _prompt(condition, config.pdnorm_conditions if config.has_prompt else ())
        if config.has_prompt and config.pdnorm_adaptive:
            raise ValueError("norms that depend on a context (pdnorm_adaptive) cannot be exported")
        self.in_channels = config.in_channels
        self.strides = config.stride
        self.kernel_sizes = tuple(tuple(sorted_kernels(sizes)) for sizes in config.kernel_sizes())
        fused = fuse(segmentor).float().cpu()
        self.head = fused.seg_head if isinstance(fused, DefaultSegmentorV2) else nn.Identity()
        self.backbone = _backbone(fused)
        make_plain(self.backbone)

    def forward(self, features: Tensor, tables: Mapping[str, Tensor]) -> Tensor:
        """Features float32 [V, in_channels] and tables of `NumpyPyramid.tables` -> logits [V, classes]."""
        net, prompt = self.backbone, self.prompt
        levels = [
            _Level({size: tables[f"neighbors_{depth}_{size}"] for size in sizes})
            for depth, sizes in enumerate(self.kernel_sizes)
        ]
        features = net.encoder[0](net.stem(features, levels[0], prompt), levels[0], prompt)
        skips = [features]
        for depth, pool in enumerate(net.pools):
            pooled = pool(skips[-1], tables[f"children_{depth}"], prompt)
            skips.append(net.encoder[depth + 1](pooled, levels[depth + 1], prompt))
        features = skips[-1]
        for depth in reversed(range(len(net.decoder))):
            features = net.unpools[depth](features, skips[depth], tables[f"parents_{depth}"], prompt)
            features = net.decoder[depth](features, levels[depth], prompt)
        logits: Tensor = self.head(features)
        return logits


@dataclass(frozen=True)
class _Level:
    """What the stages read of a level; the scene of a voxel counts in training alone."""

    neighbors: Mapping[Kernel, Tensor]
    batch: None = None


def _backbone(segmentor: nn.Module) -> FFNet3D:
    backbone = segmentor.backbone if isinstance(segmentor, DefaultSegmentor | DefaultSegmentorV2) else None
    if not isinstance(backbone, FFNet3D):
        raise ValueError(
            f"{type(segmentor).__name__} is no segmentor around an FFNet3D: give what create_model or "
            "from_pretrained returns"
        )
    return backbone


def _prompt(condition: str | None, known: tuple[str, ...]) -> Prompt | None:
    if known and condition not in known:
        raise ValueError(
            f"this network has norms by data set: condition (--condition) must be one of {', '.join(known)}, "
            f"not {condition}"
        )
    if condition is not None and not known:
        raise ValueError(f"condition {condition!r}: this network has no norms by data set")
    return None if condition is None else Prompt(condition)
