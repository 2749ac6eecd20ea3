"""The stages of a network, and what is seen around each of them in a forward pass."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from ffnet3d.bench.measure import STATUS, peak_bytes, restart_peak
from ffnet3d.models import FFNet3D
from ffnet3d.registry import require
from ffnet3d.segment.torch_network import find_backbone

REST = "rest"  # what belongs to no stage
T = TypeVar("T")
R = TypeVar("R")


def stages(segmentor: nn.Module) -> dict[str, nn.Module]:
    """The stages of a segmentor by name, in the order of execution."""
    backbone: FFNet3D = find_backbone(segmentor)
    found: dict[str, nn.Module] = {"stem": backbone.stem, "encoder 0": backbone.encoder[0]}
    for level, pool in enumerate(backbone.pools, start=1):
        found |= {f"pool {level}": pool, f"encoder {level}": backbone.encoder[level]}
    for level in reversed(range(len(backbone.decoder))):
        found |= {f"unpool {level}": backbone.unpools[level], f"decoder {level}": backbone.decoder[level]}
    if "seg_head" in dict(segmentor.named_children()):
        found["head"] = segmentor.get_submodule("seg_head")
    return found


def parameters_by_stage(segmentor: nn.Module) -> dict[str, int]:
    """Parameters of each stage, and those of none under `REST`: each of the segmentor's counts once."""
    counts = {
        stage: sum(parameter.numel() for parameter in module.parameters())
        for stage, module in stages(segmentor).items()
    }
    total = sum(parameter.numel() for parameter in segmentor.parameters())
    return counts | {REST: total - sum(counts.values())}


def stage_seconds(
    model: nn.Module, parts: Mapping[str, nn.Module], inputs: Mapping[str, Any], repeats: int
) -> list[dict[str, float]]:
    """Seconds of each stage, and of all else under `REST`, in each of several passes after a first."""

    def now() -> float:
        if inputs["feat"].is_cuda:
            torch.cuda.synchronize()
        return time.perf_counter()

    laps = []
    for _ in require("tqdm", "train").tqdm(range(repeats + 1), desc="time", disable=None, leave=False):
        start = now()
        lap = observe(model, parts, inputs, now, lambda began, _: now() - began)
        laps.append(lap | {REST: now() - start - sum(lap.values())})
    return laps[1:]


def stage_peaks(
    model: nn.Module, parts: Mapping[str, nn.Module], inputs: Mapping[str, Any]
) -> dict[str, int]:
    """Bytes that each stage adds to the resident memory at its peak, over what there was before it.

    Freed memory goes back to the system before each stage, so that all that it takes is seen. Empty off a
    CPU, and where the system does not let the peak start anew (only Linux does).
    """
    if not STATUS.is_file() or inputs["feat"].device.type != "cpu":
        return {}
    gc.freeze()  # each stage collects garbage, which need not go through all that was there before
    try:
        return observe(model, parts, inputs, restart_peak, lambda before, _: max(0, peak_bytes() - before))
    except OSError:  # the system keeps its peak to itself
        return {}
    finally:
        gc.unfreeze()


def observe(
    model: nn.Module,
    parts: Mapping[str, nn.Module],
    inputs: Mapping[str, Any],
    start: Callable[[], T],
    stop: Callable[[T, Tensor], R],
) -> dict[str, R]:
    """One forward pass: for each stage what `stop` makes of `start`'s value before it and of its output."""
    with watched(parts, start, stop) as seen, torch.inference_mode():
        model(inputs)
    return seen


@contextmanager
def watched(
    parts: Mapping[str, nn.Module], start: Callable[[], T], stop: Callable[[T, Tensor], R]
) -> Iterator[dict[str, R]]:
    """Hooks around the stages for the time being; the results fill the dictionary."""
    seen: dict[str, R] = {}
    before: dict[nn.Module, T] = {}
    names = {module: stage for stage, module in parts.items()}

    def enter(module: nn.Module, _: Any) -> None:
        before[module] = start()

    def leave(module: nn.Module, _: Any, output: Tensor) -> None:
        seen[names[module]] = stop(before.pop(module), output)

    handles = [module.register_forward_pre_hook(enter) for module in names]
    handles += [module.register_forward_hook(leave) for module in names]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()
