"""Tile sizes of the Triton kernels, found by one process of each machine before the others need them."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from ffnet3d.models import FFNet3D, Submanifold
from ffnet3d.ops import resolve_backend, warm_up
from ffnet3d.voxels import Pyramid

if TYPE_CHECKING:
    from lightning_fabric import Fabric

logger = logging.getLogger(__name__)

Shape = tuple[int, int, int, int]
"""(K, Cin, Cout, N) of a convolution: number of offsets, channels, rows."""


def tune_before(
    fabric: Fabric, network: nn.Module, batches: Iterable[Mapping[str, Any]], dtype: torch.dtype | None
) -> None:
    """Tune for the first of `batches` in the first process of each machine, while the others wait.

    They then read from disk what it has found. Does nothing unless several processes run backend "triton" on
    CUDA: a single one tunes each problem when it meets it. `dtype` is that of autocast, None for float32.
    """
    if fabric.world_size == 1 or not runs_triton(network, fabric.device.type):
        return
    if fabric.local_rank == 0:
        shapes = shapes_in(network, next(iter(batches)))
        logger.info("Tuning %d convolutions for this GPU before the first step", len(shapes))
        warm_up(shapes, dtype or torch.float32, fabric.device)
    fabric.barrier()


def runs_triton(network: nn.Module, device_type: str) -> bool:
    """Whether a convolution of `network` runs on backend "triton" on a GPU."""
    if device_type != "cuda":
        return False
    names = {module.backend for module in network.modules() if isinstance(module, Submanifold)}
    return any(resolve_backend(name, device_type).name == "triton" for name in names)


def shapes_in(network: nn.Module, batch: Mapping[str, Any]) -> list[Shape]:
    """The distinct convolutions of the FFNet3D in `network` on a batch; none of other networks."""
    shapes: set[Shape] = set()
    for module in network.modules():
        if isinstance(module, FFNet3D):
            pyramid = batch.get("pyramid") or module.build_pyramid(batch)
            shapes.update(_shapes(module, pyramid))
    return sorted(shapes)


def _shapes(backbone: FFNet3D, pyramid: Pyramid) -> Iterator[Shape]:
    counts = [level.num_voxels for level in pyramid.levels]
    on_levels: list[tuple[nn.Module, int]] = [(backbone.stem, counts[0])]
    on_levels += [*zip(backbone.encoder, counts, strict=True), *zip(backbone.decoder, counts, strict=False)]
    for part, count in on_levels:
        for module in part.modules():
            if isinstance(module, Submanifold):
                offsets, cin, cout = module.weight.shape
                yield offsets, cin, cout, count
