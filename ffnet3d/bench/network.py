"""The whole network: evaluation and training steps with their geometry, on scenes that it sees once each.

A user's every scene is new: new tensors, new tables, and shapes for which kernels may have to be compiled. So
the network warms up on one scene, and each of the others is timed once. Then the first of these comes again,
to show the difference. Each work has a process of its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ffnet3d.bench.measure import Timing, in_own_process, peak_bytes, restart_peak
from ffnet3d.bench.scenes import Rooms, Scene, as_batch
from ffnet3d.engine.memory import keep_freed_memory
from ffnet3d.models.fuse import fuse
from ffnet3d.models.network import FFNet3D
from ffnet3d.models.presets import create_model

IN_CHANNELS, NUM_CLASSES = 6, 20
SMALL = Rooms(2000)  # loads libraries and makes the optimizer's state, before memory is counted

Batch = Mapping[str, object]
Step = Callable[[Batch], object]


@dataclass(frozen=True)
class Work:
    """One way of running the network."""

    name: str
    training: bool = False
    fused: bool = False
    bf16: bool = False  # by autocast; with `fused`, all weights and features


EVALUATIONS = (
    Work("forward, fp32"),
    Work("forward, bf16 (autocast)", bf16=True),
    Work("fused forward, fp32", fused=True),
    Work("fused forward, bf16", fused=True, bf16=True),
)
TRAININGS = (
    Work("training step, fp32", training=True),
    Work("training step, bf16 (autocast)", training=True, bf16=True),
)


@dataclass(frozen=True)
class NetworkRow:
    """Times of one work on several scenes of a size, and its memory."""

    work: str
    scene: str
    voxels: int  # of the first scene
    total: Timing  # seconds of a scene, geometry included
    pyramid: Timing  # seconds of the geometry alone
    per_voxel: Timing  # seconds of a scene over its voxels
    again: float  # seconds a voxel of the first scene when it came again: shapes and code paths known
    base_bytes: int  # resident before the first full scene: libraries, weights, optimizer
    peak_bytes: int  # resident at most from then on

    @property
    def bytes_per_voxel(self) -> float:
        """What the scenes added to the peak, over the voxels of one."""
        return (self.peak_bytes - self.base_bytes) / self.voxels


def measure_network(work: Work, scene: Scene, preset: str, threads: int, repeats: int) -> NetworkRow:
    """Time one work on `repeats` scenes, in a fresh process, after one scene that does not count."""
    clouds = [scene.voxels(index) for index in range(repeats + 1)]
    seconds, base, peak = in_own_process(
        run_scenes, work, preset, threads, [SMALL.voxels(0), clouds[-1]], clouds[:-1]
    )
    counts = [len(cloud) for cloud in clouds[:-1]]
    *seconds, (again, _) = seconds
    return NetworkRow(
        work=work.name,
        scene=scene.name,
        voxels=counts[0],
        total=Timing.of([total for total, _ in seconds]),
        pyramid=Timing.of([pyramid for _, pyramid in seconds]),
        per_voxel=Timing.of([total / count for (total, _), count in zip(seconds, counts, strict=True)]),
        again=again / counts[0],
        base_bytes=base,
        peak_bytes=peak,
    )


def run_scenes(
    work: Work,
    preset: str,
    threads: int,
    warmup: Sequence[NDArray[np.int64]],
    timed: Sequence[NDArray[np.int64]],
) -> tuple[list[tuple[float, float]], int, int]:
    """What the process does: seconds of each scene and of its pyramid, bytes before, and at the peak after.

    The clouds hold voxels [V, 3]. At the end the first one of those timed comes again, so that there is one
    result more. Memory is counted from the second cloud of the warm-up on.
    """
    keep_freed_memory()  # as training and testing do
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    model = create_model(preset, IN_CHANNELS, NUM_CLASSES)
    backbone = model.get_submodule("backbone")
    assert isinstance(backbone, FFNet3D)
    step = training_step(model, work) if work.training else evaluation(model, work)
    small, *others = warmup
    run_scene(step, backbone, small)
    base = restart_peak()
    for cloud in others:
        run_scene(step, backbone, cloud)
    seconds = [run_scene(step, backbone, cloud) for cloud in (*timed, timed[0])]
    return seconds, base, peak_bytes()


def run_scene(step: Step, backbone: FFNet3D, voxels: NDArray[np.int64]) -> tuple[float, float]:
    """Seconds of one scene, and of its pyramid among them."""
    batch: dict[str, Tensor] = as_batch(voxels, IN_CHANNELS)
    batch["segment"] = torch.randint(0, NUM_CLASSES, (len(voxels),))
    start = time.perf_counter()
    pyramid = backbone.build_pyramid(batch)
    middle = time.perf_counter()
    step({**batch, "pyramid": pyramid})
    return time.perf_counter() - start, middle - start


def evaluation(model: nn.Module, work: Work) -> Step:
    """A forward pass in inference mode, without the loss."""
    dtype = torch.bfloat16 if work.bf16 else None
    model = fuse(model, dtype) if work.fused else model.eval()

    def step(batch: Batch) -> object:
        inputs = {key: value for key, value in batch.items() if key != "segment"}
        with torch.inference_mode(), autocast(work.bf16 and not work.fused):
            return model(inputs)

    return step


def training_step(model: nn.Module, work: Work) -> Step:
    """Forward and backward pass, and an update by AdamW."""
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), fused=True)

    def step(batch: Batch) -> object:
        optimizer.zero_grad()
        with autocast(work.bf16):
            loss = model(batch)["loss"]
        loss.backward()
        return optimizer.step()

    return step


def autocast(enabled: bool) -> torch.autocast:
    """bfloat16 by autocast, or nothing."""
    return torch.autocast("cpu", torch.bfloat16, enabled=enabled)


def expected_bytes(rows: Sequence[NetworkRow], work: Work, voxels: int) -> float:
    """Peak bytes to expect of a work on so many voxels, by the largest scene measured; 0 without one."""
    known = [row for row in rows if row.work == work.name]
    if not known:
        return 0.0
    row = max(known, key=lambda row: row.voxels)
    return row.base_bytes + row.bytes_per_voxel * voxels
