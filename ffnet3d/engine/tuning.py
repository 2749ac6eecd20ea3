"""Tile sizes of the Triton kernels, found by one process of each machine before the others need them."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import nn

from ffnet3d.models import FFNet3D, Submanifold, SubMDepthwiseConv3d
from ffnet3d.ops import resolve_backend, resolve_depthwise, warm_up
from ffnet3d.voxels import Pyramid

if TYPE_CHECKING:
    from lightning_fabric import Fabric

logger = logging.getLogger(__name__)


class Shapes(NamedTuple):
    """Distinct convolutions, by number of offsets K, channels and rows N."""

    dense: list[tuple[int, int, int, int]]  # (K, Cin, Cout, N)
    depthwise: list[tuple[int, int, int]]  # (K, C, N)


def tune_before(
    fabric: Fabric, network: nn.Module, batches: Iterable[Mapping[str, Any]], dtype: torch.dtype | None
) -> None:
    """Tune for the first of `batches` in the first process of each machine, while the others wait.

    They then read from disk what it has found. Does nothing unless several processes run backend "triton" on
    CUDA: a single one tunes each problem when it meets it. `dtype` is that of autocast, None for float32.
    """
    device = fabric.device
    if fabric.world_size == 1 or not any(runs_triton(module, device.type) for module in network.modules()):
        return
    if fabric.local_rank == 0:
        shapes = shapes_in(network, next(iter(batches)), device.type)
        logger.info(
            "Tuning %d convolutions for this GPU before the first step",
            len(shapes.dense) + len(shapes.depthwise),
        )
        warm_up(shapes.dense, dtype or torch.float32, device, shapes.depthwise)
    fabric.barrier()


def runs_triton(module: nn.Module, device_type: str) -> bool:
    """Whether a module is a convolution that runs on backend "triton" on a GPU."""
    if device_type != "cuda" or not isinstance(module, Submanifold):
        return False
    resolve = resolve_depthwise if isinstance(module, SubMDepthwiseConv3d) else resolve_backend
    return resolve(module.backend, device_type).name == "triton"


def shapes_in(network: nn.Module, batch: Mapping[str, Any], device_type: str = "cuda") -> Shapes:
    """The convolutions on "triton" of the FFNet3D in `network` on a batch; none of other networks."""
    dense, depthwise = set(), set()
    for backbone in network.modules():
        if isinstance(backbone, FFNet3D):
            pyramid = batch.get("pyramid") or backbone.build_pyramid(batch)
            for module, count in _convolutions(backbone, pyramid):
                if not runs_triton(module, device_type):
                    continue
                if isinstance(module, SubMDepthwiseConv3d):
                    offsets, channels = module.weight.shape
                    depthwise.add((offsets, channels, count))
                else:
                    offsets, cin, cout = module.weight.shape
                    dense.add((offsets, cin, cout, count))
    return Shapes(sorted(dense), sorted(depthwise))


def _convolutions(backbone: FFNet3D, pyramid: Pyramid) -> Iterator[tuple[Submanifold, int]]:
    """Every convolution, and the number of its rows."""
    counts = [level.num_voxels for level in pyramid.levels]
    on_levels: list[tuple[nn.Module, int]] = [(backbone.stem, counts[0])]
    on_levels += [*zip(backbone.encoder, counts, strict=True), *zip(backbone.decoder, counts, strict=False)]
    for part, count in on_levels:
        for module in part.modules():
            if isinstance(module, Submanifold):
                yield module, count
