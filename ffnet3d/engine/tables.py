"""Tables in Markdown whose columns are aligned, so that they read well as plain text too."""

from __future__ import annotations

from collections.abc import Sequence


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table: the first column stands to the left, all others to the right."""
    lines = [list(header), *[list(row) for row in rows]]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    rule = ["-" * widths[0], *["-" * (width - 1) + ":" for width in widths[1:]]]
    return "\n".join(_line(cells, widths) for cells in [lines[0], rule, *lines[1:]])


def percent(share: float | None) -> str:
    """A score of 0 to 1 as papers print it: 72.61; "–" where there is none."""
    return "–" if share is None else f"{100 * share:.2f}"


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = [
        cell.rjust(width) if column else cell.ljust(width)
        for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return "| " + " | ".join([first, *others]) + " |"
