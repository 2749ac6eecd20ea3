"""Tile sizes of the kernels: which ones are worth trying for a problem, the default first."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace

# The grouped form writes all products before it adds them, so it is for few rows.
GROUPED_BYTES = 256 * 2**20  # of products at most, if every neighbour were present
GROUPED_UP_TO = 2**13  # rows
GROUPED_BY_DEFAULT_UP_TO = 2**11
SMALLEST_TILE = 16  # of a matrix product on tensor cores
INTERPRETER = "interpreter"  # the device of a problem that Triton's interpreter runs


@dataclass(frozen=True)
class Problem:
    """What the choice of tiles depends on."""

    kind: str  # "forward", "input gradient", "weight gradient", "depthwise", "depthwise weight gradient"
    offsets: int
    cin: int
    cout: int
    precision: str  # "bfloat16", "float16", "float32" or "tf32"
    bits: int  # of the number of rows, which is less than 2 ** bits
    device: str  # its name, or INTERPRETER


@dataclass(frozen=True)
class Config:
    """Tile sizes, and how the compiler spreads a tile."""

    form: str  # "masked" or "grouped"; "tiled" for the kernels that have one form
    rows: int  # or pairs
    channels_in: int
    channels_out: int
    warps: int
    stages: int  # of the pipeline of loads


# The channels are upper limits here: `_fit` takes the problem's where it has fewer.
MASKED = (
    Config("masked", 64, 64, 64, 4, 4),
    Config("masked", 128, 64, 64, 4, 4),
    Config("masked", 32, 64, 64, 4, 4),
    Config("masked", 64, 64, 32, 4, 4),
    Config("masked", 64, 64, 128, 4, 4),
    Config("masked", 128, 64, 128, 8, 4),
    Config("masked", 64, 64, 64, 4, 7),  # each load depends on two others, so that this loads two steps ahead
)
GROUPED = (
    Config("grouped", 64, 64, 64, 4, 3),
    Config("grouped", 32, 64, 64, 4, 3),
    Config("grouped", 64, 64, 128, 4, 3),
)
WEIGHT_GRADIENT = (
    Config("tiled", 64, 64, 64, 4, 3),
    Config("tiled", 32, 64, 64, 4, 4),
    Config("tiled", 64, 64, 128, 8, 3),
    Config("tiled", 64, 128, 128, 8, 3),
)
DEPTHWISE = (
    Config("tiled", 32, 1, 64, 4, 2),
    Config("tiled", 16, 1, 64, 4, 2),
    Config("tiled", 64, 1, 64, 4, 2),
)
# Products of float32 without tensor cores hold their operands in registers, of which larger tiles run out.
MASKED_FLOAT32 = (
    Config("masked", 64, 32, 64, 4, 3),
    Config("masked", 32, 32, 64, 4, 3),
    Config("masked", 128, 32, 64, 8, 3),
)
GROUPED_FLOAT32 = (Config("grouped", 64, 32, 64, 4, 3), Config("grouped", 32, 32, 64, 4, 3))
WEIGHT_GRADIENT_FLOAT32 = (
    Config("tiled", 16, 64, 64, 4, 3),
    Config("tiled", 32, 64, 64, 4, 3),
    Config("tiled", 32, 32, 32, 4, 3),
)


@functools.cache
def candidates(problem: Problem) -> tuple[Config, ...]:
    """The configs worth measuring for a problem; the first one is taken where nothing is measured."""
    exact = problem.precision == "float32"
    sizes: tuple[Config, ...]
    if problem.kind.startswith("depthwise"):
        sizes = DEPTHWISE
    elif problem.kind == "weight gradient":
        sizes = WEIGHT_GRADIENT_FLOAT32 if exact else WEIGHT_GRADIENT
    else:
        sizes = _of_both_forms(problem, exact)
    return tuple(dict.fromkeys(_fit(config, problem) for config in sizes))


def _of_both_forms(problem: Problem, exact: bool) -> tuple[Config, ...]:
    masked, grouped = (MASKED_FLOAT32, GROUPED_FLOAT32) if exact else (MASKED, GROUPED)
    rows = 2**problem.bits
    if rows > GROUPED_UP_TO or rows * problem.offsets * problem.cout * 4 > GROUPED_BYTES:
        return masked
    return grouped + masked if rows <= GROUPED_BY_DEFAULT_UP_TO else masked + grouped


def _fit(config: Config, problem: Problem) -> Config:
    channels_out = tile(problem.cout, config.channels_out)
    if problem.kind.startswith("depthwise"):
        return replace(config, channels_out=channels_out)
    if problem.kind == "weight gradient":
        return replace(config, channels_in=tile(problem.cin, config.channels_in), channels_out=channels_out)
    # The convolutions sum over the channels of the input, 128 bytes of them at a time.
    summed = min(config.channels_in, 32 if problem.precision == "tf32" else 64)
    return replace(config, channels_in=_summed_tile(problem.cin, summed), channels_out=channels_out)


def tile(channels: int, largest: int) -> int:
    """The smallest power of two that holds the channels, from 16 up to `largest`."""
    return min(largest, max(SMALLEST_TILE, 1 << (channels - 1).bit_length()))


def _summed_tile(channels: int, largest: int) -> int:
    """As `tile`, but half of it where that avoids a ragged block (96 channels: three blocks of 32)."""
    whole = tile(channels, largest)
    return whole // 2 if whole == 64 and channels % 64 and channels % 32 == 0 else whole
