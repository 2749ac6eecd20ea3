"""Times and numbers as the benchmark's tables show them."""

from __future__ import annotations

from ffnet3d.bench.measure import Timing
from ffnet3d.engine.tables import table

__all__ = ["number", "spread", "table"]


def spread(timing: Timing, scale: float = 1e3) -> str:
    """Median, and in brackets the range: in milliseconds, or in seconds times another `scale`."""
    return (
        f"{number(timing.median * scale)} ({number(timing.minimum * scale)}–{number(timing.maximum * scale)})"
    )


def number(value: float) -> str:
    """Three significant digits, or all before the point."""
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f}"
