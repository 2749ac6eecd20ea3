"""Layers in plain operators: what runs of the network where there is no ffnet3d."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import reduce
from math import ceil, prod
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from ffnet3d.models import FFNet3D, GridPool, Submanifold, SubMConv3d, SubMDepthwiseConv3d
from ffnet3d.models.mixers import (
    FFNifiedAttention,
    Identity,
    MetaMixer,
    Perceptron,
    Pooling,
    WindowAttention,
)
from ffnet3d.models.pdnorm import Prompt, normalize
from ffnet3d.ops.activation import activate
from ffnet3d.voxels.kernels import Kernel

GATHERED_COLUMNS = 432
"""Numbers that a voxel of the cloud has room for while neighbours stand side by side: 1.7 kB.

Scans are surfaces: where cells are twice as large there are about a quarter of the voxels, each with four
times the room. The memory is the same on every level, and the graph of a large kernel, which stands where
voxels are few, stays short: the time of an export goes by the length of the graph.
"""


class PlainLevel(Protocol):
    """What the stages read of a level; the scene of a voxel counts in training alone."""

    @property
    def neighbors(self) -> Mapping[Kernel, Tensor]: ...


class GatheredConvolution(nn.Module):
    """A submanifold convolution, dense or depthwise, as a sum over gathered neighbours, some at a time."""

    def __init__(self, convolution: Submanifold, room: int) -> None:
        super().__init__()
        weight = convolution.weight.detach()
        self.depthwise = weight.ndim == 2
        offsets, channels = weight.shape[:2]
        self.groups = offset_groups(offsets, channels, room)
        parts = [weight[group] if self.depthwise else weight[group].flatten(0, 1) for group in self.groups]
        self.weights = nn.ParameterList(nn.Parameter(part.clone(), requires_grad=False) for part in parts)
        self.bias = convolution.bias
        self.activation = convolution.activation

    def forward(self, features: Tensor, neighbors: Tensor) -> Tensor:
        """Features [V, Cin] and their neighbour table [V, K] -> features [V, Cout]."""
        padded = with_row(features, 0.0)
        out = total(
            self._product(gather(padded, neighbors[:, group]), weight)
            for group, weight in zip(self.groups, self.weights, strict=True)
        )
        return activate(out if self.bias is None else out + self.bias, self.activation)

    def _product(self, gathered: Tensor, weight: Tensor) -> Tensor:
        """A group of neighbours [V, G, Cin] and its weights, [G * Cin, Cout] or [G, C] -> [V, Cout]."""
        return (gathered * weight).sum(dim=1) if self.depthwise else gathered.flatten(1) @ weight


class GatheredPool(nn.Module):
    """`GridPool` by the tables of children."""

    def __init__(self, pool: GridPool, room: int) -> None:  # noqa: ARG002 - a few children, all at a time
        super().__init__()
        self.proj, self.norm, self.act = pool.proj, pool.norm, pool.act

    def forward(self, features: Tensor, children: Tensor, prompt: Prompt | None = None) -> Tensor:
        """Features [V, Cin] and children [P, stride**3], missing = V -> features [P, Cout]."""
        pooled = gather(with_row(self.proj(features), -torch.inf), children).amax(dim=1)
        out: Tensor = self.act(normalize(self.norm, pooled, prompt))
        return out


class GatheredMean(nn.Module):
    """`Pooling`: the mean of the neighbours that are there, less the voxel itself."""

    def __init__(self, mixer: Pooling, room: int) -> None:
        super().__init__()
        self.kernel_size, self.room = mixer.kernel_size, room

    def forward(self, features: Tensor, level: PlainLevel) -> Tensor:
        """Features [V, C] of a level's voxels -> features [V, C]."""
        neighbors = level.neighbors[self.kernel_size]
        padded = with_row(features, 0.0)
        groups = offset_groups(neighbors.shape[1], features.shape[1], self.room)
        added = total(gather(padded, neighbors[:, group]).sum(dim=1) for group in groups)
        present = (neighbors < features.shape[0]).to(features.dtype).sum(dim=1, keepdim=True)
        return added / present - features


class RunAttention(nn.Module):
    """`WindowAttention` of one scene: its voxels, as they stand, in runs of `window`, head by head."""

    def __init__(self, mixer: WindowAttention, room: int) -> None:  # noqa: ARG002 - it gathers no neighbours
        super().__init__()
        self.heads, self.window = mixer.heads, mixer.window
        self.before = mixer.window // 2 if mixer.shifted else 0  # empty places of the first window
        self.query, self.key, self.value, self.out = mixer.query, mixer.key, mixer.value, mixer.out

    def forward(self, features: Tensor, level: PlainLevel) -> Tensor:  # noqa: ARG002 - one scene, in order
        """Features [V, C] of a scene's voxels in z-order -> features [V, C]."""
        count = features.shape[0]
        # One window more than needed: a trace is either for a single window or for several.
        windows = (count + self.before - 1) // self.window + 2
        first = torch.arange(windows, device=features.device) * self.window - self.before
        rows = first[:, None] + torch.arange(self.window, device=features.device)  # [W, P]
        taken = (rows >= 0) & (rows < count)
        rows = torch.where(taken, rows, count)
        queries, keys, values = (
            gather(with_row(layer(features), 0.0), rows).chunk(self.heads, dim=2)
            for layer in (self.query, self.key, self.value)
        )
        heads = [
            _attend(query, key, value, taken[:, None])
            for query, key, value in zip(queries, keys, values, strict=True)
        ]
        places = torch.arange(count, device=features.device) + self.before
        mixed = torch.cat(heads, dim=2)[places // self.window, places % self.window]
        out: Tensor = self.out(mixed)
        return out


def _attend(query: Tensor, key: Tensor, value: Tensor, taken: Tensor) -> Tensor:
    """One head of windows [W, P, D] with their places taken [W, 1, P] -> [W, P, D]."""
    scores = torch.bmm(query * query.shape[-1] ** -0.5, key.transpose(1, 2))
    scores = scores.masked_fill(~taken, torch.finfo(scores.dtype).min)  # finite: some windows are empty
    return torch.bmm(scores.softmax(dim=-1), value)


PLAIN: Mapping[type[nn.Module], Callable[[Any, int], nn.Module]] = {
    SubMConv3d: GatheredConvolution,
    SubMDepthwiseConv3d: GatheredConvolution,
    GridPool: GatheredPool,
    Pooling: GatheredMean,
    WindowAttention: RunAttention,
}
"""The plain form of each layer that has another; it is told the room that voxels of its level have."""
PLAIN_MIXERS = (FFNifiedAttention, Perceptron, Identity)
"""Mixers that are plain where their layers are."""


def make_plain(network: FFNet3D) -> None:
    """Put the plain forms in place of the layers of a fused network.

    ValueError naming a mixer that has none: one that was registered elsewhere.
    """
    for name, module in network.named_modules():
        if isinstance(module, MetaMixer) and type(module) not in (*PLAIN, *PLAIN_MIXERS):
            raise ValueError(
                f"{name}: the mixer {type(module).__name__} has no form in plain operators and cannot be "
                "exported: run this network with PyTorch, or add its form to ffnet3d/export/plain.py"
            )
    for stages in (network.encoder, network.decoder):
        for level, stage in enumerate(stages):
            _replace_layers(stage, GATHERED_COLUMNS * prod(network.config.stride[:level]) ** 2)
    _replace_layers(network, GATHERED_COLUMNS)  # what stands outside of the stages: stem and pools


def _replace_layers(network: nn.Module, room: int) -> None:
    """The plain forms in place of what is within, for voxels that have room for so many numbers."""
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if type(child) in PLAIN:
                setattr(parent, name, PLAIN[type(child)](child, room))


def offset_groups(offsets: int, channels: int, room: int) -> list[slice]:
    """The offsets of a kernel in groups, about even, that fit into the room of a voxel."""
    count = ceil(offsets / max(1, room // channels))
    return [slice(offsets * group // count, offsets * (group + 1) // count) for group in range(count)]


def with_row(features: Tensor, value: float) -> Tensor:
    """Features [V, C] and a row of `value`, which stands for all that is missing: [V + 1, C]."""
    return torch.cat((features, features.new_full((1, features.shape[1]), value)))


def gather(features: Tensor, rows: Tensor) -> Tensor:
    """The features [..., C] of rows [...], int32 or int64: an embedding is the gather that takes int32."""
    return functional.embedding(rows, features)


def total(parts: Iterable[Tensor]) -> Tensor:
    """The sum of tensors, each forgotten once it is added."""
    return reduce(torch.add, parts)
