"""Trained networks as files for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ffnet3d.cli.app import app
from ffnet3d.cli.options import split_names

EXAMPLES = """Examples:

  ffnet3d export exp/scannet/first model.onnx    (a run: its best checkpoint)\n
  ffnet3d segment scan.ply -w model.onnx    (ONNX Runtime; needs no PyTorch)\n
  ffnet3d export weights model.pt2 --grid-size 0.02 --classes wall,floor,chair\n
  ffnet3d export weights model.onnx --condition ScanNet    (a network with norms by data set)
"""
SUFFIXES = (".onnx", ".pt2")


@app.command("export", epilog=EXAMPLES)
def export_command(
    weights: Annotated[
        Path, typer.Argument(help="A run's folder, a .pth in its model/, model.safetensors or its folder.")
    ],
    out: Annotated[Path, typer.Argument(help="NAME.onnx, or NAME.pt2 for torch.export.load.")],
    grid_size: Annotated[
        float | None, typer.Option(help="Edge of a voxel in metres, where the weights do not know it.")
    ] = None,
    features: Annotated[
        str | None,
        typer.Option(help="Input in order, of color, normal, coord: where the weights do not know it."),
    ] = None,
    classes: Annotated[
        str | None, typer.Option(help="Names by label, where the weights do not know them.")
    ] = None,
    condition: Annotated[
        str | None, typer.Option(help="Data set whose norms to export: for networks with norms by data set.")
    ] = None,
) -> None:
    """Write a trained network as one file: ONNX, or an archive of torch.export. See docs/deploy.md.

    The file holds the weights and the recipe (voxel size, features, classes), and is checked against PyTorch.
    """
    if out.suffix not in SUFFIXES:
        raise ValueError(f"{out}: end the name in .onnx (ONNX) or .pt2 (torch.export)")
    from ffnet3d.export import export_archive, export_onnx
    from ffnet3d.segment.weights import load_torch

    given: dict[str, Any] = {
        "grid_size": grid_size,
        "features": split_names(features),
        "classes": split_names(classes),
    }
    segmentor, recipe = load_torch(weights, **given)
    write = export_onnx if out.suffix == ".onnx" else export_archive
    difference = write(segmentor, recipe, out, condition)
    size = out.stat().st_size / 2**20
    typer.echo(f"{out}: {size:.1f} MiB; its logits differ from PyTorch's by {difference:.1e} at most")
