"""A look into trained networks: `analyze`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ffnet3d.cli.app import app
from ffnet3d.cli.options import split_names
from ffnet3d.cli.segment import (
    Classes,
    ColorRange,
    Columns,
    Condition,
    Device,
    Features,
    GridSize,
    Scans,
    Unit,
    Up,
)

EXAMPLES = """Examples:

  ffnet3d analyze data/demo/Area_5/office_1 -w exp/demo/first -o look --class chair --class table\n
  ffnet3d analyze room.ply -w exp/scannet/first -w exp/scannet/second -o look   (two networks side by side)\n
  ffnet3d analyze room.ply -w weights -o look --only coefficients\n
  ffnet3d view look/FILE.ply     (a cloud that the page lists)
"""

Weights = Annotated[
    list[Path],
    typer.Option(
        "-w", "--weights", help="A run's folder, a .pth, or model.safetensors; several are compared."
    ),
]
Out = Annotated[Path, typer.Option("-o", "--out", help="Folder for the page, its figures and clouds.")]
ClassNames = Annotated[
    list[str] | None,
    typer.Option("--class", metavar="NAME", help="Class to show maps of; as often as wanted."),
]
Only = Annotated[
    str | None,
    typer.Option(metavar="NAMES", help="Some of the instruments: coefficients,maps,receptive,cost."),
]
Predicted = Annotated[
    bool, typer.Option("--predicted", help="Classes as predicted, even where the scan has true labels.")
]


@app.command("analyze", epilog=EXAMPLES)
def analyze_command(
    scans: Scans,
    weights: Weights,
    out: Out = Path("analysis"),
    class_names: ClassNames = None,
    only: Only = None,
    predicted: Predicted = False,
    unit: Unit = None,
    up: Up = "z",
    columns: Columns = None,
    color_range: ColorRange = None,
    device: Device = None,
    grid_size: GridSize = None,
    features: Features = None,
    classes: Classes = None,
    condition: Condition = None,
) -> None:
    """Look into trained networks at work on scans: a page of figures, pictures and coloured clouds.

    What is measured and how it is defined is in docs/analysis.md.
    """
    from ffnet3d.analysis.asked import check_classes, choose, read_recipes
    from ffnet3d.segment.job import find_jobs
    from ffnet3d.segment.output import names_a_file
    from ffnet3d.segment.scan_options import ScanOptions

    # Mistakes first: what follows takes many seconds to import and to load.
    instruments, asked = split_names(only), class_names or ()
    choose(instruments, asked)
    if out.is_file() or names_a_file(out) or out.suffix.lower() in (".html", ".htm"):
        raise ValueError(f"--out {out}: the page comes with other files: name a folder")
    files = [job.scan for scan in dict.fromkeys(scans) for job in find_jobs([scan], out)]
    given = {"grid_size": grid_size, "features": split_names(features), "classes": split_names(classes)}
    check_classes(asked, read_recipes(weights, **given))

    from ffnet3d.analysis.network import open_networks
    from ffnet3d.analysis.run import analyze
    from ffnet3d.analysis.study import make_study
    from ffnet3d.engine.logs import setup_logging

    setup_logging(None)
    networks = open_networks(weights, device, condition, **given)
    options = ScanOptions(unit=unit, up=up, columns=split_names(columns), color_range=color_range)
    page = analyze(make_study(networks, files, asked, predicted, options), out, instruments)
    typer.echo(f"{page} ({page.stat().st_size / 1e6:.1f} MB) opens in any browser, without a network.")
