"""What this machine has, and how fast it is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ffnet3d.cli.app import app

BENCH_EXAMPLES = """Examples:

  ffnet3d bench --quick                             (half a minute: where does this machine stand?)\n
  ffnet3d bench --sizes 20k,100k,500k --out docs    (all of it, and docs/performance.md brought up to date)\n
  ffnet3d bench --what network,training --threads 1 --repeats 5\n
  ffnet3d bench --what network --scene /data/s3dis/Area_3/hallway_3 --grid-size 0.02
"""


@app.command()
def info() -> None:
    """Print versions, devices, backends and engine, with why each is or is not usable."""
    from ffnet3d.engine.environment import describe_environment
    from ffnet3d.engines import choose_engine

    typer.echo(describe_environment())
    try:
        choice = choose_engine("auto")
    except ValueError as error:
        typer.echo(f"\nengine\n  none: {error}")
        return
    typer.echo(f"\nengine\n  {choice.name:<18}{choice.why or 'no Pointcept is importable here'}")


@app.command(epilog=BENCH_EXAMPLES)
def bench(
    sizes: Annotated[
        str,
        typer.Option(help="Voxels of the scenes, such as 20000,100000 or 20k,100k; default 20k,100k,500k."),
    ] = "",
    what: Annotated[
        str, typer.Option(help="Of convolution, pyramid, network, training; separated by commas.")
    ] = "convolution,pyramid,network,training",
    threads: Annotated[
        int | None, typer.Option(help="Threads of PyTorch; its own choice by default.")
    ] = None,
    repeats: Annotated[int, typer.Option(help="Timed calls of a convolution, and scenes of a network.")] = 3,
    scene: Annotated[Path | None, typer.Option(help="A real scene beside the rooms: a scene folder.")] = None,
    grid_size: Annotated[float, typer.Option(help="Voxels of the real scene, in metres.")] = 0.02,
    preset: Annotated[str, typer.Option(help="Network: ffnet3d, ffnet3d-paper or ffnet3d-tiny.")] = "ffnet3d",
    quick: Annotated[bool, typer.Option("--quick", help="20k voxels, two repeats, fewer works.")] = False,
    out: Annotated[
        Path | None, typer.Option(help="Folder for performance.json, .png and the section of .md.")
    ] = None,
) -> None:
    """Measure convolutions by level, the pyramid and the network on this CPU, beside its roofs and peers."""
    from ffnet3d.bench.run import BenchRequest, parse_sizes, run_bench

    typer.echo(
        run_bench(
            BenchRequest(
                sizes=parse_sizes(sizes),
                subjects=tuple(word.strip() for word in what.split(",")),
                threads=threads,
                repeats=repeats,
                scene=scene,
                grid_size=grid_size,
                preset=preset,
                quick=quick,
                out=out,
            )
        )
    )
