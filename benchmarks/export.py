"""An exported network beside PyTorch: time and logits of one ONNX file on clouds of several sizes.

Rooms of $FFNET3D_REALDATA where it is set (those with the fewest, the median and the most points), else
furnished demo rooms. PyTorch runs the fused network in float32 by its CPU backend. Times are medians; the
voxels are ready, and building the pyramid is within both times and also given for itself.

    FFNET3D_REALDATA=/data python benchmarks/export.py --threads 1
    python benchmarks/export.py --model ffnet3d --repeats 3 --voxels 5000 20000
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray

from ffnet3d.bench.clouds import furnished_rooms
from ffnet3d.data.scene import read_scene
from ffnet3d.export import export_onnx
from ffnet3d.models import create_model
from ffnet3d.segment.onnx_network import OnnxNetwork
from ffnet3d.segment.recipe import Recipe
from ffnet3d.segment.torch_network import TorchNetwork
from ffnet3d.version import __version__
from ffnet3d.voxels import build_numpy_pyramid, voxelize

RECIPE = Recipe(0.02, ("color", "normal"), tuple(f"class {number}" for number in range(20)))
VOXELS = (5_000, 20_000, 80_000)


def real_rooms(root: Path) -> Iterator[tuple[str, NDArray]]:
    """Name and voxels [V, 3] of the smallest, the middle and the largest prepared room under `root`."""
    scenes = [path.parent for path in root.glob("*/*/*/coord.npy")]
    sizes = {scene: np.load(scene / "coord.npy", mmap_mode="r").shape[0] for scene in scenes}
    ordered = sorted(sizes, key=lambda scene: (sizes[scene], scene.name))
    for scene in (ordered[0], ordered[len(ordered) // 2], ordered[-1]):
        coord = read_scene(scene)["coord"]
        yield scene.name, voxelize(coord, RECIPE.grid_size).grid_coord


def clouds(sizes: list[int] | None) -> Iterator[tuple[str, NDArray]]:
    """The clouds asked for: demo rooms of given sizes, or real rooms where there are any."""
    root = os.environ.get("FFNET3D_REALDATA")
    if sizes is None and root:
        yield from real_rooms(Path(root))
        return
    for size in sizes or VOXELS:
        yield "demo rooms", furnished_rooms(size).numpy()


def seconds(run: Callable[[], object], repeats: int) -> float:
    """Median time of `run`, after a first run that is not counted."""
    run()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main() -> None:
    """Export, then run both on each cloud."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="ffnet3d-tiny", help="preset, with random weights")
    parser.add_argument("--voxels", type=int, nargs="+", help="demo rooms of so many voxels")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    model = create_model(options.model).eval()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.onnx"
        start = time.perf_counter()
        difference = export_onnx(model, RECIPE, file)
        print(
            f"ffnet3d {__version__}, Python {platform.python_version()}, torch {torch.__version__}, onnx "
            f"{onnx.__version__}, onnxruntime {onnxruntime.__version__}, numpy {np.__version__}; "
            f"{options.threads} threads, medians of {options.repeats}"
        )
        print(
            f"{options.model}: exported in {time.perf_counter() - start:.0f} s, "
            f"{file.stat().st_size / 2**20:.1f} MiB, difference at export {difference:.1e}\n"
        )
        compare(model, OnnxNetwork(file, options.threads), options.voxels, options.repeats)


def compare(model: torch.nn.Module, exported: OnnxNetwork, sizes: list[int] | None, repeats: int) -> None:
    """A line for each cloud."""
    network = TorchNetwork(model, RECIPE, "cpu")
    print("| cloud | voxels | pyramid by NumPy, ms | ONNX Runtime, ms | PyTorch, ms | ratio | difference |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for name, cells in clouds(sizes):
        features = np.random.default_rng(0).random((len(cells), 6), dtype=np.float32)
        plan = (exported.strides, exported.kernel_sizes)
        pyramid = seconds(lambda: build_numpy_pyramid(cells, *plan), repeats)  # noqa: B023
        ours = seconds(lambda: exported.logits(features, cells), repeats)  # noqa: B023
        theirs = seconds(lambda: network.logits(features, cells), repeats)  # noqa: B023
        expected = network.logits(features, cells)
        gap = np.abs(exported.logits(features, cells) - expected).max()
        print(
            f"| {name} | {len(cells):,} | {1e3 * pyramid:.0f} | {1e3 * ours:.0f} | {1e3 * theirs:.0f} | "
            f"{ours / theirs:.2f} | {gap:.1e} of {np.abs(expected).max():.1e} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
