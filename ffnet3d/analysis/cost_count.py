"""Multiply-adds of a network on a scan, module by module, over the pairs of neighbours that are there.

One multiplication with its addition counts as one, and so does the addition or comparison of pooling, and
the scale and shift of a norm. Not counted: activations, softmax, sums of branches, and moving rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import singledispatch
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from ffnet3d.models.layers import LayerScale, SubMConv3d, SubMDepthwiseConv3d
from ffnet3d.models.mixers import FFNifiedAttention, Identity, MetaMixer, Perceptron, Pooling, WindowAttention
from ffnet3d.models.sampling import GridPool

CONVOLUTION, DEPTHWISE, LINEAR = "convolution", "depthwise convolution", "linear"
ATTENTION, POOLING, NORM = "attention", "pooling", "norm"
KINDS = (CONVOLUTION, DEPTHWISE, LINEAR, ATTENTION, POOLING, NORM)
Inputs: TypeAlias = "tuple[Any, ...]"


@dataclass(frozen=True)
class Work:
    """Multiply-adds of one kind.

    Args:
        kind: of `KINDS`.
        present: over the pairs that exist.
        dense: as if every place of every window held a voxel: K for each of V in a convolution.
    """

    kind: str
    present: int
    dense: int


@singledispatch
def count(module: nn.Module, inputs: Inputs, output: Tensor) -> Work | None:
    """The work of one call of a module, without that of the modules in it; None for an unknown type.

    `count.register(Type)` teaches it another type of module.
    """
    del module, inputs, output
    return None


@count.register
def _convolution(module: SubMConv3d, inputs: Inputs, output: Tensor) -> Work:
    del output
    _, in_channels, out_channels = module.weight.shape
    return _over_pairs(CONVOLUTION, inputs[1], in_channels * out_channels)


@count.register
def _depthwise(module: SubMDepthwiseConv3d, inputs: Inputs, output: Tensor) -> Work:
    del output
    return _over_pairs(DEPTHWISE, inputs[1], module.weight.shape[1])


@count.register
def _linear(module: nn.Linear, inputs: Inputs, output: Tensor) -> Work:
    del inputs
    products = output.numel() * module.in_features
    return Work(LINEAR, products, products)


@count.register
def _attention(module: WindowAttention, inputs: Inputs, output: Tensor) -> Work:
    """Queries by keys, and coefficients by values: of the voxels of a window, and of all its places."""
    channels = output.shape[1]
    taken = module.windows(inputs[1]).taken.flatten(1)
    pairs = int(taken.sum(dim=1).square().sum())
    return Work(ATTENTION, 2 * channels * pairs, 2 * channels * taken.numel() * taken.shape[1])


@count.register
def _neighbours(module: Pooling, inputs: Inputs, output: Tensor) -> Work:
    return _over_pairs(POOLING, inputs[1].neighbors[module.kernel_size], output.shape[1])


@count.register
def _children(module: GridPool, inputs: Inputs, output: Tensor) -> Work:
    """The maximum over the children of each cell: one comparison a child and channel."""
    del module
    comparisons = len(inputs[0]) * output.shape[1]
    return Work(POOLING, comparisons, comparisons)


@count.register(nn.LayerNorm)
@count.register(nn.BatchNorm1d)
@count.register(LayerScale)
def _norm(module: nn.Module, inputs: Inputs, output: Tensor) -> Work:
    del module, inputs
    return Work(NORM, output.numel(), output.numel())


@count.register(FFNifiedAttention)
@count.register(Perceptron)
@count.register(Identity)
def _nothing_of_its_own(module: nn.Module, inputs: Inputs, output: Tensor) -> Work:
    """The layers in these mixers do all their work."""
    del module, inputs, output
    return Work(LINEAR, 0, 0)


def _over_pairs(kind: str, neighbors: Tensor, per_pair: int) -> Work:
    """Work of so many multiply-adds for each pair of a neighbour table [V, K], missing = V."""
    present = int((neighbors < len(neighbors)).sum())
    return Work(kind, present * per_pair, neighbors.numel() * per_pair)


@dataclass(frozen=True)
class Tally:
    """What the modules of a network did in one forward pass.

    Args:
        works: each call with the module that did it.
        uncounted: modules whose work is not known, by name: it is missing from `works`.
        idle: modules with parameters that did not run, by name.
    """

    works: tuple[tuple[nn.Module, Work], ...]
    uncounted: tuple[str, ...]
    idle: tuple[str, ...]


def tally(model: nn.Module, batch: Mapping[str, Any]) -> Tally:
    """Count one forward pass of a model in evaluation mode whose parameters ask for no gradient."""
    works: list[tuple[nn.Module, Work]] = []
    ran: set[nn.Module] = set()
    unknown: set[nn.Module] = set()

    def see(module: nn.Module, inputs: Inputs, output: Any) -> None:
        ran.add(module)
        work = count(module, inputs, output)
        if work is not None:
            works.append((module, work))
        elif needs_counter(module):
            unknown.add(module)

    handles = [module.register_forward_hook(see) for module in model.modules()]
    try:
        # Without autograd a perceptron computes in blocks, past the modules that it is made of.
        with torch.enable_grad():
            model(batch)
    finally:
        for handle in handles:
            handle.remove()
    names = [(name, module) for name, module in model.named_modules() if needs_counter(module)]
    return Tally(
        tuple(works),
        tuple(name for name, module in names if module in unknown),
        tuple(name for name, module in names if module not in ran),
    )


def needs_counter(module: nn.Module) -> bool:
    """Whether a module does work of its own as far as can be told: it has parameters, or is a mixer."""
    return isinstance(module, MetaMixer) or any(True for _ in module.parameters(recurse=False))
