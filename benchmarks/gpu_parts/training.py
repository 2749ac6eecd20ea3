"""Part "training": a step of the released recipe's kind: forward, loss, backward, fused AdamW.

Autocast in 16 bits (with a scaler of the loss in float16), stochastic depth, cross entropy and Lovasz. With
"pyramid given" each step makes what the backend needs of a pyramid, as in training; "tables kept" reuses it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from gpu_parts.bench import Bench, Case, with_fresh_pyramid
from gpu_parts.network import add
from gpu_parts.precision import Precision, products_of_float32


def training(bench: Bench, case: Case, precision: Precision, backend: str) -> None:
    """Add the time and memory of a step; parameters, gradients and AdamW's state are not in its peak."""
    batch = bench.batch(case)
    with products_of_float32(precision):
        step = training_step(bench.network(backend).train(), precision, bench.device)
        forms: dict[str, Callable[[], tuple]] = {
            "pyramid given": lambda: with_fresh_pyramid(batch),
            "tables kept": lambda: (batch,),
        }
        for what, setup in forms.items():
            times, peak = bench.clock.measure(step, setup), bench.clock.peak_bytes(step, setup)
            add(bench, "training", case, precision, backend, what, times, peak)


def training_step(
    model: nn.Module, precision: Precision, device: torch.device
) -> Callable[[dict[str, Any]], None]:
    """The function that takes a step on a batch."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)
    scaler = torch.amp.GradScaler(device.type, enabled=precision.dtype == torch.float16)

    def step(points: dict[str, Any]) -> None:
        optimizer.zero_grad()
        with precision.autocast(device):
            loss = model(points)["loss"]
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()

    return step
