"""Time and memory of the grid pyramid: furnished rooms from coarse to fine, a full block, scattered voxels.

All use the network's default strides and kernels. Each cloud has a process of its own, so that the peak
resident size is that of its pyramid alone: that of the first build, which is not among those timed. Without a
scene, it is a demo room, sampled anew for each voxel size. Needs Linux.

    python benchmarks/pyramid.py --threads 2
    python benchmarks/pyramid.py /data/s3dis/Area_3/hallway_3 --grid-sizes 0.02 0.01
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import torch.multiprocessing as multiprocessing
from numpy.typing import NDArray
from torch import Tensor

from ffnet3d.data.demo.furnish import furnished_room
from ffnet3d.data.demo.style import Style
from ffnet3d.data.demo.surfaces import join
from ffnet3d.data.scene import read_scene
from ffnet3d.version import __version__
from ffnet3d.voxels import build_pyramid, voxelize

GRID_SIZES = (0.08, 0.04, 0.02, 0.01, 0.005)
SCATTERED = 100_000
EDGE = 46  # 97,336 voxels


def room_points(spacing: float) -> NDArray:
    """All surfaces of one demo room, sampled about `spacing` metres apart: [N, 3]."""
    style = replace(Style.draw(np.random.default_rng(1)), spacing=spacing)
    _, items = furnished_room(style, np.random.default_rng(0))
    return join([part for item in items for part in item.surfaces]).points


def clouds(scene: Path | None, grid_sizes: list[float]) -> Iterator[tuple[str, Tensor]]:
    """Names and distinct voxels [V, 3], in random order as loaders give them."""
    order = torch.Generator().manual_seed(0)
    for grid_size in grid_sizes:
        coord = read_scene(scene, required=("coord",))["coord"] if scene else room_points(0.8 * grid_size)
        voxels = torch.from_numpy(voxelize(coord, grid_size).grid_coord)
        name = scene.name if scene else "demo room"
        yield f"{name}, {100 * grid_size:g} cm", voxels[torch.randperm(len(voxels), generator=order)]
    block = torch.cartesian_prod(*[torch.arange(EDGE)] * 3)
    yield f"full block of {EDGE}^3", block[torch.randperm(len(block), generator=order)]
    yield "scattered over 65536^3", torch.randint(0, 2**16, (SCATTERED, 3), generator=order)


def peak_bytes() -> int:
    """The largest resident size of this program so far (`getrusage` counts the process that started it)."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.partition("VmHWM:")[2].split()[0])


def measure(grid_coord: Tensor, threads: int, repeats: int, queue: multiprocessing.Queue) -> None:
    """Build the pyramid of voxels [V, 3] and report the seconds of each build and the bytes of the first."""
    torch.set_num_threads(threads)
    batch = torch.zeros(len(grid_coord), dtype=torch.int64)
    build_pyramid(grid_coord[:1000], batch[:1000])
    before = peak_bytes()
    build_pyramid(grid_coord, batch)
    used = peak_bytes() - before
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        build_pyramid(grid_coord, batch)
        seconds.append(time.perf_counter() - start)
    queue.put((seconds, used))


def processor() -> str:
    """The name of the CPU, or of its architecture where it has none."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def main() -> None:
    """Print a row for each cloud."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("scene", type=Path, nargs="?", help="scene folder (coord.npy); default: a demo room")
    parser.add_argument(
        "--grid-sizes", type=float, nargs="+", default=GRID_SIZES, metavar="METRES", help="voxel edges"
    )
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--repeats", type=int, default=9)
    arguments = parser.parse_args()
    print(
        f"ffnet3d {__version__}, torch {torch.__version__}, numpy {np.__version__}, "
        f"{arguments.threads} threads of {processor()}, {arguments.repeats} builds each"
    )
    print(f"{'':<28}{'voxels':>10}{'median':>10}{'min':>9}{'max':>9}{'per 100k':>10}{'peak':>17}")
    context = multiprocessing.get_context("spawn")
    for name, grid_coord in clouds(arguments.scene, arguments.grid_sizes):
        queue = context.Queue()
        work = (grid_coord, arguments.threads, arguments.repeats, queue)
        process = context.Process(target=measure, args=work)
        process.start()
        seconds, used = queue.get()
        process.join()
        count, median = len(grid_coord), statistics.median(seconds)
        times = f"{median:8.4f} s{min(seconds):9.4f}{max(seconds):9.4f}{1e5 * median / count:8.4f} s"
        print(f"{name:<28}{count:>10,}{times}{used / count:10.0f} B/voxel", flush=True)


if __name__ == "__main__":
    main()
