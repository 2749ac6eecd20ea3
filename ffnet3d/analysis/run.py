"""Networks and scans in, a folder with the page, the figures and the clouds of the instruments out."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from ffnet3d.analysis.asked import choose
from ffnet3d.analysis.coefficients import coefficients_section
from ffnet3d.analysis.cost_section import cost_section
from ffnet3d.analysis.maps import maps_section
from ffnet3d.analysis.page import Section, Table, write_page
from ffnet3d.analysis.receptive_section import receptive_section
from ffnet3d.analysis.study import Study
from ffnet3d.atomic import write_atomic
from ffnet3d.version import __version__

logger = logging.getLogger(__name__)

Instrument: TypeAlias = "Callable[[Study, Path], Section]"
"""Looks at a study, writes its pictures and clouds into the folder, and returns its section of the page."""

INSTRUMENTS: dict[str, Instrument] = {
    "coefficients": coefficients_section,
    "maps": maps_section,
    "receptive": receptive_section,
    "cost": cost_section,
}


def analyze(study: Study, folder: Path, only: Sequence[str] | None = None) -> Path:
    """Apply instruments to a study and write `folder`/index.html and analysis.json; returns the page.

    Both are written anew after each instrument: what one has found stays, whatever befalls the next.
    """
    names = choose(only, study.classes, tuple(INSTRUMENTS))
    if only is None and not study.classes:
        known = dict.fromkeys(name for network in study.networks for name in network.recipe.classes)
        logger.info("maps are left out: --class NAME shows those of a class (%s)", ", ".join(known))
    folder.mkdir(parents=True, exist_ok=True)
    sections: dict[str, Section] = {}
    page = folder / "index.html"
    for name in names:
        sections[name] = INSTRUMENTS[name](study, folder)
        write_figures(folder / "analysis.json", study, sections)
        page = write_page(folder, title_of(study), (about(study), *sections.values()))
    return page


def title_of(study: Study) -> str:
    """What the page is of."""
    return f"Analysis of {', '.join(network.name for network in study.networks)}"


def about(study: Study) -> Section:
    """What was looked at: a row for each network on each scan, and what was recognised in the scans."""
    rows = tuple(
        (
            case.network.name,
            case.scene.name,
            f"{len(case.scene.points):,}",
            f"{case.scene.num_voxels:,}",
            f"{1000 * case.network.recipe.grid_size:g}",
            "yes" if case.scene.truth is not None else "no",
        )
        for case in study.cases
    )
    notes = dict.fromkeys(f"{case.scene.name}: {'; '.join(case.scene.notes)}." for case in study.cases)
    header = ("network", "scan", "points", "voxels", "voxel edge (mm)", "true labels")
    return Section("What was looked at", tuple(notes), (Table(header, rows),))


def write_figures(file: Path, study: Study, sections: dict[str, Section]) -> None:
    """All figures as JSON."""
    figures: dict[str, Any] = {
        "ffnet3d": __version__,
        "networks": [
            {"name": network.name, "recipe": network.recipe.as_dict()} for network in study.networks
        ],
        "scans": [
            {
                "network": case.network.name,
                "name": case.scene.name,
                "points": len(case.scene.points),
                "voxels": case.scene.num_voxels,
                "notes": list(case.scene.notes),
            }
            for case in study.cases
        ],
        "sections": {name: dict(section.figures) for name, section in sections.items()},
    }
    text = json.dumps(figures, indent=1, allow_nan=False) + "\n"
    write_atomic(file, lambda stream: stream.write(text.encode()))
