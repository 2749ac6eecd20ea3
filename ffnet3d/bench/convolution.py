"""The convolutions of a network, level by level: time and rate of each pass, in each dtype, beside peers.

Everything is warm here: the same cloud again and again, its pairs known. What a cloud costs that was never
seen before is in `first`, and in the figures of the whole network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ffnet3d.bench import peers
from ffnet3d.bench.measure import Timing, seconds_of, time_call
from ffnet3d.bench.profile import Parts, parts_of
from ffnet3d.bench.roofs import DTYPES
from ffnet3d.models.config import FFNet3DConfig
from ffnet3d.ops import subm_conv3d
from ffnet3d.voxels import Level, Pyramid

KERNEL = 3
PASSES = ("forward", "input gradient", "weight gradient")
INDEX_BYTES = 4  # of an entry of a neighbour table


@dataclass(frozen=True)
class Place:
    """Where a network convolves: a level of the pyramid (0: the finest) and the width of its features."""

    level: int
    channels: int


@dataclass(frozen=True)
class ConvolutionRow:
    """One pass of one convolution in one dtype."""

    place: Place
    which: str  # of PASSES
    dtype: str  # of DTYPES
    voxels: int
    pairs: int  # present entries of the neighbour table
    timing: Timing
    first: float | None  # seconds of a call on a table that was never seen; of the forward pass only
    parts: Parts

    @property
    def flops(self) -> int:
        """Work on present pairs: a product and a sum for each pair, input and output channel."""
        return valid_flops(self.pairs, self.place.channels)

    @property
    def rate(self) -> float:
        """FLOP/s over present pairs, by the median."""
        return self.flops / self.timing.median

    @property
    def least_bytes(self) -> int:
        """What must be moved at least once: features in and out, weights, and the table."""
        size = DTYPES[self.dtype].itemsize
        rows, kernel = 2 * self.voxels * self.place.channels, KERNEL**3 * self.place.channels**2
        return size * (rows + kernel) + INDEX_BYTES * KERNEL**3 * self.voxels


@dataclass(frozen=True)
class PeerRow:
    """The forward pass in fp32 by one implementation; `obstacle` says why there is no timing."""

    place: Place
    name: str
    threads: int
    timing: Timing | None
    obstacle: str = ""


def valid_flops(pairs: int, channels: int) -> int:
    """FLOPs of a convolution with so many present pairs, as wide out as in."""
    return 2 * pairs * channels * channels


def places(config: FFNet3DConfig) -> list[Place]:
    """All widths on all levels, encoder and decoder, the finest and narrowest first."""
    found = {(level, width) for level, width in enumerate(config.enc_channels)}
    found |= {(level, width) for level, width in enumerate(config.dec_channels)}
    return [Place(level, width) for level, width in sorted(found)]


def measure_convolutions(pyramid: Pyramid, place: Place, repeats: int) -> Iterator[ConvolutionRow]:
    """The three passes in every dtype at one place."""
    level = pyramid.levels[place.level]
    table = level.neighbors[KERNEL]
    pairs = int((table != len(table)).sum())
    for dtype in DTYPES:
        features, weight = tensors(level, place.channels, DTYPES[dtype])
        for which, run in passes(features, weight, table).items():
            yield ConvolutionRow(
                place=place,
                which=which,
                dtype=dtype,
                voxels=len(table),
                pairs=pairs,
                timing=time_call(run, repeats),
                first=first_call(features, weight, table) if which == "forward" else None,
                parts=parts_of(run),
            )


def tensors(level: Level, channels: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Random features [V, C] and weight [K, C, C]."""
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(level.num_voxels, channels, generator=generator)
    weight = torch.randn(KERNEL**3, channels, channels, generator=generator) / channels
    return features.to(dtype), weight.to(dtype)


def passes(features: Tensor, weight: Tensor, table: Tensor) -> dict[str, Callable[[], object]]:
    """Each of PASSES as a call."""
    cotangent = torch.ones_like(features)

    def forward() -> Tensor:
        with torch.no_grad():
            return subm_conv3d(features, weight, None, table)

    def gradient_of(wanted: Tensor) -> Callable[[], object]:
        wanted = wanted.detach().requires_grad_()
        inputs = (wanted, weight) if wanted.ndim == 2 else (features, wanted)
        out = subm_conv3d(*inputs, None, table)
        return lambda: torch.autograd.grad(out, wanted, cotangent, retain_graph=True)

    calls: tuple[Callable[[], object], ...] = (forward, gradient_of(features), gradient_of(weight))
    return dict(zip(PASSES, calls, strict=True))


@torch.no_grad()
def first_call(features: Tensor, weight: Tensor, table: Tensor) -> float:
    """Seconds of a forward pass on a table whose pairs were not worked out before."""
    fresh = table.clone()
    return seconds_of(lambda: subm_conv3d(features, weight, None, fresh))


@torch.no_grad()
def measure_peers(pyramid: Pyramid, place: Place, repeats: int) -> Iterator[PeerRow]:
    """Ours and the others on the same features and weights, in fp32: all threads, then one."""
    level = pyramid.levels[place.level]
    features, weight = tensors(level, place.channels, torch.float32)

    def row(name: str, make: Callable[[Tensor, Tensor, Level], peers.Run], obstacle: str = "") -> PeerRow:
        threads = torch.get_num_threads()
        if obstacle:
            return PeerRow(place, name, threads, None, obstacle)
        return PeerRow(place, name, threads, time_call(make(features, weight, level), repeats))

    yield row("ffnet3d", ours)
    yield row("index_add", peers.naive)
    yield row("ocnn", peers.ocnn, peers.ocnn_obstacle())
    with peers.one_thread():
        rows = [row("ffnet3d", ours), row("spconv", peers.spconv_cpu, peers.spconv_obstacle())]
    yield from rows


def ours(features: Tensor, weight: Tensor, level: Level) -> peers.Run:
    """Our convolution, as the network calls it."""
    return lambda: subm_conv3d(features, weight, None, level.neighbors[KERNEL])
