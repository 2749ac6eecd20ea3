"""The goals of the project beside what was measured: 100,000 voxels, one scene, backend "triton" in bf16."""

from __future__ import annotations

from typing import Any

SIZE = 100_000
Record = dict[str, Any]

EAGER = ("eager, pyramid given", "fused, pyramid given", "fused, features alone")
FORWARD_MS, GRAPH_MS, STEP_MS = 8.0, 3.0, 20.0
FASTER_THAN_AUTHORS, FASTER_THAN_SHARED = 3.0, 1.0


def judge(records: list[Record]) -> list[dict[str, str]]:
    """A row for each goal: what is wanted, what was found, and whether that is enough."""
    rows = [at_most(f"forward, {what}", FORWARD_MS, ours(records, "network", what)) for what in EAGER]
    rows.append(at_most("forward, CUDA graph", GRAPH_MS, ours(records, "graph", "graph, features alone")))
    rows.append(at_most("training step", STEP_MS, ours(records, "training", "pyramid given")))
    for part, what in (("network", "eager, pyramid given"), ("training", "pyramid given")):
        mine = ours(records, part, what)
        other = found(records, "authors", "forward" if part == "network" else "training step", "spconv")
        rows.append(at_least(f"{part}: faster than the authors' form", FASTER_THAN_AUTHORS, other, mine))
        other = found(records, part, what, "spconv")
        rows.append(at_least(f"{part}: faster than spconv, shared maps", FASTER_THAN_SHARED, other, mine))
    return rows


def ours(records: list[Record], part: str, what: str) -> float | None:
    """Median milliseconds of our own kernels in bf16."""
    return found(records, part, what, "triton", ("bf16",))


def found(
    records: list[Record], part: str, what: str, backend: str, precisions: tuple[str, ...] = ("bf16", "fp16")
) -> float | None:
    """Median milliseconds at the goals' size; the least of several precisions: the best form."""
    wanted = {"part": part, "what": what, "backend": backend, "size": SIZE, "scenes": 1}
    times = [
        float(record["median_ms"])
        for record in records
        if wanted.items() <= record.items()
        and record.get("precision") in precisions
        and "median_ms" in record
    ]
    return min(times, default=None)


def at_most(goal: str, limit: float, value: float | None) -> dict[str, str]:
    """A row that wants few milliseconds."""
    return row(goal, f"at most {limit:g} ms", value, "ms", None if value is None else value <= limit)


def at_least(goal: str, limit: float, other: float | None, mine: float | None) -> dict[str, str]:
    """A row that wants `other` to take many times as long as `mine`."""
    ratio = None if other is None or mine is None else other / mine
    met = None if ratio is None else ratio >= limit if limit > 1 else ratio > 1
    return row(goal, f"{limit:g} times" if limit > 1 else "faster", ratio, "times", met)


def row(goal: str, wanted: str, value: float | None, unit: str, met: bool | None) -> dict[str, str]:
    """As it is printed."""
    verdict = "not measured" if met is None else "met" if met else "NOT MET"
    return {
        "goal": goal,
        "wanted": wanted,
        "measured": "" if value is None else f"{value:.2f} {unit}",
        "verdict": verdict,
    }
