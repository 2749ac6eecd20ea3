"""The files that a run leaves: figures in JSON, a plot, and the measured section of a page."""

from __future__ import annotations

import json
from pathlib import Path

from ffnet3d.atomic import write_atomic
from ffnet3d.bench.plot import plot
from ffnet3d.bench.report import report
from ffnet3d.bench.results import Results

BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
NAME = "performance"


def write_results(results: Results, folder: Path) -> list[Path]:
    """Write performance.json, .png and .md into a folder, and return them.

    Of a performance.md that is there, only what stands between its two markers is replaced; ValueError where
    it lacks them.
    """
    data, picture, page = (folder / f"{NAME}.{suffix}" for suffix in ("json", "png", "md"))
    check_page(folder)
    text = page.read_text(encoding="utf-8") if page.is_file() else f"# Performance\n\n{BEGIN}\n{END}\n"
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    section = f"{BEGIN}\n{report(results)}\n\n![{NAME}]({picture.name})\n{END}"
    plot(results, picture)
    _write(data, json.dumps(results.as_dict(), indent=1))
    _write(page, before + section + after)
    return [data, picture, page]


def check_page(folder: Path) -> None:
    """Make the folder; ValueError where it cannot be, or its performance.md has no place for the figures."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"--out {folder} cannot be made ({error.strerror}): name another folder") from error
    page = folder / f"{NAME}.md"
    text = page.read_text(encoding="utf-8") if page.is_file() else BEGIN + END
    if text.find(BEGIN) < 0 or text.find(END) < text.find(BEGIN):
        raise ValueError(f"{page} lacks the lines {BEGIN} and {END}, between which the figures go")


def _write(file: Path, text: str) -> None:
    write_atomic(file, lambda stream: stream.write(text.encode()))
