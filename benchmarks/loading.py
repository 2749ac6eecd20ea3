"""How long a scene takes to load: costly transforms beside their plain forms, the pipeline, the pyramid.

Times are milliseconds of one thread: median (smallest to largest). The plain forms are in benchmarks/plain.
Without a path the built-in demo rooms are taken.

    OMP_NUM_THREADS=1 python benchmarks/loading.py /data/scannet/train --config configs/scannet/ffnet3d.py
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import scipy
import torch
from plain import transforms as plain

from ffnet3d.data.datasets import DefaultDataset
from ffnet3d.data.demo import make_demo
from ffnet3d.data.loader import build_loader, collate
from ffnet3d.data.transforms import ElasticDistortion, GridSample, SphereCrop
from ffnet3d.engine.build import pyramid_plan
from ffnet3d.engine.config import Config, load_config
from ffnet3d.models import build_model
from ffnet3d.version import __version__
from ffnet3d.voxels import PyramidPlan, offset2batch

RELEASED = Path(__file__).parents[1] / "configs" / "scannet" / "ffnet3d.py"
KEYS = ("coord", "color", "normal", "segment", "instance")
GRID_SIZE = 0.02
KEPT = 0.8  # of the points, by SphereCrop

Sample = dict[str, Any]


def find_scenes(paths: list[Path], limit: int) -> list[Path]:
    """Scene folders at and below `paths`; of more than `limit`, that many evenly spread."""
    scenes = sorted(file.parent.resolve() for path in paths for file in path.rglob("coord.npy"))
    if not scenes:
        raise SystemExit(f"no scene folder (coord.npy) in {', '.join(map(str, paths))}")
    return [scenes[i] for i in np.linspace(0, len(scenes) - 1, min(limit, len(scenes))).astype(int)]


def open_dataset(scenes: list[Path], config: Config, folder: Path) -> DefaultDataset:
    """The scenes with the training transforms of a config."""
    split = folder / "scenes.json"
    split.write_text(json.dumps([str(scene) for scene in scenes]))
    return DefaultDataset(str(split), folder, config.data.train.transform, loop=1000)


def dense(sample: Sample, points: int) -> Sample:
    """`points` points of a scene, drawn again and again, each moved by some millimetres."""
    rng = np.random.default_rng(0)
    rows = rng.integers(len(sample["coord"]), size=points)
    cloud = {key: value[rows] for key, value in sample.items()}
    cloud["coord"] += rng.normal(0, 0.005, (points, 3)).astype(np.float32)
    return cloud


def exhaust(items: Iterable[Any]) -> None:
    """Make all items and keep none."""
    for _ in items:
        pass


def comparisons(sample: Sample) -> Iterator[tuple[str, Callable[[], Any], Callable[[], Any]]]:
    """Name, plain form and ours of each transform, on one sample."""
    rng = np.random.default_rng
    keep = int(KEPT * len(sample["coord"]))
    elastic, crop = ElasticDistortion(), SphereCrop(keep)
    thin, part = (GridSample(GRID_SIZE, mode=mode, return_grid_coord=True) for mode in ("train", "test"))
    yield (
        "ElasticDistortion",
        lambda: plain.elastic_distortion(sample, rng(0)),
        lambda: elastic(sample, rng(0)),
    )
    yield (
        "GridSample, training",
        lambda: plain.grid_sample(sample, rng(0), GRID_SIZE),
        lambda: thin(sample, rng(0)),
    )
    yield (
        "GridSample, all fragments",
        lambda: exhaust(plain.grid_fragments(sample, GRID_SIZE)),
        lambda: exhaust(part(sample, rng(0))),
    )
    yield "SphereCrop", lambda: plain.sphere_crop(sample, rng(0), keep), lambda: crop(sample, rng(0))


def milliseconds(work: Callable[[], Any], repeats: int) -> list[float]:
    """Times of `repeats` runs after one that does not count."""
    work()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append((time.perf_counter() - start) * 1e3)
    return times


def describe(times: list[float]) -> str:
    """Median (smallest to largest)."""
    return f"{statistics.median(times):8.1f} ({min(times):.1f} to {max(times):.1f})"


def compare(name: str, sample: Sample, repeats: int) -> None:
    """Print both forms of every transform on one cloud."""
    print(f"\n{name}: {len(sample['coord']):,} points")
    print(f"{'':<27}{'plain ms':<28}{'ffnet3d ms':<28}{'ratio':>6}")
    for transform, slow, fast in comparisons(sample):
        times = milliseconds(slow, repeats), milliseconds(fast, repeats)
        ratio = statistics.median(times[0]) / statistics.median(times[1])
        print(f"{transform:<27}{describe(times[0]):<28}{describe(times[1]):<28}{ratio:6.1f}", flush=True)


def add_pyramid(batch: Sample, plan: PyramidPlan | None) -> None:
    """What the network does where no worker has done it."""
    if plan is not None and "pyramid" not in batch:
        plan.build(batch["grid_coord"], offset2batch(batch["offset"]))


def measure_scenes(dataset: DefaultDataset, plan: PyramidPlan | None, repeats: int) -> None:
    """Print what a scene costs: reading, the transforms of the config, the pyramid."""
    read, made, pyramid = [], [], []
    for index in range(len(dataset.scenes)):
        read += milliseconds(partial(dataset.read, index), repeats)
        rng = np.random.default_rng(index)  # goes on from run to run: some transforms act in some of them
        made += milliseconds(partial(dataset.transform, dataset.read(index), rng), repeats)
        pyramid += milliseconds(partial(add_pyramid, collate([dataset[index]]), plan), repeats)
    print(f"\na training scene, over {len(dataset.scenes)} scenes")
    for name, times in (("reading", read), ("transforms", made), ("pyramid", pyramid)):
        print(f"{name:<27}{describe(times)} ms")


def measure_loader(dataset: DefaultDataset, plan: PyramidPlan | None, workers: int, batch_size: int) -> None:
    """Print how many scenes a second come with their pyramid."""
    loader = iter(build_loader(dataset, batch_size, shuffle=True, num_workers=workers, plan=plan))
    for _ in range(2 * workers + 1):  # the first batches wait for the processes to start
        add_pyramid(next(loader), plan)
    start, batches = time.perf_counter(), 8
    for _ in range(batches):
        add_pyramid(next(loader), plan)
    seconds = time.perf_counter() - start
    print(f"{f'{workers} workers':<27}{batches * batch_size / seconds:8.1f} scenes a second", flush=True)


def processor() -> str:
    """Name of the CPU, and the cores of this process."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.processor() or platform.machine()}, {os.cpu_count()} cores"


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, nargs="*", help="data root, or scene folders; default: demo rooms")
    parser.add_argument("--config", type=Path, default=RELEASED, help="of its training transforms and model")
    parser.add_argument("--scenes", type=int, default=3, help="of those found, how many (default 3)")
    parser.add_argument("--points", type=int, nargs="*", default=[100_000, 1_000_000], help="of dense clouds")
    parser.add_argument("--workers", type=int, nargs="*", default=[0, 1, 2])
    parser.add_argument("--batch-size", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5)
    return parser.parse_args()


def main() -> None:
    """Print all tables."""
    arguments = parse()
    torch.set_num_threads(1)
    config = load_config(arguments.config)
    plan = pyramid_plan(build_model(config.model), torch.device("cpu"))
    versions = f"ffnet3d {__version__}, numpy {np.__version__}, scipy {scipy.__version__}"
    print(f"{versions}, torch {torch.__version__}\n{processor()}, {torch.get_num_threads()} thread used")
    print(f"config {arguments.config}, GridSample {GRID_SIZE} m, SphereCrop to {KEPT:.0%}")
    with tempfile.TemporaryDirectory() as folder:
        paths = arguments.data or [make_demo(Path(folder) / "demo", areas=1, rooms_per_area=2)]
        dataset = open_dataset(find_scenes(paths, arguments.scenes), config, Path(folder))
        samples = [dataset.read(index) for index in range(len(dataset.scenes))]
        samples = [{key: sample[key] for key in KEYS if key in sample} for sample in samples]
        for scene, sample in zip(dataset.scenes, samples, strict=True):
            compare(scene.name, sample, arguments.repeats)
        for points in arguments.points:
            compare(f"{dataset.scenes[0].name}, dense", dense(samples[0], points), arguments.repeats)
        measure_scenes(dataset, plan, arguments.repeats)
        print(f"\nbatches of {arguments.batch_size} scenes with their pyramid")
        for workers in arguments.workers:
            measure_loader(dataset, plan, workers, arguments.batch_size)


if __name__ == "__main__":
    main()
