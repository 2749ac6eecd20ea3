"""Parts "network", "graph", "compile": the forward pass of the released preset, in evaluation.

"geometry included" builds the pyramid too; "pyramid given" makes what the backend needs of a pyramid, as a
loader brings it; in "features alone" that is there as well. Eager networks keep float32 weights and run under
autocast; fused ones (`ffnet3d.models.fuse`) hold weights and features in 16 bits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from ffnet3d.models.fuse import fuse
from gpu_parts.bench import Bench, Case, error_of, with_fresh_pyramid
from gpu_parts.clock import Times
from gpu_parts.precision import Precision, products_of_float32

GRAPHED = ("triton", "torch")  # what launches the same kernels each time, and never waits for the GPU
GRAPH_LIMIT = 1e-2  # of a graph's result beside that of the same network without one


def network(bench: Bench, case: Case, precision: Precision, backend: str) -> None:
    """Add the eager and the fused network's times and memory."""
    model, batch = bench.network(backend).eval(), inputs(bench, case)
    alone = {key: value for key, value in batch.items() if key != "pyramid"}

    @torch.no_grad()
    def eager(points: dict[str, Any]) -> Tensor:
        with precision.autocast(bench.device):
            return model(points)["seg_logits"]

    with products_of_float32(precision):
        forms = {
            "eager, geometry included": lambda: (alone,),
            "eager, pyramid given": lambda: with_fresh_pyramid(batch),
            "eager, features alone": lambda: (batch,),
        }
        measure_forms(bench, case, precision, backend, eager, forms)
        fused = fused_forward(model, precision)
        forms = {
            "fused, geometry included": lambda: (alone,),
            "fused, pyramid given": lambda: with_fresh_pyramid(batch),
            "fused, features alone": lambda: (batch,),
        }
        measure_forms(bench, case, precision, backend, fused, forms)


def measure_forms(
    bench: Bench,
    case: Case,
    precision: Precision,
    backend: str,
    run: Callable[[dict[str, Any]], Tensor],
    forms: dict[str, Callable[[], tuple]],
) -> None:
    """A record for each of the forms, by what is given to `run`."""
    for what, setup in forms.items():
        times, peak = bench.clock.measure(run, setup), bench.clock.peak_bytes(run, setup)
        add(bench, "network", case, precision, backend, what, times, peak)


def graph(bench: Bench, case: Case, precision: Precision, backend: str) -> None:
    """Add the replay of a CUDA graph of the fused network over a pyramid that stays (in a dry run: none)."""
    if backend not in GRAPHED:
        return
    batch = inputs(bench, case)
    with products_of_float32(precision):
        forward = fused_forward(bench.network(backend).eval(), precision)
        expected = forward(batch).clone()
        replay, out = record(forward, batch) if bench.clock.on_gpu else (lambda: None, expected)
        times = bench.clock.measure(replay)
        error = error_of(out, expected)
    add(bench, "graph", case, precision, backend, "graph, features alone", times, None, off_by=error)
    if not error <= GRAPH_LIMIT:
        raise ValueError(f"the graph's result is off by {error:.3g} of the largest logit")


def record(forward: Callable[[dict[str, Any]], Tensor], batch: dict[str, Any]) -> tuple[Callable, Tensor]:
    """(replay, the tensor that each replay writes). What is made once is made in runs before recording."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            forward(batch)
    torch.cuda.current_stream().wait_stream(side)
    recorded = torch.cuda.CUDAGraph()
    with torch.cuda.graph(recorded):
        out = forward(batch)
    return recorded.replay, out


def compiled(bench: Bench, case: Case, precision: Precision, backend: str) -> None:
    """Add the fused network under torch.compile, features alone."""
    batch = inputs(bench, case)
    with products_of_float32(precision):
        fused = fuse(bench.network(backend), precision.dtype if precision.half else None)
        forward = fused_forward(torch.compile(fused), precision, fused=True)
        times = bench.clock.measure(forward, lambda: (batch,))
    add(bench, "compile", case, precision, backend, "compiled, features alone", times, None)


def fused_forward(
    model: nn.Module, precision: Precision, fused: bool = False
) -> Callable[[dict[str, Any]], Tensor]:
    """The forward pass of a model's fused copy (or of one that is fused already)."""
    if not fused:
        model = fuse(model, precision.dtype if precision.half else None)

    @torch.no_grad()
    def forward(points: dict[str, Any]) -> Tensor:
        return model(points)["seg_logits"]

    return forward


def inputs(bench: Bench, case: Case) -> dict[str, Any]:
    """The batch without labels: no loss is worked out."""
    return {key: value for key, value in bench.batch(case).items() if key != "segment"}


def add(
    bench: Bench,
    part: str,
    case: Case,
    precision: Precision,
    backend: str,
    what: str,
    times: Times,
    peak: int | None,
    **rest: Any,
) -> None:
    """A record of a network."""
    bench.results.add(
        part,
        size=case.size,
        scenes=case.scenes,
        precision=precision.name,
        backend=backend,
        what=what,
        **times.fields(),
        bytes_per_voxel=None if peak is None else peak / case.voxels,
        **rest,
    )
