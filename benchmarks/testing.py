"""Peak memory and time of a test of one very large scan, which must not grow with the number of views.

The scan is made: a furnished room whose surfaces carry 2,000,000 points, about four to a voxel of 2 cm, as
in the rooms of S3DIS. Each line is a test in a process of its own; its memory is that of the process and its
workers together (proportional set size, sampled), so it runs on Linux only.

    python benchmarks/testing.py --preset ffnet3d-tiny --views 1 4 13
    python benchmarks/testing.py --preset ffnet3d --views 1 4 --every 14

With --every all fragments are made and all votes counted, while the network, whose need is the same for every
fragment of a view, predicts some of them: the peak of a test that would take hours.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import logging
import multiprocessing
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ffnet3d.data.transforms import CenterShift
from ffnet3d.engine.build import build_dataset
from ffnet3d.engine.checkpoint import load_weights, save_checkpoint
from ffnet3d.engine.config import Config, load_config
from ffnet3d.engine.distributed import launch, resolve_layout
from ffnet3d.engine.memory import keep_freed_memory
from ffnet3d.engine.test import finish_test
from ffnet3d.engine.testing.options import TestOptions
from ffnet3d.engine.testing.scenes import prepare_test
from ffnet3d.models import build_model
from ffnet3d.version import __version__
from ffnet3d.voxels import voxelize

CONFIGS = Path(__file__).parents[1] / "configs"
GRID_SIZE = 0.02  # metres
INTERVAL = 0.5  # seconds between samples of the memory
R2 = np.array([0.7548776662466927, 0.5698402909980532])  # multiples of it, modulo 1, fill a square evenly
SCENE = Path("Area_1", "room_1")


class TimeIsUp(Exception):
    """The fragments of the time allowed are predicted."""


def boxes(rng: np.random.Generator) -> list[tuple[np.ndarray, np.ndarray]]:
    """A room of 5.5 x 5 x 3 m, and ten pieces of furniture in it: lower corner and size of each, metres."""
    room = (np.full(3, GRID_SIZE / 2), np.array([5.5, 5.0, 3.0]))  # walls in the middle of voxels
    sizes = rng.uniform([0.4, 0.4, 0.4], [1.2, 1.2, 1.1], (10, 3))
    corners = rng.uniform([0.1, 0.1, 0.0], [4.1, 3.6, 0.02], (10, 3))
    return [room, *zip(corners, sizes, strict=True)]


def make_scan(points: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Points spread evenly over the faces of the boxes, with noise of 2 mm: arrays of a scene folder."""
    rng = np.random.default_rng(seed)
    faces = [(corner, size, axis, end) for corner, size in boxes(rng) for axis in range(3) for end in (0, 1)]
    areas = np.array([np.prod(np.delete(size, axis)) for _, size, axis, _ in faces])
    counts = rng.multinomial(points, areas / areas.sum())
    coord, normal = [], []
    for (corner, size, axis, end), count in zip(faces, counts, strict=True):
        place = np.insert(np.arange(count)[:, None] * R2 % 1, axis, end, axis=1)
        coord.append(corner + place * size)
        normal.append(np.tile(np.eye(3)[axis] * (2 * end - 1), (count, 1)))
    points_of_all = np.concatenate(coord) + rng.normal(0, 0.002, (points, 3))
    order = rng.permutation(points)
    return {
        "coord": points_of_all[order].astype(np.float32),
        "normal": np.concatenate(normal)[order].astype(np.float32),
        "color": rng.integers(0, 256, (points, 3), dtype=np.uint8),
        "segment": rng.integers(0, 13, points, dtype=np.int16)[:, None],
    }


def make_config(preset: str, views: int, folder: Path, workers: int) -> Config:
    """The config of S3DIS, at 2 cm and without thinning, with the first views of ScanNet's 13."""
    config = load_config(CONFIGS / "s3dis" / f"{preset}.py", [f"data_root={folder}", "report=False"])
    test = load_config(CONFIGS / "s3dis" / "ffnet3d.py").data.test
    many = load_config(CONFIGS / "scannet" / "ffnet3d.py").data.test.test_cfg.aug_transform
    config.data.test = {**test, "split": "Area_1", "data_root": str(folder)}
    config.data.test.test_cfg.aug_transform = many[:views]
    config.seed, config.num_worker, config.save_path = 0, workers, str(folder / f"{preset}_{views}")
    return config


def thin_out(network: nn.Module, every: int, classes: int) -> None:
    """Let the network predict every so-many-th fragment, and answer the others by zeros at once."""
    predict, fragments = network.forward, itertools.count()

    def forward(batch: dict[str, Any]) -> dict[str, torch.Tensor]:
        if next(fragments) % every == 0:
            return predict(batch)
        return {"seg_logits": torch.zeros(len(batch["coord"]), classes)}

    network.forward = forward


def test_it(fabric: Any, config: Config, weight: Path, minutes: float, every: int) -> tuple[int, float]:
    """Test in this process until the time is up; fragments and seconds."""
    keep_freed_memory()
    network = build_model(config.model)
    load_weights(network, weight)
    end, done = time.perf_counter() + 60 * minutes, 0

    def tick(*_: Any) -> None:
        nonlocal done
        done += 1
        if time.perf_counter() > end:
            raise TimeIsUp

    network.register_forward_hook(tick)
    run = prepare_test(network, config, fabric, TestOptions())  # has a copy, as in ffnet3d test
    del network
    thin_out(run.network, every, config.data.num_classes)
    start = time.perf_counter()
    with contextlib.suppress(TimeIsUp):
        finish_test(run, weight)
    return done, time.perf_counter() - start


def measure(
    preset: str, views: int, folder: Path, workers: int, minutes: float, every: int, queue: Any
) -> None:
    """A test in this process; fragments and seconds go into the queue."""
    logging.getLogger("ffnet3d").setLevel(logging.ERROR)
    config = make_config(preset, views, folder, workers)
    (Path(config.save_path) / "result").mkdir(parents=True)
    weight = Path(config.save_path) / "model.pth"
    save_checkpoint(weight, {"epoch": 0, "state_dict": build_model(config.model).state_dict()})
    queue.put(launch(resolve_layout(0, 1), test_it, config, weight, minutes, every))


def memory_of(process: int) -> int:
    """Bytes that a process and those that it started hold; what several share counts once."""
    total = 0
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
        total += next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    except OSError:  # it has just ended
        return total
    return total + sum(memory_of(int(child)) for child in children)


def watch(process: Any, queue: Any) -> tuple[tuple[int, float], int]:
    """What the process puts into the queue, and the most memory that it held until then."""
    peak = 0
    while queue.empty() and process.is_alive():
        peak = max(peak, memory_of(process.pid))
        time.sleep(INTERVAL)
    return queue.get(timeout=10), peak


def fragments_of(preset: str, views: int, folder: Path) -> int:
    """How many fragments that test has."""
    scene = build_dataset(make_config(preset, views, folder, 0), "test").test_scene(0)
    return sum(1 for _ in scene.parts())


def main() -> None:
    """Print a line for each number of views."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--preset", default="ffnet3d-tiny", help="a config of configs/s3dis")
    parser.add_argument("--views", type=int, nargs="+", default=[1, 4, 13], help="at most 13")
    parser.add_argument("--points", type=int, default=2_000_000)
    parser.add_argument("--workers", type=int, default=1, help="num_worker of the config")
    parser.add_argument("--every", type=int, default=1, help="predict every so-many-th fragment alone")
    parser.add_argument("--minutes", type=float, default=60, help="of each test, which then stops")
    arguments = parser.parse_args()
    logging.getLogger("ffnet3d").setLevel(logging.ERROR)
    scan = make_scan(arguments.points)
    shift = CenterShift(apply_z=True)  # as the test does
    voxels = voxelize(shift(scan, np.random.default_rng())["coord"], GRID_SIZE).counts
    print(f"ffnet3d {__version__}, torch {torch.__version__}, {torch.get_num_threads()} threads, fp32")
    print(
        f"{arguments.points:,} points, {len(voxels):,} voxels of 2 cm, at most {voxels.max()} points in one"
    )
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / SCENE).mkdir(parents=True)
        for key, values in scan.items():
            np.save(folder / SCENE / f"{key}.npy", values)
        del scan, voxels
        limits = arguments.workers, arguments.minutes, arguments.every
        for views in arguments.views:
            queue = context.Queue()
            work = (arguments.preset, views, folder, *limits, queue)
            process = context.Process(target=measure, args=work)
            process.start()
            (done, seconds), peak = watch(process, queue)
            process.join()
            total = fragments_of(arguments.preset, views, folder)
            thinned = f", every {arguments.every}th predicted" if arguments.every > 1 else ""
            work_done = f"{done} of {total} fragments{thinned}, in {seconds:.0f} s"
            where = f"{arguments.preset}, {views} views, num_worker={arguments.workers}"
            print(f"{where}: {work_done}, peak {peak / 1e9:.2f} GB", flush=True)


if __name__ == "__main__":
    main()
