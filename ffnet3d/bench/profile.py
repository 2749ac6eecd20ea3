"""Where the time of a call goes: matrix products, moving rows, summing rows, and all else."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from torch.autograd.profiler import profile

PRODUCTS = ("aten::mm", "aten::addmm", "aten::bmm", "mkldnn::_linear_pointwise")
ROWS = ("aten::index_select", "aten::index", "aten::gather", "aten::copy_")
SUMS = ("aten::_embedding_bag_forward_only", "aten::_embedding_bag", "aten::index_add_", "aten::add_")
QUIET = "99"  # level of the profiler's own log, which it would write to stderr


@dataclass(frozen=True)
class Parts:
    """Shares of a call's time, which add up to 1, and the work of its products."""

    products: float
    rows: float  # gathering and copying rows
    sums: float  # adding up the products of a row
    rest: float  # Python, the dispatcher, allocation
    flops: int  # that the products executed, those with zeros among them


def parts_of(function: Callable[[], object]) -> Parts:
    """Profile one call, after one that does not count."""
    os.environ.setdefault("KINETO_LOG_LEVEL", QUIET)
    function()
    with profile(record_shapes=True) as record:
        function()
    events = [event for event in (record.function_events or []) if event.self_cpu_time_total > 0]
    total = sum(event.self_cpu_time_total for event in events)

    def share(names: Sequence[str]) -> float:
        spent = sum(event.self_cpu_time_total for event in events if event.name in names)
        return float(spent / total)

    products, rows, sums = share(PRODUCTS), share(ROWS), share(SUMS)
    flops = sum(_flops(event) for event in events if event.name in PRODUCTS)
    return Parts(products, rows, sums, max(0.0, 1 - products - rows - sums), flops)


def _flops(event: Any) -> int:
    """Of one product, by the shapes of its matrices: 2 M A B."""
    shapes = [shape for shape in event.input_shapes if len(shape) >= 2]
    if event.name == "mkldnn::_linear_pointwise":  # [M, A], [B, A]
        (rows, inner), (columns, _) = shapes[:2]
        return int(2 * rows * inner * columns)
    left, right = shapes[-2:] if event.name == "aten::addmm" else shapes[:2]  # [..., M, A], [..., A, B]
    batch = left[0] if len(left) == 3 else 1
    return int(2 * batch * left[-2] * left[-1] * right[-1])
