"""A summary in a terminal: a legend of what was found, and where it lies."""

from __future__ import annotations

from collections.abc import Sequence

from ffnet3d.segment.summary_record import ClassSummary, Summary

HEADER = ("class", "colour", "points", "share", "area m2", "confidence")


def describe(summary: Summary) -> str:
    """Some lines: size and warnings, a table of the classes found (most points first), time and memory."""
    size = " x ".join(f"{length:.2f}" for length in summary.extent_m)
    lines = [f"{summary.scan}: {summary.points:,} points, {size} m"]
    lines += [f"  {note}" for note in summary.notes]
    lines += [f"  warning: {warning}" for warning in summary.warnings]
    found = sorted((one for one in summary.classes if one.points), key=lambda one: -one.points)
    rows = [_row(one, summary.points) for one in found]
    if summary.unlabelled:
        share = f"{100 * summary.unlabelled / summary.points:.1f} %"
        rows.append(("(no label)", "", f"{summary.unlabelled:,}", share, "", ""))
    lines += ["", *_aligned([HEADER, *rows]), ""]
    if missing := [one.name for one in summary.classes if not one.points]:
        lines.append(f"not found: {', '.join(missing)}")
    lines.append(_cost(summary))
    lines.append(f"written: {summary.output}")
    return "\n".join(lines)


def _row(one: ClassSummary, points: int) -> tuple[str, ...]:
    share = f"{100 * one.points / points:.1f} %"
    confidence = "" if one.confidence is None else f"{one.confidence:.2f}"
    return one.name, one.color, f"{one.points:,}", share, f"{one.area_m2:.2f}", confidence


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns of one width: the first two stand to the left, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [
            cell.ljust(width) if number < 2 else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return lines


def _cost(summary: Summary) -> str:
    parts = ", ".join(f"{name} {value:.1f} s" for name, value in summary.seconds.items())
    memory = summary.peak_process_memory_bytes
    peak = "" if memory is None else f"; the process held {memory / 1e9:.2f} GB at most"
    return f"{parts}{peak}"
