"""Scans in, labels out: `segment`."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ffnet3d.cli.app import app
from ffnet3d.cli.options import split_names

if TYPE_CHECKING:
    from ffnet3d.segment.job import Job
    from ffnet3d.segment.queue import QueueResult
    from ffnet3d.segment.run import SegmentOptions

EXAMPLES = """Examples:

  ffnet3d segment room.ply -w exp/scannet/first -o out          (out/room.ply, out/room.json)\n
  ffnet3d segment room.ply -w exp/scannet/first -o out --paint  (to look at in any viewer)\n
  ffnet3d view out/room.ply\n
  ffnet3d segment scan.las --unit mm --up y -w weights -o out   (weights: a folder with model.safetensors)\n
  ffnet3d segment scans/ -w model.onnx -o out --workers 2       (a folder; goes on when called again)\n
  ffnet3d segment building.e57 -w weights -o out --format ply   (any size: in tiles, docs/buildings.md)\n
  ffnet3d segment scans/ -w weights -o out --ray local          (on Ray, docs/queue.md)
"""
WEIGHTS_HELP = (
    "A run's folder, a .pth of its model/ folder, model.safetensors or its folder, or an .onnx file."
)
FAILED = 2  # exit status where some scans could not be segmented

Scans = Annotated[list[Path], typer.Argument(help="Point files, scene folders, or folders of such.")]
Weights = Annotated[Path, typer.Option("-w", "--weights", help=WEIGHTS_HELP)]
Out = Annotated[Path, typer.Option("-o", "--out", help="Folder for the answers, or the file for one scan's.")]
Format = Annotated[str | None, typer.Option(help="ply: write PLY, whatever came in.")]
Paint = Annotated[bool, typer.Option("--paint", help="Colour by class; own colours become original_*.")]
Unit = Annotated[str | None, typer.Option(help="Of the coordinates: m (default), cm, mm, ft, in.")]
Up = Annotated[str, typer.Option(help="The axis that points up: x, y, z, -x, -y, -z.")]
Columns = Annotated[str | None, typer.Option(help="Names, for a file that has none: x,y,z,red,green,blue.")]
ColorRange = Annotated[float | None, typer.Option(help="The value of full colour: 1, 255 or 65535.")]
Runtime = Annotated[str, typer.Option(help="auto, torch, or onnx (ONNX Runtime).")]
Device = Annotated[str | None, typer.Option(help="Of PyTorch: cpu, cuda (default: a GPU if there is one).")]
Dtype = Annotated[str, typer.Option(help="Of PyTorch: float32 or bfloat16.")]
GridSize = Annotated[float | None, typer.Option(help="Voxel edge in metres, if the weights do not say.")]
Features = Annotated[str | None, typer.Option(help="color,normal, if the weights do not say.")]
Classes = Annotated[str | None, typer.Option(help="wall,floor,..., if the weights do not say.")]
Condition = Annotated[str | None, typer.Option(help="For norms by data set: whose to take.")]
Tile = Annotated[
    float | None, typer.Option(help="Edge of a large scan's tiles, metres (default: by density).")
]
Halo = Annotated[float | None, typer.Option(help="What the network sees around a tile, metres.")]
Voxels = Annotated[
    int, typer.Option(help="Most voxels of a large scan that are predicted at once: memory follows.")
]
Scratch = Annotated[Path | None, typer.Option(help="Folder for what large scans put aside.")]
Workers = Annotated[
    int | None, typer.Option(help="Processes, which share the cores (default: 1; on Ray, one a machine).")
]
OnRay = Annotated[
    str | None, typer.Option("--ray", metavar="local|ADDRESS", help="Run on Ray: these cores, or a cluster.")
]


@app.command("segment", epilog=EXAMPLES)
def segment_command(
    scans: Scans,
    weights: Weights,
    out: Out = Path("segmented"),
    format: Format = None,
    paint: Paint = False,
    unit: Unit = None,
    up: Up = "z",
    columns: Columns = None,
    color_range: ColorRange = None,
    runtime: Runtime = "auto",
    device: Device = None,
    dtype: Dtype = "float32",
    grid_size: GridSize = None,
    features: Features = None,
    classes: Classes = None,
    condition: Condition = None,
    tile: Tile = None,
    halo: Halo = None,
    voxels: Voxels = 500_000,
    scratch: Scratch = None,
    workers: Workers = None,
    ray: OnRay = None,
) -> None:
    """Label every point of scans: PLY, PCD, LAS, LAZ, E57, NPY, NPZ, XYZ, TXT, CSV, PTS, or scene folders.

    An answer is the scan again, in its own format and order, with label, confidence and class colour, and a
    JSON summary beside it. What is done already is kept; a bad scan stops no other.
    """
    from ffnet3d.engine.logs import setup_logging
    from ffnet3d.segment.run import SegmentOptions
    from ffnet3d.segment.scan_options import ScanOptions
    from ffnet3d.segment.tiles import TileOptions

    setup_logging(None)
    network = {
        "runtime": runtime,
        "device": device,
        "dtype": dtype,
        "condition": condition,
        "grid_size": grid_size,
        "features": split_names(features),
        "classes": split_names(classes),
    }
    options = SegmentOptions(
        weights.absolute(),
        {name: value for name, value in network.items() if value is not None},
        ScanOptions(unit=unit, up=up, columns=split_names(columns), color_range=color_range),
        TileOptions(tile=tile, halo=halo, voxels=voxels),
        format,
        paint,
        None if scratch is None else scratch.absolute(),
    )
    run_jobs(scans, out, options, workers, ray)


def run_jobs(
    scans: list[Path], out: Path, options: SegmentOptions, workers: int | None, ray: str | None
) -> None:
    """Segment all scans, and say what a single one holds, or what is wrong with it."""
    from ffnet3d.segment.job import find_jobs
    from ffnet3d.segment.summary_record import read_summary
    from ffnet3d.segment.summary_text import describe

    jobs = find_jobs(scans, out, options.format)
    folder = out if jobs[0].out != out else out.parent
    if len(jobs) > 1:
        if work_off(jobs, folder, options, workers, ray).failed:
            raise typer.Exit(FAILED)
        return
    with silent("ffnet3d.segment.queue"):  # its lines are for many scans
        result = work_off(jobs, folder, options, workers, ray)
    if result.failed:
        raise ValueError(str(result.failed[0]))
    summary = read_summary(jobs[0].summary)
    typer.echo(describe(replace(summary, output=str(jobs[0].out))))
    typer.echo(f"To look at it: ffnet3d view {jobs[0].out}")


def work_off(
    jobs: list[Job], folder: Path, options: SegmentOptions, workers: int | None, ray: str | None
) -> QueueResult:
    """Do the jobs in this process, in several, or on Ray."""
    from ffnet3d.segment.run import start

    begin = partial(start, options, show_progress=len(jobs) == 1 and ray is None)
    if ray is None:
        from ffnet3d.segment.queue import run_queue

        return run_queue(jobs, begin, options.key(), folder, 1 if workers is None else workers)
    from ffnet3d.segment.ray_queue import run_on_ray

    address = None if ray == "local" else ray
    gpus = 1.0 if str(options.network.get("device")).startswith("cuda") else 0.0
    return run_on_ray(jobs, begin, options.key(), folder, address=address, workers=workers, gpus=gpus)


@contextmanager
def silent(name: str) -> Iterator[None]:
    """Nothing of that logger meanwhile."""
    logger = logging.getLogger(name)
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)
