"""The pyramid alone: time on scenes that it sees once each, and memory in a process of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from ffnet3d.bench.measure import Timing, in_own_process, peak_bytes, restart_peak, seconds_of
from ffnet3d.bench.scenes import Rooms, Scene
from ffnet3d.engine.memory import keep_freed_memory
from ffnet3d.voxels import Pyramid, build_pyramid

SMALL = Rooms(2000)  # loads libraries before memory is counted


@dataclass(frozen=True)
class PyramidRow:
    """Times of the default network's pyramid on several scenes of a size, and its memory."""

    scene: str
    voxels: int  # of the first scene
    total: Timing  # seconds
    per_voxel: Timing
    added_bytes: int  # to the peak resident size

    @property
    def bytes_per_voxel(self) -> float:
        """While it is built: more than it then holds."""
        return self.added_bytes / self.voxels


def measure_pyramid(scene: Scene, threads: int, repeats: int) -> PyramidRow:
    """Build the pyramids of `repeats` scenes in a fresh process, after one scene that does not count."""
    clouds = [scene.voxels(index) for index in range(repeats + 1)]
    seconds, added = in_own_process(build_all, threads, [SMALL.voxels(0), clouds[-1]], clouds[:-1])
    counts = [len(cloud) for cloud in clouds[:-1]]
    per_voxel = [total / count for total, count in zip(seconds, counts, strict=True)]
    return PyramidRow(scene.name, counts[0], Timing.of(seconds), Timing.of(per_voxel), added)


def build_all(
    threads: int, warmup: Sequence[NDArray[np.int64]], timed: Sequence[NDArray[np.int64]]
) -> tuple[list[float], int]:
    """What the process does: seconds of each timed cloud [V, 3], and the bytes that its peak grew by."""
    keep_freed_memory()  # as training and testing do
    torch.set_num_threads(threads)
    small, *others = warmup
    pyramid_of(small)
    base = restart_peak()
    for cloud in others:
        pyramid_of(cloud)
    seconds = [seconds_of(lambda cloud=cloud: pyramid_of(cloud)) for cloud in timed]  # type: ignore[misc]
    return seconds, peak_bytes() - base


def pyramid_of(voxels: NDArray[np.int64]) -> Pyramid:
    """The pyramid of voxels [V, 3], with the default strides and kernels."""
    return build_pyramid(torch.from_numpy(voxels), torch.zeros(len(voxels), dtype=torch.int64))
