"""Multiply-adds against pairs counted one by one, and against PyTorch's own counter."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from small_weights import random_network
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from ffnet3d.analysis.cost_count import Work, count, tally
from ffnet3d.models import fuse
from ffnet3d.models.layers import LayerScale, Linear, SubMConv3d, SubMDepthwiseConv3d
from ffnet3d.models.mixers import MIXERS, MixerSpec, build_mixer
from ffnet3d.models.sampling import GridPool
from ffnet3d.voxels import Level, build_pyramid, kernel_offsets

KERNELS = (3, "9x1x1", "cross9")


def scattered(count: int = 80, extent: int = 7) -> torch.Tensor:
    """Distinct voxels [V, 3], shuffled."""
    cells = np.random.default_rng(0).choice(extent**3, count, replace=False)
    return torch.from_numpy(np.stack(np.unravel_index(cells, (extent,) * 3), axis=1))


def level_of(grid: torch.Tensor, kernels: tuple[Any, ...] = KERNELS) -> Level:
    batch = torch.zeros(len(grid), dtype=torch.int64)
    return build_pyramid(grid, batch, (), (kernels,)).levels[0]


def batch_of(grid: torch.Tensor, dtype: torch.dtype = torch.float32) -> dict[str, torch.Tensor]:
    features = torch.rand(len(grid), 6, dtype=dtype, generator=torch.Generator().manual_seed(0))
    return {"feat": features, "grid_coord": grid, "offset": torch.tensor([len(grid)])}


def work_of(module: nn.Module, *inputs: Any) -> Work | None:
    return count(module, inputs, module(*inputs))


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_convolution_counts_the_pairs_that_are_there(kernel: Any) -> None:
    level = level_of(scattered())
    voxels = {tuple(voxel) for voxel in level.grid_coord.tolist()}
    offsets = kernel_offsets(kernel).tolist()
    pairs = sum(tuple(np.add(voxel, offset)) in voxels for voxel in voxels for offset in offsets)
    assert 80 < pairs < 80 * len(offsets)
    features = torch.rand(80, 5)
    dense = work_of(SubMConv3d(5, 7, kernel), features, level.neighbors[kernel])
    assert dense == Work("convolution", 35 * pairs, 35 * 80 * len(offsets))
    depthwise = work_of(SubMDepthwiseConv3d(5, kernel), features, level.neighbors[kernel])
    assert depthwise == Work("depthwise convolution", 5 * pairs, 5 * 80 * len(offsets))
    pooling = work_of(build_mixer("pooling", MixerSpec(5, kernel)), features, level)
    assert pooling == Work("pooling", 5 * pairs, 5 * 80 * len(offsets))


def test_full_windows_are_those_of_a_dense_convolution() -> None:
    axis = torch.arange(6)
    level = level_of(torch.cartesian_prod(axis, axis, axis))
    work = work_of(SubMConv3d(5, 7, 3), torch.rand(216, 5), level.neighbors[3])
    with FlopCounterMode(display=False) as counter:
        nn.Conv3d(5, 7, 3, padding=1)(torch.rand(1, 5, 6, 6, 6))
    assert work is not None
    assert 2 * work.dense == counter.get_total_flops()
    assert work.present == 35 * 16**3  # 16 of 18 places on each axis


def test_linear_layers_norms_and_pools_by_hand() -> None:
    features = torch.rand(10, 5)
    assert work_of(Linear(5, 7), features) == Work("linear", 350, 350)
    assert work_of(nn.LayerNorm(5), features) == Work("norm", 50, 50)
    assert work_of(LayerScale(5, 0.1), features) == Work("norm", 50, 50)
    pool = GridPool(5, 8).eval()
    assert work_of(pool, features, torch.arange(10) // 3, 4) == Work("pooling", 80, 80)


def test_attention_counts_pairs_of_a_window() -> None:
    mixer = build_mixer("window_attention", MixerSpec(64, window=16))
    work = work_of(mixer, torch.rand(40, 64), level_of(scattered(40)))
    assert work == Work("attention", 2 * 64 * (16**2 + 16**2 + 8**2), 2 * 64 * 3 * 16**2)


def test_a_network_of_products_agrees_with_the_counter_of_pytorch() -> None:
    """In float64 every layer but the stem goes through PyTorch's own products."""
    model = fuse(random_network(mixers="window_attention", channel_mixers="mlp", window=16)).double()
    batch = batch_of(scattered(), torch.float64)
    works = [work for _, work in tally(model, batch).works]
    # The counter does not know a CPU's fused attention.
    with torch.enable_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        model(batch)
    ours = sum(work.dense for work in works if work.kind in ("linear", "attention"))
    assert ours == counter.get_total_flops() // 2


@pytest.mark.parametrize("place", ["mixers", "channel_mixers"])
@pytest.mark.parametrize("name", MIXERS.names())
def test_no_part_of_a_mixer_is_left_out(name: str, place: str) -> None:
    model = fuse(random_network(**{place: name}, layer_scale=0.1, branches=("small", "identity")))
    counted = tally(model, batch_of(scattered()))
    assert counted.uncounted == counted.idle == ()
    layers = {module for module in model.modules() if isinstance(module, SubMConv3d | Linear)}
    assert layers <= {module for module, _ in counted.works}


class Gate(nn.Module):
    """A layer that nobody has taught the counter."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(8))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return features * self.weight


def test_an_unknown_layer_and_one_that_does_not_run_are_named() -> None:
    model = fuse(random_network())
    model.backbone.stem.act = Gate()
    model.spare = nn.Linear(2, 2)
    counted = tally(model, batch_of(scattered()))
    assert counted.uncounted == ("backbone.stem.act",)
    assert counted.idle == ("spare",)


def test_another_layer_can_be_taught() -> None:
    class Taught(Gate):
        pass

    @count.register(Taught)
    def _taught(module: Taught, inputs: tuple[Any, ...], output: torch.Tensor) -> Work:
        return Work("norm", module.weight.numel(), len(inputs) + len(output))

    assert work_of(Taught(), torch.rand(2, 8)) == Work("norm", 8, 3)
    assert work_of(Gate(), torch.rand(2, 8)) is None
