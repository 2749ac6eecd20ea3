"""Tuning before a run of several processes: who does it, for which convolutions, and who waits."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from ffnet3d.engine import tuning
from ffnet3d.models import create_model


@dataclass
class FakeFabric:
    """What tuning asks of a Fabric, and the order of what happened."""

    world_size: int = 2
    local_rank: int = 0
    device: torch.device = field(default_factory=lambda: torch.device("cuda"))
    events: list[Any] = field(default_factory=list)

    def barrier(self) -> None:
        self.events.append("barrier")


@pytest.fixture
def network() -> nn.Module:
    shape = {"enc_depths": (1, 1), "enc_channels": (8, 16), "dec_depths": (1,), "dec_channels": (12,)}
    return create_model("ffnet3d", 6, 5, stride=(2,), backend="triton", **shape)


@pytest.fixture
def batch() -> dict[str, Any]:
    """A row of nine voxels: five cells on the next level."""
    grid_coord = torch.arange(9)[:, None] * torch.tensor([[1, 0, 0]])
    return {"feat": torch.zeros(9, 6), "grid_coord": grid_coord, "offset": torch.tensor([9])}


SHAPES = [(27, 8, 8, 9), (27, 12, 12, 9), (27, 16, 16, 5), (125, 6, 8, 9)]


def tune(monkeypatch: pytest.MonkeyPatch, fabric: FakeFabric, *rest: Any, dtype: Any = None) -> list[Any]:
    """The events of a call whose warm-up is only noted; a GPU is pretended."""
    monkeypatch.setattr(tuning, "warm_up", lambda *arguments: fabric.events.append(arguments))
    monkeypatch.setattr(tuning, "resolve_backend", lambda name, _: SimpleNamespace(name=name))
    monkeypatch.setattr(tuning, "resolve_depthwise", lambda *_: SimpleNamespace(name="triton"))
    tuning.tune_before(fabric, *rest, dtype)  # type: ignore[arg-type]
    return fabric.events


def test_the_first_process_of_a_machine_tunes_and_then_meets_the_others(
    monkeypatch: pytest.MonkeyPatch, network: nn.Module, batch: dict[str, Any]
) -> None:
    fabric = FakeFabric()
    events = tune(monkeypatch, fabric, network, [batch], dtype=torch.bfloat16)
    assert events == [(SHAPES, torch.bfloat16, fabric.device, []), "barrier"]


def test_depthwise_convolutions_run_triton_whatever_the_dense_ones_take(
    monkeypatch: pytest.MonkeyPatch, batch: dict[str, Any]
) -> None:
    shape = {"enc_depths": (1, 1), "enc_channels": (8, 16), "dec_depths": (1,), "dec_channels": (12,)}
    kinds = {"mixers": "ffnified_depthwise", "enc_ks": (3, "cross9")}
    network = create_model("ffnet3d", 6, 5, stride=(2,), backend="spconv", **shape, **kinds)
    fabric = FakeFabric()
    events = tune(monkeypatch, fabric, network, [batch])
    depthwise = [(25, 16, 5), (27, 8, 9), (27, 12, 9)]
    assert events == [([], torch.float32, fabric.device, depthwise), "barrier"]


def test_the_others_wait_and_load_nothing(monkeypatch: pytest.MonkeyPatch, network: nn.Module) -> None:
    assert tune(monkeypatch, FakeFabric(local_rank=1), network, []) == ["barrier"]


def test_a_pyramid_that_came_with_the_batch_is_taken(
    monkeypatch: pytest.MonkeyPatch, network: nn.Module, batch: dict[str, Any]
) -> None:
    monkeypatch.setattr(tuning, "resolve_backend", lambda name, _: SimpleNamespace(name=name))
    pyramid = network.backbone.build_pyramid(batch)
    assert tuning.shapes_in(network, {"pyramid": pyramid}) == (SHAPES, [])
    assert tuning.shapes_in(nn.Linear(2, 2), {}) == ([], [])


def test_without_autocast_it_is_float32(
    monkeypatch: pytest.MonkeyPatch, network: nn.Module, batch: dict[str, Any]
) -> None:
    assert tune(monkeypatch, FakeFabric(), network, [batch])[0][1] == torch.float32


@pytest.mark.parametrize(
    ("change", "backend"),
    [
        ({"world_size": 1}, "triton"),  # it tunes when it first meets a problem
        ({"device": torch.device("cpu")}, "triton"),
        ({}, "spconv"),
    ],
)
def test_nothing_happens_where_nothing_is_to_be_tuned(
    monkeypatch: pytest.MonkeyPatch, network: nn.Module, change: dict[str, Any], backend: str
) -> None:
    for module in network.modules():
        if hasattr(module, "backend"):
            module.backend = backend
    assert tune(monkeypatch, FakeFabric(**change), network, []) == []
