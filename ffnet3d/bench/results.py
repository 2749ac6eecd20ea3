"""All that one run of the benchmark found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

from ffnet3d.bench.convolution import ConvolutionRow, PeerRow
from ffnet3d.bench.geometry import PyramidRow
from ffnet3d.bench.measure import Machine
from ffnet3d.bench.network import NetworkRow
from ffnet3d.bench.roofs import Roofs


@dataclass(frozen=True)
class Results:
    """Figures of one run; what was not asked for is empty."""

    machine: Machine
    command: str  # that repeats the run
    preset: str
    repeats: int
    keeps_freed_memory: bool  # whether glibc was set to keep it
    roofs: Roofs | None = None
    convolution_voxels: int = 0  # on the finest level, of the convolutions
    convolutions: tuple[ConvolutionRow, ...] = ()
    peers: tuple[PeerRow, ...] = ()
    networks: tuple[NetworkRow, ...] = ()
    pyramids: tuple[PyramidRow, ...] = ()
    skipped: tuple[str, ...] = ()  # what did not fit this machine, and why

    def as_dict(self) -> dict[str, Any]:
        """For JSON: seconds, bytes and FLOP a second."""
        return asdict(self)


def ratio_of_sizes(rows: Sequence[NetworkRow]) -> float:
    """Largest over smallest time per voxel among rows of one work: 1 where it is flat."""
    times = [row.per_voxel.median for row in rows]
    return max(times) / min(times)


def marginal_bytes(rows: Sequence[NetworkRow]) -> list[float]:
    """Bytes that one more voxel adds to the peak, from each size to the next; linear memory: all alike."""
    ordered = sorted(rows, key=lambda row: row.voxels)
    return [
        (large.peak_bytes - small.peak_bytes) / (large.voxels - small.voxels)
        for small, large in pairwise(ordered)
        if large.voxels > small.voxels
    ]
