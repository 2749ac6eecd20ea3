"""What all parts share: the sizes measured, batches on the device, the network, the clock, the results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from ffnet3d import create_model
from ffnet3d.bench.clouds import furnished_rooms
from ffnet3d.models import SubMConv3d
from ffnet3d.voxels import Pyramid
from gpu_parts.clock import Clock
from gpu_parts.report import Results

CLASSES = 20
TINY = {"enc_channels": (8, 8, 16, 16, 16), "dec_channels": (8, 8, 16, 16)}  # of dry runs


@dataclass(frozen=True)
class Case:
    """A batch of `scenes` times the same rooms of `size` voxels."""

    size: int
    scenes: int

    @property
    def voxels(self) -> int:
        """In the whole batch."""
        return self.size * self.scenes


@dataclass
class Bench:
    """The device and what is measured on it. Batches are kept for one case at a time."""

    device: torch.device
    dry: bool
    clock: Clock
    results: Results
    roofs: dict[str, float] = field(default_factory=dict)  # "bandwidth" bytes/s, precision: FLOP/s
    failed: set[tuple[str, str]] = field(default_factory=set)  # (backend, precision) that compute wrongly
    kept: dict[Case, dict[str, Any]] = field(default_factory=dict)

    def batch(self, case: Case) -> dict[str, Any]:
        """Points, random features and labels, and `pyramid`, on the device."""
        if case not in self.kept:
            self.kept.clear()
            self.kept[case] = self._batch(case)
        return self.kept[case]

    def _batch(self, case: Case) -> dict[str, Any]:
        voxels = furnished_rooms(case.size)
        generator = torch.Generator().manual_seed(0)
        batch: dict[str, Any] = {
            "grid_coord": voxels.repeat(case.scenes, 1),
            "batch": torch.arange(case.scenes).repeat_interleave(len(voxels)),
            "feat": torch.randn(case.voxels, 6, generator=generator),
            "segment": torch.randint(0, CLASSES, (case.voxels,), generator=generator),
        }
        batch = {key: value.to(self.device) for key, value in batch.items()}
        batch["pyramid"] = self.network("torch").backbone.build_pyramid(batch)
        return batch

    def network(self, backend: str) -> nn.Module:
        """The released preset with its head and losses (tiny in dry runs), the same weights each time."""
        torch.manual_seed(0)
        preset, arguments = ("ffnet3d-tiny", TINY) if self.dry else ("ffnet3d", {})
        with self.device:
            network = create_model(preset, 6, CLASSES, backend=backend, **arguments)
            for module in network.modules():
                if isinstance(module, nn.BatchNorm1d):  # as if trained: the identity would hide mistakes
                    module.running_mean.normal_(0, 0.1)
                    module.running_var.uniform_(0.5, 2)
        return network

    def channels(self) -> list[tuple[int, int, int, int]]:
        """(level, kernel size, Cin, Cout) of the distinct convolutions of the network, finest first."""
        backbone, found = self.network("torch").backbone, set()
        for parts in ([backbone.stem], backbone.encoder, backbone.decoder):
            for level, part in enumerate(parts):
                for module in part.modules():
                    if isinstance(module, SubMConv3d):
                        found.add((level, module.kernel_size, *module.weight.shape[1:]))
        return sorted(found)


def fresh(pyramid: Pyramid) -> Pyramid:
    """A copy of which no backend has made any table yet, as a loader brings it."""
    return replace(
        pyramid,
        levels=tuple(
            replace(level, neighbors={size: table.clone() for size, table in level.neighbors.items()})
            for level in pyramid.levels
        ),
        parents=tuple(parent.clone() for parent in pyramid.parents),
    )


def with_fresh_pyramid(batch: Mapping[str, Any]) -> tuple[dict[str, Any]]:
    """For a clock's setup: the batch with a pyramid as a loader brings it."""
    return ({**batch, "pyramid": fresh(batch["pyramid"])},)


def error_of(actual: Tensor, expected: Tensor) -> float:
    """The largest difference as a share of the largest expected entry."""
    difference = (actual.double().cpu() - expected.double().cpu()).abs().max()
    return float(difference / expected.double().abs().max().cpu())
