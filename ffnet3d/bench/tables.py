"""Tables in Markdown whose columns are aligned, so that they read well as plain text too."""

from __future__ import annotations

from collections.abc import Sequence

from ffnet3d.bench.measure import Timing


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table: the first column stands to the left, all others to the right."""
    lines = [list(header), *[list(row) for row in rows]]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    rule = ["-" * widths[0], *["-" * (width - 1) + ":" for width in widths[1:]]]
    return "\n".join(_line(cells, widths) for cells in [lines[0], rule, *lines[1:]])


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = [
        cell.rjust(width) if column else cell.ljust(width)
        for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return "| " + " | ".join([first, *others]) + " |"


def spread(timing: Timing, scale: float = 1e3) -> str:
    """Median, and in brackets the range: in milliseconds, or in seconds times another `scale`."""
    return (
        f"{number(timing.median * scale)} ({number(timing.minimum * scale)}–{number(timing.maximum * scale)})"
    )


def number(value: float) -> str:
    """Three significant digits, or all before the point."""
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f}"
