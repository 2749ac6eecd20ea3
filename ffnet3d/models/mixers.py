"""MetaMixer: the query-key-value frame, and the mixers that fill it (paper: section 3).

    query = project(x)
    coefficients = act(compare(query))
    out = aggregate(coefficients)

The paper's thesis is that this frame matters, not attention. Each mixer below can stand for the token mixer
or the channel mixer of a stage, by its name in `MIXERS`.
"""

# ruff: noqa: ARG002 - each part is offered all that any mixer's needs

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from ffnet3d.models.branches import MERGED, BranchedConv
from ffnet3d.models.layers import (
    ACTIVATIONS,
    Linear,
    Submanifold,
    SubMConv3d,
    SubMDepthwiseConv3d,
    batch_norm,
)
from ffnet3d.models.windows import Windows, windows_of
from ffnet3d.ops import feed_forward, subm_conv3d_depthwise
from ffnet3d.registry import Registry
from ffnet3d.voxels import Level
from ffnet3d.voxels.kernels import Kernel

HEAD_CHANNELS = 32

MIXERS = Registry("mixer")
"""Functions from `MixerSpec` to a mixer, by the name that a config gives them."""


@dataclass(frozen=True)
class MixerSpec:
    """What a mixer may ask about the place it stands in."""

    channels: int
    kernel: Kernel = 3
    mlp_ratio: float = 4
    activation: str = "gelu"  # of ACTIVATIONS
    proj_drop: float = 0.0
    batch_norm: bool = True
    branches: tuple[str, ...] = ()  # of BRANCHES
    window: int = 128
    shifted: bool = False  # whether windows begin half a window earlier
    backend: str = "auto"


class Fold(NamedTuple):
    """A layer, the batch norm behind it and the activation behind that: what `fuse` makes one."""

    layer: str
    norm: str
    act: str | None = None


class MetaMixer(nn.Module):
    """The frame. A mixer without a part leaves it as it stands here: what comes in goes on."""

    static_keys: ClassVar[bool] = False
    """Whether keys and values are weights, so that the coefficients are [V, keys]."""
    folds: ClassVar[tuple[Fold, ...]] = ()

    def __init__(self) -> None:
        super().__init__()
        self.act: nn.Module = nn.Identity()

    def forward(self, features: Tensor, level: Level) -> Tensor:
        """Features [V, C] of a level's voxels -> features [V, C]."""
        return self.aggregate(self.coefficients(features, level), features, level)

    def coefficients(self, features: Tensor, level: Level) -> Tensor:
        """How much each key matters to each query: [V, keys] where keys are static."""
        query = self.project(features, level)
        coefficients: Tensor = self.act(self.compare(query, features, level))
        return coefficients

    def project(self, features: Tensor, level: Level) -> Tensor:
        """The query projection, [V, C] -> [V, C]."""
        return features

    def compare(self, query: Tensor, features: Tensor, level: Level) -> Tensor:
        """The interaction of queries and keys; keys that are not static come from the features."""
        return query

    def aggregate(self, coefficients: Tensor, features: Tensor, level: Level) -> Tensor:
        """The values, weighted by the coefficients, added up -> [V, C]."""
        return coefficients


class FFNifiedAttention(MetaMixer):
    """Keys and values are convolution kernels, an activation replaces softmax (paper: section 3.2)."""

    static_keys = True
    folds = (Fold("key", "key_norm", "act"), Fold("value", "value_norm"))

    def __init__(self, spec: MixerSpec, depthwise: bool) -> None:
        super().__init__()
        self.kernel_size = spec.kernel
        self.query = Linear(spec.channels, spec.channels)
        self.key, self.key_norm = convolution(spec, depthwise)
        self.act = ACTIVATIONS[spec.activation]()
        self.value, self.value_norm = convolution(spec, depthwise)

    def project(self, features: Tensor, level: Level) -> Tensor:
        query: Tensor = self.query(features)
        return query

    def compare(self, query: Tensor, features: Tensor, level: Level) -> Tensor:
        similarity: Tensor = self.key_norm(self.key(query, level.neighbors[self.kernel_size]))
        return similarity

    def aggregate(self, coefficients: Tensor, features: Tensor, level: Level) -> Tensor:
        mixed: Tensor = self.value_norm(self.value(coefficients, level.neighbors[self.kernel_size]))
        return mixed


class Perceptron(MetaMixer):
    """Keys and values are the two layers of a perceptron; the query is the features, or their convolution.

    With a convolution this is the ConvNeXt block: the same frame, across channels instead of voxels.
    """

    static_keys = True
    folds = (Fold("conv", "norm"),)

    def __init__(self, spec: MixerSpec, conv: nn.Module | None = None, norm: nn.Module | None = None) -> None:
        super().__init__()
        hidden = int(spec.channels * spec.mlp_ratio)
        self.kernel_size = spec.kernel
        self.conv = conv
        self.norm = norm
        self.fc1 = Linear(spec.channels, hidden)
        self.act = ACTIVATIONS[spec.activation]()
        self.fc2 = Linear(hidden, spec.channels)
        self.drop = nn.Dropout(spec.proj_drop)

    def forward(self, features: Tensor, level: Level) -> Tensor:
        """Features [V, C] of a level's voxels -> features [V, C]."""
        activation = {nn.GELU: "gelu", nn.ReLU: "relu"}.get(type(self.act))
        if self.training or torch.is_grad_enabled() or activation is None:
            return super().forward(features, level)
        # In evaluation the hidden features of all voxels are never held at once.
        expand, contract = (self.fc1.weight, self.fc1.bias), (self.fc2.weight, self.fc2.bias)
        return feed_forward(self.project(features, level), expand, contract, activation)

    def project(self, features: Tensor, level: Level) -> Tensor:
        if self.conv is None or self.norm is None:
            return features
        query: Tensor = self.norm(self.conv(features, level.neighbors[self.kernel_size]))
        return query

    def compare(self, query: Tensor, features: Tensor, level: Level) -> Tensor:
        similarity: Tensor = self.fc1(query)
        return similarity

    def aggregate(self, coefficients: Tensor, features: Tensor, level: Level) -> Tensor:
        mixed: Tensor = self.drop(self.fc2(self.drop(coefficients)))
        return mixed


class WindowAttention(MetaMixer):
    """Softmax attention within windows of the serialization curve (as in PTv3); it knows no positions."""

    def __init__(self, spec: MixerSpec) -> None:
        super().__init__()
        self.heads = max(1, spec.channels // HEAD_CHANNELS)
        if spec.channels % self.heads:
            raise ValueError(f"window_attention cannot part {spec.channels} channels into {self.heads} heads")
        self.window = spec.window
        self.shifted = spec.shifted
        self.query = Linear(spec.channels, spec.channels)
        self.key = Linear(spec.channels, spec.channels)
        self.act = nn.Softmax(dim=-1)
        self.value = Linear(spec.channels, spec.channels)
        self.out = Linear(spec.channels, spec.channels)

    def forward(self, features: Tensor, level: Level) -> Tensor:
        """Features [V, C] of a level's voxels -> features [V, C]; the frame in one call."""
        windows = self.windows(level)
        query, key, value = (
            windows.split(layer(features), self.heads) for layer in (self.query, self.key, self.value)
        )
        mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=windows.taken)
        out: Tensor = self.out(windows.join(mixed))
        return out

    def windows(self, level: Level) -> Windows:
        """The windows of a level's voxels."""
        return windows_of(level.batch).of(self.window, self.shifted)

    def project(self, features: Tensor, level: Level) -> Tensor:
        """Queries [W, heads, P, D], scaled."""
        query = self.windows(level).split(self.query(features), self.heads)
        return query / math.sqrt(query.shape[-1])

    def compare(self, query: Tensor, features: Tensor, level: Level) -> Tensor:
        """Scores [W, heads, P, P] of the voxels of a window, minus infinity for places without one."""
        windows = self.windows(level)
        keys = windows.split(self.key(features), self.heads)
        return (query @ keys.mT).masked_fill(~windows.taken, -torch.inf)

    def aggregate(self, coefficients: Tensor, features: Tensor, level: Level) -> Tensor:
        windows = self.windows(level)
        mixed = coefficients @ windows.split(self.value(features), self.heads)
        out: Tensor = self.out(windows.join(mixed))
        return out


class Pooling(MetaMixer):
    """The mean of the neighbours that are there, less the voxel itself (PoolFormer, arXiv 2111.11418)."""

    def __init__(self, spec: MixerSpec) -> None:
        super().__init__()
        self.kernel_size = spec.kernel
        self.backend = spec.backend

    def aggregate(self, coefficients: Tensor, features: Tensor, level: Level) -> Tensor:
        neighbors = level.neighbors[self.kernel_size]
        ones = coefficients.new_ones(neighbors.shape[1], coefficients.shape[1])
        total = subm_conv3d_depthwise(coefficients, ones, None, neighbors, self.backend)
        present = (neighbors < len(neighbors)).sum(dim=1, keepdim=True)
        return total / present - features


class Identity(MetaMixer):
    """Nothing is mixed: what comes in goes out."""

    def __init__(self, spec: MixerSpec) -> None:
        super().__init__()

    def aggregate(self, coefficients: Tensor, features: Tensor, level: Level) -> Tensor:
        return coefficients.clone()  # a block may write over what a branch returns


def convolution(spec: MixerSpec, depthwise: bool) -> tuple[nn.Module, nn.Module]:
    """A convolution and the norm behind it, as the place asks for them."""
    conv: Submanifold
    if depthwise:
        conv = SubMDepthwiseConv3d(spec.channels, spec.kernel, backend=spec.backend)
    else:
        conv = SubMConv3d(spec.channels, spec.channels, spec.kernel, backend=spec.backend)
    if spec.branches == (MERGED,):
        return conv, nn.Identity()
    if spec.branches:
        return BranchedConv(conv, spec.branches), nn.Identity()  # each branch has its own norm
    return conv, batch_norm(spec.channels) if spec.batch_norm else nn.Identity()


MakeMixer = Callable[[MixerSpec], MetaMixer]


def build_mixer(name: str, spec: MixerSpec) -> MetaMixer:
    """The mixer of that name; ValueError listing the known ones."""
    mixer: MetaMixer = MIXERS.get(name)(spec)
    return mixer


@MIXERS.register("ffnified")
def ffnified(spec: MixerSpec) -> MetaMixer:
    """FFNified attention with dense kernels: the released token mixer."""
    return FFNifiedAttention(spec, depthwise=False)


@MIXERS.register("ffnified_depthwise")
def ffnified_depthwise(spec: MixerSpec) -> MetaMixer:
    """FFNified attention with depthwise kernels: the token mixer of the paper's networks for images."""
    return FFNifiedAttention(spec, depthwise=True)


@MIXERS.register("convnext")
def convnext(spec: MixerSpec) -> MetaMixer:
    """A dense convolution, then a perceptron: the released channel mixer."""
    return Perceptron(spec, *convolution(spec, depthwise=False))


@MIXERS.register("convnext_depthwise")
def convnext_depthwise(spec: MixerSpec) -> MetaMixer:
    """A depthwise convolution, then a perceptron: the ConvNeXt block (arXiv 2201.03545)."""
    return Perceptron(spec, *convolution(spec, depthwise=True))


@MIXERS.register("mlp")
def mlp(spec: MixerSpec) -> MetaMixer:
    """A perceptron alone: the channel mixer of transformers."""
    return Perceptron(spec)


MIXERS.register("window_attention")(WindowAttention)
MIXERS.register("pooling")(Pooling)
MIXERS.register("identity")(Identity)
