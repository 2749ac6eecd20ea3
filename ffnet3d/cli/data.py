"""Scenes: made, and checked."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ffnet3d.cli.app import app

CHECK_EXAMPLES = """Examples:

  ffnet3d check data/scannet\n
  ffnet3d check /data/s3dis --workers 8 --json s3dis.json\n
  ffnet3d check data/s3dis/Area_5/office_1    (one scene)
"""


@app.command("make-demo", epilog="Example:\n\n  ffnet3d make-demo data/demo --areas 6 --rooms 4")
def make_demo_command(
    root: Annotated[Path, typer.Argument(metavar="ROOT", help="Folder to write, in the S3DIS layout.")],
    areas: Annotated[int, typer.Option(metavar="N", help="Areas, each of its own style.")] = 6,
    rooms: Annotated[int, typer.Option(metavar="N", help="Rooms in each area.")] = 4,
    seed: Annotated[int, typer.Option(metavar="N", help="Another seed, other rooms.")] = 7,
) -> None:
    """Write the built-in demo rooms: furnished, scanned with noise and occlusion, all 13 S3DIS classes."""
    from ffnet3d.data.demo import make_demo

    typer.echo(f"Demo rooms in {make_demo(root, areas=areas, rooms_per_area=rooms, seed=seed)}")


@app.command(epilog=CHECK_EXAMPLES)
def check(
    root: Annotated[
        Path,
        typer.Argument(metavar="ROOT", help="Root of splits of scene folders, or one split, or a scene."),
    ],
    workers: Annotated[
        int | None, typer.Option(metavar="N", help="Processes (default: one for each core).")
    ] = None,
    hashes: Annotated[bool, typer.Option(help="Compare the files with the hashes of manifest.json.")] = True,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="File for all facts of all scenes.")
    ] = None,
) -> None:
    """Read every prepared scene; say what is broken, missing or looks wrong. Status 2 if any is broken."""
    from ffnet3d.atomic import write_atomic
    from ffnet3d.cli.prepare import chosen_workers
    from ffnet3d.data.check import check_root, json_report, text_report

    if json_file is not None and (json_file.is_dir() or not json_file.parent.is_dir()):
        wrong = "is a folder" if json_file.is_dir() else f"there is no folder {json_file.parent}"
        raise ValueError(f"--json {json_file}: {wrong}")
    found = check_root(root, hashes=hashes, workers=chosen_workers(workers))
    typer.echo(text_report(found))
    if json_file is not None:
        write_atomic(json_file, lambda file: file.write(f"{json_report(found)}\n".encode()))
        typer.echo(f"All facts are in {json_file}.")
    if found.broken:
        raise typer.Exit(2)
