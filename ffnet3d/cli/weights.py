"""Weights from and to the authors' released code."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ffnet3d.cli.app import app

IMPORT_EXAMPLES = """Examples:

  ffnet3d import-release scannet-ffnet.pth imported.pth\n
  ffnet3d train -d scannet -c ffnet3d -n tuned -w imported.pth    (goes on from them)\n
  ffnet3d import-release scannet-ffnet.pth weights --activation gelu    (a folder for from_pretrained)\n
  ffnet3d import-release s3dis-ffnet.pth weights --activation relu
"""
EXPORT_EXAMPLES = """Examples:

  ffnet3d export-release exp/scannet/first/model/model_best.pth released.pth\n
  ffnet3d export-release weights released.pth    (a folder with model.safetensors)
"""


@app.command("import-release", epilog=IMPORT_EXAMPLES)
def import_release_command(
    weights: Annotated[Path, typer.Argument(help="Released weights: a checkpoint, or a bare state dict.")],
    out: Annotated[Path, typer.Argument(help="NAME.pth for -w; any other name: a folder to share.")],
    activation: Annotated[
        str, typer.Option(help="gelu or relu: not told by weights, and needed for a folder.")
    ] = "",
    conditions: Annotated[
        str, typer.Option(help="Data sets with norms of their own, in order: for a folder, if there are any.")
    ] = "",
) -> None:
    """Turn weights of the authors' released code into ours; nothing in the file is executed."""
    from ffnet3d.engine.released import import_release

    typer.echo(import_release(weights, out, activation, conditions))


@app.command("export-release", epilog=EXPORT_EXAMPLES)
def export_release_command(
    weights: Annotated[Path, typer.Argument(help="A .pth of a run, a .safetensors, or a folder with one.")],
    out: Annotated[Path, typer.Argument(help="Checkpoint to write, NAME.pth.")],
) -> None:
    """Turn our weights into a checkpoint that the authors' released code loads strictly."""
    from ffnet3d.engine.released import export_release

    typer.echo(export_release(weights, out))
