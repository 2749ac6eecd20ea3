"""Other convolutions, for comparison: the plain one that a textbook would write, spconv's, and ocnn's.

Each takes what `ffnet3d.ops.subm_conv3d` takes. Whatever a library works out once for a cloud is worked out
beforehand.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from ffnet3d.ops import subm_conv3d
from ffnet3d.ops.backends import available_backends
from ffnet3d.voxels import Level

Run = Callable[[], Tensor]
"""One convolution: out [V, Cout]."""


def naive_pairs(neighbors: Tensor) -> list[tuple[int, Tensor, Tensor]]:
    """The present pairs of a table [V, K]: (offset, rows of the input, rows of the output), int64."""
    pairs = []
    for k, column in enumerate(neighbors.long().unbind(1)):
        targets = (column != len(neighbors)).nonzero().flatten()
        pairs.append((k, column[targets], targets))
    return pairs


def naive_convolution(features: Tensor, weight: Tensor, pairs: list[tuple[int, Tensor, Tensor]]) -> Tensor:
    """features [V, Cin], weight [K, Cin, Cout] -> [V, Cout]: gather, multiply and add, offset by offset."""
    out = features.new_zeros(len(features), weight.shape[2])
    for k, sources, targets in pairs:
        out.index_add_(0, targets, features.index_select(0, sources) @ weight[k])
    return out


def naive(features: Tensor, weight: Tensor, level: Level) -> Run:
    """The plain convolution by `index_add_`."""
    pairs = naive_pairs(_table(level))
    return lambda: naive_convolution(features, weight, pairs)


def spconv_cpu(features: Tensor, weight: Tensor, level: Level) -> Run:
    """spconv's CPU code by our adapter, for one thread (`one_thread`): with more its results are wrong."""
    return lambda: subm_conv3d(features, weight, None, _table(level), backend="spconv-cpu")


def spconv_obstacle() -> str:
    """Why spconv's CPU code cannot run here; "" if it can."""
    return available_backends()["spconv-cpu"]


@contextmanager
def one_thread() -> Iterator[None]:
    """PyTorch on one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def ocnn_obstacle() -> str:
    """Why ocnn cannot run here; "" if it can."""
    try:
        importlib.import_module("ocnn.nn")
    except (ImportError, RuntimeError) as error:
        return f"ocnn is not usable: {error}"
    return ""


def ocnn(features: Tensor, weight: Tensor, level: Level) -> Run:
    """ocnn's `OctreeConv` on the non-empty nodes of an octree over the same voxels, weights and window.

    ocnn orders nodes and features in its own way: they are brought into it before, and the result [V, Cout]
    stands in that order. ValueError where its nodes are not our voxels.
    """
    octrees, layers = importlib.import_module("ocnn.octree"), importlib.import_module("ocnn.nn")
    depth = max(3, int(level.grid_coord.max()).bit_length())
    octree = octrees.Octree(depth, full_depth=2)
    octree.build_octree(octrees.Points((level.grid_coord + 0.5) / 2 ** (depth - 1) - 1))
    octree.construct_all_neigh()
    rows = ocnn_rows(octree, depth, level)
    layer = layers.OctreeConv(weight.shape[1], weight.shape[2], [3], nempty=True)
    with torch.no_grad():
        layer.weights.copy_(weight)
    ordered = features.index_select(0, rows)

    def run() -> Tensor:
        out: Tensor = layer(ordered, octree, depth)
        return out

    return run


def ocnn_rows(octree: object, depth: int, level: Level) -> Tensor:
    """The row among our voxels of each of ocnn's nodes [V]."""
    nodes = torch.stack(octree.xyzb(depth, nempty=True)[:3], dim=1).long()  # type: ignore[attr-defined]
    side = 2**depth
    scale = torch.tensor([side * side, side, 1])
    ours, theirs = (level.grid_coord * scale).sum(1), (nodes * scale).sum(1)
    ordered, order = ours.sort()
    place = torch.searchsorted(ordered, theirs).clamp_(max=len(ours) - 1)
    if len(ours) != len(theirs) or not torch.equal(ordered[place], theirs):
        raise ValueError(f"ocnn made {len(theirs)} nodes of {len(ours)} voxels, or others than these")
    return order[place]


def _table(level: Level) -> Tensor:
    return level.neighbors[3]
