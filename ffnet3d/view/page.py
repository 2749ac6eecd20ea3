"""The page: one HTML file with style, script and points in it, which asks no network for anything."""

from __future__ import annotations

import html
import json
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any

from ffnet3d.atomic import write_atomic
from ffnet3d.segment.scan_options import ScanOptions
from ffnet3d.view.encode import describe, encode_arrays
from ffnet3d.view.read import POINTS, Shown, read_shown

SCRIPTS = tuple(
    f"{name}.js"
    for name in (
        "scan",
        "camera",
        "graphics",
        "shading",
        "points",
        "gestures",
        "pick",
        "legend",
        "panel",
        "viewer",
    )
)


def build_page(
    file: str | Path,
    truth: str | None = None,
    classes: str | None = None,
    points: int = POINTS,
    scan: ScanOptions | None = None,
) -> str:
    """The page of a point file or scene folder; arguments and errors are those of `read_shown`."""
    return fill_page(read_shown(file, truth, classes, points, scan))


def write_page(
    file: str | Path,
    out: str | Path,
    truth: str | None = None,
    classes: str | None = None,
    points: int = POINTS,
    scan: ScanOptions | None = None,
) -> Path:
    """Write the page of a point file or scene folder to `out`, whole or not at all; returns `out`."""
    page, out = build_page(file, truth, classes, points, scan), Path(out)
    write_atomic(out, lambda stream: stream.write(page.encode()))
    return out


def fill_page(shown: Shown) -> str:
    """The HTML of what is shown."""
    assets = resources.files("ffnet3d.view")

    def read(name: str) -> str:
        return assets.joinpath(name).read_text(encoding="utf-8")

    return Template(read("page.html")).substitute(
        name=html.escape(shown.name),
        sample=sample_text(shown),
        notes="".join(f"<p>{html.escape(note)}</p>" for note in (*sample_notes(shown), *shown.notes)),
        style=read("style.css"),
        scene=embed_json(describe(shown)),
        arrays="\n".join(
            f'<script type="text/plain" id="{name}">{text}</script>'
            for name, text in encode_arrays(shown).items()
        ),
        script="\n".join(read(name) for name in SCRIPTS),
    )


def sample_text(shown: Shown) -> str:
    """How many of the points are shown."""
    if len(shown) == shown.total:
        return f"{shown.total:,} points, all of them shown"
    return f"{len(shown):,} of {shown.total:,} points shown, an even sample"


def sample_notes(shown: Shown) -> tuple[str, ...]:
    """What a sample means for the rest of the page."""
    return () if len(shown) == shown.total else ("Counts and shares are those of the points shown.",)


def embed_json(value: Any) -> str:
    """JSON that cannot end the script element it stands in."""
    return json.dumps(value).replace("<", "\\u003c")
