"""Part "convolution": each distinct convolution of the network on its level, forward and both gradients.

Cold level 2 cache (see `Clock`). A gradient is asked for alone; spconv makes both whichever is asked for.
`gflops` counts valid pairs only. `of_roof` is the share of the best possible: the longer of the time of the
valid products at the rate of the library's largest product, and of the least traffic at the rate of a copy,
both measured in this run. `error` is that of the tuned kernels against float64 on the same device.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ffnet3d.ops import subm_conv3d
from gpu_parts.bench import Bench, Case, error_of
from gpu_parts.precision import Precision, products_of_float32


def convolution(bench: Bench, case: Case, precision: Precision, backend: str) -> None:
    """Add three records a convolution."""
    pyramid = bench.batch(case)["pyramid"]
    with products_of_float32(precision):
        for level, size, cin, cout in bench.channels():
            table = pyramid.levels[level].neighbors[size]
            shape = {"level": level, "offsets": size**3, "cin": cin, "cout": cout, "voxels": len(table)}
            one_convolution(bench, case, precision, backend, table, shape)


def one_convolution(
    bench: Bench, case: Case, precision: Precision, backend: str, table: Tensor, shape: dict[str, int]
) -> None:
    """Measure and check forward, gradient of the features, gradient of the weight."""
    offsets, cin, cout = shape["offsets"], shape["cin"], shape["cout"]
    like = {"device": bench.device, "dtype": precision.dtype}
    features, weight = torch.randn(len(table), cin, **like), torch.randn(offsets, cin, cout, **like)
    grad = torch.randn(len(table), cout, **like)
    pairs = int((table != len(table)).sum())
    elements = len(table) * (cin + cout) + weight.numel()
    best = best_seconds(bench, precision, 2 * pairs * cin * cout, elements, table)
    for what in ("forward", "gradient of features", "gradient of weight"):
        run = work(what, features, weight, grad, table, backend)
        times = bench.clock.measure(run, flush=True)
        exact = work(what, features.double(), weight.double(), grad.double(), table, "torch")()
        error = error_of(run(), exact)
        bench.results.add(
            "convolution",
            size=case.size,
            scenes=case.scenes,
            precision=precision.name,
            backend=backend,
            what=what,
            **shape,
            **times.fields(),
            gflops=2e-9 * pairs * cin * cout / (1e-3 * times.median),
            of_roof=best / (1e-3 * times.median),
            off_by=error,
            verdict=None if error <= precision.limit else "WRONG",
        )


def work(what: str, features: Tensor, weight: Tensor, grad: Tensor, table: Tensor, backend: str):
    """The function to measure; it returns the tensor in question."""
    if what == "forward":

        def forward() -> Tensor:
            with torch.no_grad():
                return subm_conv3d(features, weight, None, table, backend)

        return forward
    leaf = (features if what == "gradient of features" else weight).detach().requires_grad_()
    inputs = (leaf, weight) if what == "gradient of features" else (features, leaf)
    out = subm_conv3d(*inputs, None, table, backend)
    return lambda: torch.autograd.grad(out, leaf, grad, retain_graph=True)[0]


def best_seconds(bench: Bench, precision: Precision, flop: int, elements: int, table: Tensor) -> float:
    """The longer of products and traffic (features, result, weight, table; each once)."""
    traffic = elements * precision.dtype.itemsize + table.numel() * table.element_size()
    return max(flop / bench.roofs[precision.name], traffic / bench.roofs["bandwidth"])
