"""The network in plain operators: features and tables in, logits out, nothing that a runtime may lack.

A convolution is a gather and a matrix product, pooling a gather and a maximum, unpooling a gather. There is
no scatter and no custom operator. The tables are worked out before, see `NumpyPyramid.tables`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from ffnet3d.models import DefaultSegmentor, DefaultSegmentorV2, FFNet3D, GridPool, SubMConv3d, fuse
from ffnet3d.models.pdnorm import Prompt, normalize
from ffnet3d.ops.activation import activate

GATHERED_COLUMNS = 576
"""Neighbours' features that stand side by side at a time, where they are narrow: 2.3 kB a voxel."""
GATHERED_OFFSETS = 9
"""And where they are wide, on few voxels. Larger groups take more memory, and are not faster."""


class ExportableNetwork(nn.Module):
    """A copy of a trained segmentor for export: in evaluation mode, batch norms folded, float32.

    Args:
        segmentor: `DefaultSegmentor` or `DefaultSegmentorV2` around an `FFNet3D`; it stays as it is.
        condition: for norms by data set, the data set whose norms become part of the export.

    Raises:
        ValueError: another network, one for whole clouds (`cls_mode`), norms that depend on a context, a
            condition that is missing, unknown or of no use, a segmentor that is fused already.
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
        self.kernel_sizes = tuple(tuple(sorted(sizes)) for sizes in config.kernel_sizes())
        fused = fuse(segmentor).float().cpu()
        self.head = fused.seg_head if isinstance(fused, DefaultSegmentorV2) else nn.Identity()
        self.backbone = _backbone(fused)
        for parent, name, child in list(_children(self.backbone)):
            if isinstance(child, SubMConv3d):
                setattr(parent, name, GatheredConvolution(child))
            elif isinstance(child, GridPool):
                setattr(parent, name, GatheredPool(child))

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


class GatheredConvolution(nn.Module):
    """A submanifold convolution as products of gathered neighbours, some offsets at a time."""

    def __init__(self, convolution: SubMConv3d) -> None:
        super().__init__()
        offsets, in_channels, _ = convolution.weight.shape
        step = max(GATHERED_OFFSETS, GATHERED_COLUMNS // in_channels)
        self.groups = [slice(start, min(start + step, offsets)) for start in range(0, offsets, step)]
        self.weights = nn.ParameterList(
            nn.Parameter(convolution.weight[group].flatten(0, 1).clone(), requires_grad=False)
            for group in self.groups
        )
        self.bias = convolution.bias
        self.activation = convolution.activation

    def forward(self, features: Tensor, neighbors: Tensor) -> Tensor:
        """Features [V, Cin] and their neighbour table [V, K] -> features [V, Cout]."""
        padded = _with_row(features, 0.0)
        # An embedding is the gather that takes int32.
        products = [
            functional.embedding(neighbors[:, group], padded).flatten(1) @ weight
            for group, weight in zip(self.groups, self.weights, strict=True)
        ]
        out = sum(products[1:], start=products[0])
        return activate(out if self.bias is None else out + self.bias, self.activation)


class GatheredPool(nn.Module):
    """`GridPool` by the tables of children."""

    def __init__(self, pool: GridPool) -> None:
        super().__init__()
        self.proj, self.norm, self.act = pool.proj, pool.norm, pool.act

    def forward(self, features: Tensor, children: Tensor, prompt: Prompt | None = None) -> Tensor:
        """Features [V, Cin] and children [P, stride**3], missing = V -> features [P, Cout]."""
        projected = _with_row(self.proj(features), -torch.inf)
        pooled = functional.embedding(children, projected).amax(dim=1)
        out: Tensor = self.act(normalize(self.norm, pooled, prompt))
        return out


@dataclass(frozen=True)
class _Level:
    """What the stages read of a level; the scene of a voxel counts in training alone."""

    neighbors: Mapping[int, Tensor]
    batch: None = None


def _with_row(features: Tensor, value: float) -> Tensor:
    """Features [V, C] and a row of `value`, which stands for all that is missing: [V + 1, C]."""
    return torch.cat((features, features.new_full((1, features.shape[1]), value)))


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


def _children(module: nn.Module) -> Iterator[tuple[nn.Module, str, nn.Module]]:
    """Every module within `module`: its parent, its name there, itself."""
    for parent in module.modules():
        for name, child in parent.named_children():
            yield parent, name, child
