"""The gradient's field: exact where it is known, zero beyond a kernel, and equal to finite differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from small_weights import random_network
from torch import nn

from ffnet3d.analysis.receptive import receptive_fields, sample_rows
from ffnet3d.models import FFNet3D
from ffnet3d.models.mixers import MIXERS

ONE_LEVEL: dict[str, Any] = {
    "in_channels": 2,
    "stride": (2,),
    "enc_channels": (4, 4),
    "dec_channels": (4,),
    "dec_depths": (0,),
}


def box(edge: int) -> NDArray[np.int64]:
    """All voxels of a cube, in z-order of no importance."""
    return np.stack(np.meshgrid(*[np.arange(edge)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)


def cloud(count: int = 60, extent: int = 7, seed: int = 0) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Features [V, 6] and distinct voxels [V, 3]."""
    rng = np.random.default_rng(seed)
    cells = rng.choice(extent**3, count, replace=False)
    grid = np.stack(np.unravel_index(cells, (extent,) * 3), axis=1)
    return rng.uniform(0, 1, (count, 6)), grid


def fine_only(**arguments: Any) -> nn.Module:
    """A float64 network whose coarse level is cut off: the output is that of the finest encoder stage."""
    torch.manual_seed(0)
    network = FFNet3D(**{**ONE_LEVEL, **arguments}).double().eval()
    for parameter in network.unpools[0].proj.parameters():
        nn.init.zeros_(parameter)
    return network


def chebyshev(grid: NDArray[np.int64], row: int) -> NDArray[np.int64]:
    return np.abs(grid - grid[row]).max(axis=1)


def test_without_blocks_the_field_is_the_kernel_of_the_stem() -> None:
    grid = box(8)
    network = fine_only(enc_depths=(0, 0))
    row = int(np.flatnonzero((grid == 3).all(axis=1))[0])
    (field,) = receptive_fields(network, np.random.default_rng(0).normal(size=(512, 2)), grid, [row])
    assert (field[chebyshev(grid, row) > 2] == 0).all()
    assert (field[chebyshev(grid, row) <= 2] > 0).all()
    assert field.sum() == pytest.approx(1)


def test_a_block_of_three_convolutions_reaches_three_voxels_farther() -> None:
    grid = box(12)
    network = fine_only(enc_depths=(1, 0))
    row = int(np.flatnonzero((grid == 5).all(axis=1))[0])
    (field,) = receptive_fields(network, np.random.default_rng(0).normal(size=(12**3, 2)), grid, [row])
    assert (field[chebyshev(grid, row) > 2 + 3] == 0).all()
    assert (field[chebyshev(grid, row) == 2 + 3] > 0).any()


def test_a_linear_network_has_the_contributions_of_its_kernel() -> None:
    """The stem alone, with its activation behind a norm of known slope: the weights' absolute values."""
    grid = box(5)
    network = fine_only(enc_depths=(0, 0))
    row = int(np.flatnonzero((grid == 2).all(axis=1))[0])
    features = np.zeros((125, 2))  # every gradient is taken at zero, where GELU has the slope 1/2
    (field,) = receptive_fields(network, features, grid, [row])
    skip = network.unpools[0].skip
    slopes = 0.5 * 0.5 / (1 + 1e-3) * skip.linear.weight.detach().sum(dim=0)
    weights = network.stem.conv.weight.detach()  # [K, Cin, Cout], offsets row-major, as the box
    expected = (weights @ slopes).abs().sum(dim=1).numpy()
    order = np.lexsort(grid.T[::-1])
    np.testing.assert_allclose(field[order], expected / expected.sum(), rtol=1e-6)


def test_it_is_the_gradient_of_the_sum_of_the_features() -> None:
    features, grid = cloud(count=24, extent=5)
    segmentor = random_network().double()
    rows, step = [4, 17], 1e-6
    # A scene for each input that moves up, and one for each that moves down.
    moves = step * np.eye(24 * 6).reshape(-1, 24, 6)
    scenes = features + np.concatenate([moves, -moves])
    up, down = outputs(segmentor, scenes, grid)[:, rows].reshape(2, 24, 6, 2)
    expected = np.abs(up - down).sum(axis=1).T
    expected /= expected.sum(axis=1, keepdims=True)
    fields = np.stack(list(receptive_fields(segmentor, features, grid, rows)))
    np.testing.assert_allclose(fields, expected, rtol=1e-3, atol=1e-7)


@torch.no_grad()
def outputs(
    segmentor: nn.Module, scenes: NDArray[np.float64], grid: NDArray[np.int64]
) -> NDArray[np.float64]:
    """The sum of the output features [B, V] of scenes [B, V, C] that have the same voxels."""
    count, voxels, channels = scenes.shape
    batch = {
        "feat": torch.from_numpy(scenes.reshape(-1, channels)),
        "grid_coord": torch.from_numpy(np.tile(grid, (count, 1))),
        "offset": torch.arange(1, count + 1) * voxels,
    }
    return segmentor.backbone(batch).sum(dim=1).view(count, voxels).numpy()


@pytest.mark.parametrize("arguments", [{"recompute": True}, {"use_gelu": False}])
def test_the_network_stays_as_it_is(arguments: dict[str, Any]) -> None:
    features, grid = cloud()
    segmentor = random_network(**arguments).train()
    before = {name: tensor.clone() for name, tensor in segmentor.state_dict().items()}
    first, again = (list(receptive_fields(segmentor, features, grid, [1, 2, 3])) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert all(torch.equal(before[name], tensor) for name, tensor in segmentor.state_dict().items())
    assert segmentor.training
    assert all(parameter.requires_grad and parameter.grad is None for parameter in segmentor.parameters())


def test_errors_name_the_voxel() -> None:
    features, grid = cloud()
    segmentor = random_network()
    with pytest.raises(ValueError, match="sample voxels 3 to 60: the scan has 0 to 59"):
        list(receptive_fields(segmentor, features, grid, [3, 60]))
    with pytest.raises(ValueError, match="one sample voxel or more, got none"):
        list(receptive_fields(segmentor, features, grid, []))
    with pytest.raises(ValueError, match="60 voxels, but only 59 distinct ones: group the points first"):
        list(receptive_fields(segmentor, features, np.concatenate([grid[:1], grid[:-1]]), [0]))
    for parameter in segmentor.parameters():
        nn.init.zeros_(parameter)
    with pytest.raises(ValueError, match="the output at voxel 7 has the gradient 0 in all"):
        list(receptive_fields(segmentor, features, grid, [7]))


def test_samples_are_spread_and_repeat_with_the_seed() -> None:
    rows = sample_rows(1000, 10, seed=1)
    assert (rows // 100).tolist() == list(range(10))
    assert rows.tolist() == sample_rows(1000, 10, seed=1).tolist()
    assert rows.tolist() != sample_rows(1000, 10, seed=2).tolist()
    assert sample_rows(3, 10).tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match="one sample voxel or more, got 0"):
        sample_rows(1000, 0)


@pytest.mark.parametrize("name", MIXERS.names())
def test_every_mixer_has_a_field(name: str) -> None:
    features, grid = cloud(count=120)
    fields = np.stack(list(receptive_fields(random_network(mixers=name), features, grid, [0, 60])))
    assert fields.sum(axis=1) == pytest.approx([1, 1])
    assert (fields >= 0).all()


def test_identities_leave_the_reach_of_stem_and_pools() -> None:
    """The stem of a voxel in the same coarsest cell, 16 voxels wide, and nothing else."""
    grid = np.stack(np.meshgrid(np.arange(40), np.arange(4), [0, 1], indexing="ij"), axis=-1).reshape(-1, 3)
    segmentor = random_network(mixers="identity", channel_mixers="identity")
    (field,) = receptive_fields(segmentor, np.random.default_rng(0).uniform(size=(320, 6)), grid, [160])
    contributing = np.unique(grid[field > 0, 0])
    assert grid[160, 0] == 20
    assert set(range(20 - 2, 20 + 3)) <= set(contributing.tolist()) <= set(range(16 - 2, 32 + 2))
    assert contributing.min() < 18


def test_a_window_of_attention_reaches_all_its_voxels() -> None:
    """A line of voxels farther apart than the stem reaches: windows alone carry anything between them."""
    grid = np.stack([6 * np.arange(12), np.zeros(12), np.zeros(12)], axis=1).astype(np.int64)
    torch.manual_seed(0)
    mixers = {"mixers": "window_attention", "channel_mixers": "mlp", "window": 4}
    network = FFNet3D(**{**ONE_LEVEL, "enc_depths": (1, 0), **mixers}).double()
    for parameter in network.unpools[0].proj.parameters():
        nn.init.zeros_(parameter)
    (field,) = receptive_fields(network, np.random.default_rng(0).normal(size=(12, 2)), grid, [5])
    assert np.flatnonzero(field).tolist() == [4, 5, 6, 7]
