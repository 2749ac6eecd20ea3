"""One scan on a page to turn around."""

from __future__ import annotations

import threading
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from ffnet3d.cli.app import app
from ffnet3d.cli.options import split_names

EXAMPLES = """Examples:

  ffnet3d view office_labels.ply\n
  ffnet3d view data/s3dis/Area_5/office_1                   (a scene with its true labels)\n
  ffnet3d view labelled.laz --truth truth.npy --classes wall,floor,chair\n
  ffnet3d view labelled.ply --html labelled.html --points 300000    (a file to pass on; nothing is served)
"""


@app.command(epilog=EXAMPLES)
def view(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Point file or scene folder.")],
    truth: Annotated[
        str | None,
        typer.Option(
            metavar="FILE_OR_COLUMN", help="True labels: a column, or a file or scene of as many points."
        ),
    ] = None,
    classes: Annotated[
        str | None,
        typer.Option(metavar="NAMES", help="scannet20, scannet200, s3dis, or names by label: wall,floor,..."),
    ] = None,
    points: Annotated[
        int, typer.Option(metavar="N", help="Points to show at most; of more, an even sample.")
    ] = 1_000_000,
    up: Annotated[
        str | None,
        typer.Option(metavar="AXIS", help="Axis that points up: z, y, x, -z, -y, -x. Default: as segmented."),
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(metavar="NAMES", help="Columns of a text file without a header: x,y,z,red,green,blue"),
    ] = None,
    port: Annotated[int, typer.Option(metavar="N", help="Port of this machine; 0 takes a free one.")] = 0,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the page to this file instead of serving it.")
    ] = None,
    browser: Annotated[bool, typer.Option(help="Open the page in the browser.")] = True,
) -> None:
    """Show a scan in the browser: colours, labels, confidence, errors. Nothing leaves this machine."""
    from ffnet3d.segment.scan_options import ScanOptions
    from ffnet3d.view import build_page, serve, write_page
    from ffnet3d.view.told import told_by_summary

    told = told_by_summary(file)
    scan = ScanOptions(up=up or told.up, columns=split_names(columns or None) or told.columns)
    if html is not None:
        if html.is_dir() or not html.parent.is_dir():
            wrong = "is a folder" if html.is_dir() else f"there is no folder {html.parent}"
            raise ValueError(f"--html {html}: {wrong}")
        if html.suffix.lower() not in (".html", ".htm"):
            raise ValueError(f"--html {html}: let the name of the page end in .html")
        write_page(file, html, truth, classes, points, scan)
        typer.echo(f"{html} ({html.stat().st_size / 1e6:.1f} MB) opens in any browser, without a network.")
        return

    def started(url: str) -> None:
        typer.echo(f"{url}  (Ctrl-C stops)")
        if browser:
            threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()

    try:
        serve(build_page(file, truth, classes, points, scan), port, started)
    except KeyboardInterrupt:
        typer.echo("stopped")  # as it was told to: no error
