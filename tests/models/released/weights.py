"""Weights and running statistics drawn for a network of any shape, from a tensor's name alone."""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

SEED = 20240602
RANGES = {"running_mean": (-0.3, 0.3), "running_var": (0.5, 1.5), "bias": (-0.2, 0.2)}
SCALES = (0.6, 1.4)  # of norms


def draw_weights(template: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Values for the tensors of a released state dict, each from a stream of its own."""
    return {name: draw(name, tuple(value.shape)) for name, value in template.items()}


def draw(name: str, shape: tuple[int, ...]) -> Tensor:
    """Uniform values such that features keep their size through the network, in evaluation too."""
    kind = name.rsplit(".", 1)[-1]
    if kind == "num_batches_tracked":
        return torch.zeros(shape, dtype=torch.int64)
    low, high = RANGES.get(kind, SCALES) if len(shape) == 1 else (-reach(shape), reach(shape))
    values = stream(name).random(shape, dtype=np.float32)
    return torch.from_numpy(values * np.float32(high - low) + np.float32(low))


def reach(shape: tuple[int, ...]) -> float:
    """Largest weight of a linear layer [out, in], or a convolution [out, k, k, k, in], that keeps the size.

    On a surface about k**2 of the k**3 places of a kernel are occupied.
    """
    inputs = shape[-1] * (shape[1] ** 2 if len(shape) == 5 else 1)
    return math.sqrt(3 / inputs)


def stream(name: str) -> np.random.Generator:
    """Random numbers that depend on a name alone."""
    return np.random.default_rng([SEED, zlib.crc32(name.encode())])


def checksum(arrays: Mapping[str, Any]) -> int:
    """CRC-32 of arrays, in the order of their names."""
    code = 0
    for name in sorted(arrays):
        code = zlib.crc32(np.ascontiguousarray(arrays[name]), zlib.crc32(name.encode(), code))
    return code
