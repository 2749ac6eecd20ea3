"""Part "pyramid": all geometry of a batch, built on the device."""

from __future__ import annotations

from ffnet3d.voxels import build_pyramid
from gpu_parts.bench import Bench, Case


def pyramid(bench: Bench, case: Case) -> None:
    """Add the time and memory of `build_pyramid`, tables of 5x5x5 and of 3x3x3 on five levels."""
    batch = bench.batch(case)

    def build() -> None:
        build_pyramid(batch["grid_coord"], batch["batch"])

    times, peak = bench.clock.measure(build), bench.clock.peak_bytes(build)
    bench.results.add(
        "pyramid",
        size=case.size,
        scenes=case.scenes,
        what="build_pyramid",
        **times.fields(),
        bytes_per_voxel=None if peak is None else peak / case.voxels,
    )
