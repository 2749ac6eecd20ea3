"""The measured work is the work that is there, and the peers compute what the reference computes."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from tolerances import TOLERANCES, assert_close

from ffnet3d.bench import peers
from ffnet3d.bench.convolution import (
    PASSES,
    Place,
    measure_convolutions,
    measure_peers,
    ours,
    passes,
    places,
    tensors,
    valid_flops,
)
from ffnet3d.bench.geometry import pyramid_of
from ffnet3d.bench.profile import parts_of
from ffnet3d.bench.scenes import Rooms
from ffnet3d.models.config import FFNet3DConfig
from ffnet3d.ops import subm_conv3d
from ffnet3d.voxels import Pyramid

FP32 = TOLERANCES[torch.float32].forward


@pytest.fixture(scope="module")
def pyramid() -> Pyramid:
    return pyramid_of(Rooms(1500).voxels(0))


def test_flops_are_those_of_present_neighbours(pyramid: Pyramid) -> None:
    voxels = {tuple(voxel) for voxel in pyramid.levels[1].grid_coord.tolist()}
    offsets = list(product((-1, 0, 1), repeat=3))
    pairs = sum((x + a, y + b, z + c) in voxels for x, y, z in voxels for a, b, c in offsets)
    rows = list(measure_convolutions(pyramid, Place(1, 8), repeats=2))
    assert {row.flops for row in rows} == {2 * pairs * 8 * 8} == {valid_flops(pairs, 8)}
    assert [(row.dtype, row.which) for row in rows] == list(product(("fp32", "bf16"), PASSES))
    for row in rows:
        assert row.rate == pytest.approx(row.flops / row.timing.median)
        assert (row.first is not None) == (row.which == "forward")
        assert row.parts.flops >= row.flops


def test_the_least_traffic_counts_everything_once(pyramid: Pyramid) -> None:
    voxels = pyramid.levels[0].num_voxels
    row = next(iter(measure_convolutions(pyramid, Place(0, 8), repeats=1)))
    assert row.least_bytes == 4 * (voxels * 8 + voxels * 8 + 27 * 8 * 8) + 4 * 27 * voxels


def test_parts_add_up_and_count_the_products() -> None:
    left, right = torch.randn(50, 30), torch.randn(30, 20)
    parts = parts_of(lambda: (left @ right).index_select(0, torch.arange(50)))
    assert parts.products + parts.rows + parts.sums + parts.rest == pytest.approx(1)
    assert parts.flops == 2 * 50 * 30 * 20
    batched = parts_of(lambda: torch.bmm(torch.ones(3, 4, 5), torch.ones(3, 5, 6)))
    assert batched.flops == 2 * 3 * 4 * 5 * 6


def test_the_released_network_convolves_in_six_places() -> None:
    found = [(place.level, place.channels) for place in places(FFNet3DConfig())]
    assert found == [(0, 32), (0, 64), (1, 64), (2, 128), (3, 256), (4, 512)]


def test_the_timed_gradients_are_gradients(pyramid: Pyramid) -> None:
    level = pyramid.levels[1]
    features, weight = tensors(level, 8, torch.float64)
    table = level.neighbors[3]
    calls = passes(features, weight, table)
    inputs = features.clone().requires_grad_(), weight.clone().requires_grad_()
    out = subm_conv3d(*inputs, None, table, backend="reference")
    expected = torch.autograd.grad(out.sum(), inputs)
    torch.testing.assert_close(calls["forward"](), out.detach())
    torch.testing.assert_close(calls["input gradient"](), (expected[0],))
    torch.testing.assert_close(calls["weight gradient"](), (expected[1],))


def test_the_naive_peer_equals_the_reference(pyramid: Pyramid) -> None:
    level = pyramid.levels[0]
    features, weight = tensors(level, 16, torch.float64)
    expected = subm_conv3d(features, weight, None, level.neighbors[3], backend="reference")
    assert_close(peers.naive(features.float(), weight.float(), level)(), expected, FP32)
    assert_close(ours(features.float(), weight.float(), level)(), expected, FP32)


@pytest.mark.skipif(bool(peers.spconv_obstacle()), reason="pip install spconv")
def test_spconv_equals_the_reference_on_one_thread(pyramid: Pyramid) -> None:
    level = pyramid.levels[0]
    features, weight = tensors(level, 16, torch.float32)
    expected = subm_conv3d(features.double(), weight.double(), None, level.neighbors[3], backend="reference")
    before = torch.get_num_threads()
    with peers.one_thread():
        assert torch.get_num_threads() == 1
        assert_close(peers.spconv_cpu(features, weight, level)(), expected, FP32)
    assert torch.get_num_threads() == before


@pytest.mark.skipif(bool(peers.ocnn_obstacle()), reason="pip install ocnn torchvision")
def test_ocnn_equals_the_reference(pyramid: Pyramid) -> None:
    level = pyramid.levels[0]
    features, weight = tensors(level, 16, torch.float32)
    expected = subm_conv3d(features.double(), weight.double(), None, level.neighbors[3], backend="reference")
    # ocnn's nodes are in z-order, as our voxels are.
    assert_close(peers.ocnn(features, weight, level)(), expected, FP32)


def test_a_peer_that_is_missing_says_why(pyramid: Pyramid, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "ocnn_obstacle", lambda: "ocnn is not usable: no")
    monkeypatch.setattr(peers, "spconv_obstacle", lambda: "spconv is not installed")
    rows = list(measure_peers(pyramid, Place(1, 8), repeats=1))
    assert [(row.name, row.obstacle) for row in rows] == [
        ("ffnet3d", ""),
        ("index_add", ""),
        ("ocnn", "ocnn is not usable: no"),
        ("ffnet3d", ""),
        ("spconv", "spconv is not installed"),
    ]
    assert [row.timing is None for row in rows] == [bool(row.obstacle) for row in rows]
    assert {row.threads for row in rows[3:]} == {1}
