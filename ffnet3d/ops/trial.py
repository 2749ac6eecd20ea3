"""A small sum that a backend must get right on a device before it is chosen there without being asked for."""

from __future__ import annotations

import torch

from ffnet3d.ops.operator import Convolution

VOXELS, CHANNELS = 40, 32


def trial_error(
    convolution: Convolution, yardstick: Convolution, device_type: str, depthwise: bool = False
) -> float:
    """Largest difference between two convolutions, over the largest value, on voxels in a row along z.

    Whatever the convolution raises comes through.
    """
    shape = (27, CHANNELS) if depthwise else (27, CHANNELS, CHANNELS)
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(VOXELS, CHANNELS, generator=generator).to(device_type)
    weight = torch.randn(shape, generator=generator).to(device_type)
    row = torch.arange(VOXELS, dtype=torch.int32)
    neighbors = torch.full((VOXELS, 27), VOXELS, dtype=torch.int32)
    neighbors[:, 13], neighbors[1:, 12], neighbors[:-1, 14] = row, row[:-1], row[1:]
    neighbors = neighbors.to(device_type)
    with torch.no_grad():
        expected = yardstick(features, weight, None, neighbors, "none")
        actual = convolution(features, weight, None, neighbors, "none")
    return float((actual - expected).abs().max() / expected.abs().max())
