"""The geometry that workers make for a network: of the right kind, and without a trace in the loss."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from ffnet3d.data.loader import collate
from ffnet3d.engine.build import pyramid_plan
from ffnet3d.engine.evaluate import to_device
from ffnet3d.models import DefaultSegmentorV2, FFNet3D
from ffnet3d.voxels import Pyramid

NETWORK = {
    "in_channels": 3,
    "stride": (2, 4),
    "enc_depths": (1, 1, 1),
    "enc_channels": (4, 6, 8),
    "dec_depths": (1, 1),
    "dec_channels": (4, 6),
    "drop_path": 0.2,
}


CPU = torch.device("cpu")


def segmentor() -> DefaultSegmentorV2:
    torch.manual_seed(0)
    return DefaultSegmentorV2(5, 4, FFNet3D(**NETWORK), [{"type": "CrossEntropyLoss"}])


def sample(seed: int) -> dict[str, Any]:
    """A cloud in which voxels hold several points."""
    generator = torch.Generator().manual_seed(seed)
    return {
        "grid_coord": torch.randint(0, 12, (400, 3), generator=generator) // torch.tensor([1, 1, 3]),
        "feat": torch.randn(400, 3, generator=generator),
        "segment": torch.randint(0, 5, (400,), generator=generator),
        "offset": torch.tensor([400]),
        "mix_draw": 0.5,
    }


def test_the_plan_is_the_network_s_own() -> None:
    network = segmentor()
    plan = pyramid_plan(network, CPU)
    assert plan is not None
    assert plan.strides == (2, 4)
    assert plan.kernel_sizes == ({3, 5}, {3}, {3})


def test_other_networks_have_no_plan() -> None:
    assert pyramid_plan(nn.Linear(3, 4), CPU) is None
    assert (
        pyramid_plan(nn.ModuleList([FFNet3D(**NETWORK), FFNet3D(**{**NETWORK, "stride": (2, 2)})]), CPU)
        is None
    )


def test_a_gpu_makes_its_own_pyramid() -> None:
    assert pyramid_plan(segmentor(), torch.device("cuda", 0)) is None


@pytest.mark.parametrize("mix_prob", [0.0, 1.0])
def test_the_loss_and_its_gradients_are_the_same(mix_prob: float) -> None:
    samples = [sample(seed) for seed in range(2)]
    results = []
    for plan in (None, pyramid_plan(segmentor(), CPU)):
        network, batch = segmentor(), collate(samples, mix_prob, plan)
        assert ("pyramid" in batch) == (plan is not None)
        torch.manual_seed(1)
        loss = network(to_device(batch, torch.device("cpu")))["loss"]
        results.append([loss, *torch.autograd.grad(loss, list(network.parameters()))])
    assert len(torch.unique(collate(samples)["grid_coord"], dim=0)) < 800
    assert all(torch.equal(one, other) for one, other in zip(*results, strict=True))


def test_the_pyramid_moves_with_its_batch() -> None:
    batch = to_device(collate([sample(0)], plan=pyramid_plan(segmentor(), CPU)), torch.device("meta"))
    assert isinstance(batch["pyramid"], Pyramid)
    assert batch["pyramid"].point_order.is_meta
    assert batch["feat"].is_meta
