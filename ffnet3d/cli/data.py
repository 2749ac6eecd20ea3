"""Scenes: made."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ffnet3d.cli.app import app


@app.command("make-demo", epilog="Example:\n\n  ffnet3d make-demo data/demo --areas 6 --rooms 4")
def make_demo_command(
    root: Annotated[Path, typer.Argument(help="Folder to write, in the S3DIS layout.")],
    areas: Annotated[int, typer.Option(help="Areas, each of its own style.")] = 6,
    rooms: Annotated[int, typer.Option(help="Rooms in each area.")] = 4,
    seed: Annotated[int, typer.Option(help="Another seed, other rooms.")] = 7,
) -> None:
    """Write the built-in demo rooms: furnished, scanned with noise and occlusion, all 13 S3DIS classes."""
    from ffnet3d.data.demo import make_demo

    typer.echo(f"Demo rooms in {make_demo(root, areas=areas, rooms_per_area=rooms, seed=seed)}")
