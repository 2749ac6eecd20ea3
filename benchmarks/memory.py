"""Peak memory and time of one prediction and one training step of a preset on one scan.

Each runs in a process of its own, so that the peak resident size is that of the work alone. The first
training step makes the optimizer's state at its end; from the second on it is there in the backward pass too.

    python benchmarks/memory.py /data/scannet/val/scene0010_00 --preset ffnet3d
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

import ffnet3d
from ffnet3d.data.normals import estimate_normals
from ffnet3d.data.scene import read_scene
from ffnet3d.data.transforms import Compose
from ffnet3d.version import __version__

TRANSFORM = (
    dict(type="CenterShift", apply_z=True),
    dict(type="GridSample", grid_size=0.02, mode="train", return_grid_coord=True),
    dict(type="NormalizeColor"),
    dict(type="ToTensor"),
    dict(type="Collect", keys=("coord", "grid_coord"), feat_keys=("color", "normal")),
)


def predict(model: torch.nn.Module, batch: dict[str, Tensor]) -> None:
    """One forward pass in eval mode."""
    model.eval()
    with torch.inference_mode():
        model(batch)


def train(model: torch.nn.Module, batch: dict[str, Tensor], steps: int) -> None:
    """Forward, backward and AdamW update on random labels."""
    model.train()
    optimizer = torch.optim.AdamW(model.parameters())
    labels = torch.randint(0, 20, (len(batch["feat"]),))
    for _ in range(steps):
        optimizer.zero_grad()
        model({**batch, "segment": labels})["loss"].backward()
        optimizer.step()


WORKS: dict[str, tuple[Callable[..., None], dict[str, Any], dict[str, Any]]] = {
    "prediction": (predict, {}, {}),
    "1 training step": (train, {"steps": 1}, {}),
    "1 training step, recompute=True": (train, {"steps": 1}, {"recompute": True}),
    "2 training steps": (train, {"steps": 2}, {}),
    "2 training steps, recompute=True": (train, {"steps": 2}, {"recompute": True}),
}


def measure(work: str, batch: dict[str, Tensor], preset: str, queue: multiprocessing.Queue) -> None:
    """Run one of the works and report seconds and peak resident bytes."""
    torch.manual_seed(0)
    function, arguments, overrides = WORKS[work]
    model = ffnet3d.create_model(preset, in_channels=6, num_classes=20, **overrides)
    start = time.perf_counter()
    function(model, batch, **arguments)
    seconds = time.perf_counter() - start
    queue.put((seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024))


def main() -> None:
    """Print a row for each work."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("scene", type=Path, help="scene folder (coord.npy, color.npy)")
    parser.add_argument("--preset", default="ffnet3d")
    arguments = parser.parse_args()
    sample = read_scene(arguments.scene, required=("coord", "color"))
    sample.setdefault("normal", estimate_normals(sample["coord"]))
    batch = Compose(TRANSFORM)(sample, np.random.default_rng(0))
    print(f"ffnet3d {__version__}, torch {torch.__version__}, {torch.get_num_threads()} threads, fp32")
    print(f"{arguments.scene.name}: {len(sample['coord']):,} points, {len(batch['feat']):,} voxels of 2 cm")
    context = multiprocessing.get_context("spawn")
    for work in WORKS:
        queue = context.Queue()
        process = context.Process(target=measure, args=(work, batch, arguments.preset, queue))
        process.start()
        seconds, peak = queue.get()
        process.join()
        print(f"{arguments.preset} {work:<33}{seconds:6.2f} s   peak {peak / 1e9:.2f} GB resident")


if __name__ == "__main__":
    main()
