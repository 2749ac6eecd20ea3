"""Several runs as one experiment: folds, seeds, and the page of results."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ffnet3d.cli.app import app
from ffnet3d.cli.options import DataRoot, Devices, EngineName, Machines, Name, Overrides
from ffnet3d.cli.runs import starter

SIXFOLD_EXAMPLES = """Examples:

  ffnet3d sixfold -c ffnet3d -D /data/s3dis -g 4\n
  ffnet3d sixfold -c ffnet3d -D /data/s3dis -g 4 --fold 1,2,3    (the others on another machine)\n
  ffnet3d sixfold -d demo -c ffnet3d-quick                       (the demo rooms, on a CPU)\n
  ffnet3d sixfold --records records                              (Area_1.pth to Area_6.pth made elsewhere)
"""
RESULTS_EXAMPLES = """Examples:

  ffnet3d results exp/s3dis/ffnet3d-sixfold exp/scannet/ffnet3d-seeds exp/scannet200/first --out docs\n
  ffnet3d results                            (what the paper claims, and nothing else)
"""


@app.command(epilog=SIXFOLD_EXAMPLES)
def sixfold(
    context: typer.Context,
    config: Annotated[
        str | None, typer.Option("-c", "--config", help="configs/DATASET/CONFIG.py, or a file.")
    ] = None,
    dataset: Annotated[
        str, typer.Option("-d", "--dataset", help="Folder of configs/: s3dis, demo.")
    ] = "s3dis",
    name: Name = None,
    gpus: Devices = None,
    weights: Annotated[Path | None, typer.Option("-w", "--weights", help="Checkpoint to start from.")] = None,
    machines: Machines = 1,
    engine: EngineName = "auto",
    data_root: DataRoot = None,
    fold: Annotated[
        list[str] | None, typer.Option(help="Folds to run here, such as 4 or 1,3; all six by default.")
    ] = None,
    seeds: Annotated[int | None, typer.Option(help="The six folds with so many seeds.")] = None,
    last: Annotated[
        bool, typer.Option("--last", help="Test the last checkpoint, not the best on the tested area.")
    ] = False,
    records: Annotated[
        Path | None, typer.Option(help="Only collect: folder with Area_1.pth to Area_6.pth.")
    ] = None,
    overrides: Overrides = None,
) -> None:
    """Train and test the six folds of S3DIS, go on where that was stopped, and print the table."""
    from ffnet3d.engine.experiments import run
    from ffnet3d.engine.experiments.sixfold import parse_folds
    from ffnet3d.engine.launch import TrainRequest

    if records is not None:
        check_alone(context)
        typer.echo(run.sum_up_records(records))
        return
    request = TrainRequest(
        dataset=dataset,
        config=config,
        name=name,
        devices=gpus,
        machines=machines,
        weights=weights,
        data_root=data_root,
        overrides=tuple(overrides or ()),
    )
    start, areas = starter(engine), parse_folds(fold or ())
    if seeds is None:
        typer.echo(run.run_sixfold(request, start, areas, last))
    else:
        typer.echo(run.run_sixfold_seeds(request, start, seeds, areas, last))


def check_alone(context: typer.Context) -> None:
    """ValueError where something is given besides --records, which starts no run."""
    sources = {name: context.get_parameter_source(name) for name in context.params if name != "records"}
    if any(source is not None and source.name == "COMMANDLINE" for source in sources.values()):
        raise ValueError("--records only collects: leave -c, --fold, key=value and all else out")


@app.command(epilog=RESULTS_EXAMPLES)
def results(
    runs: Annotated[
        list[Path] | None, typer.Argument(metavar="[RUN]...", help="Folders of tested runs, seeds, 6-folds.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder to write results.md and results.json into.")
    ] = None,
) -> None:
    """Make the page of results: what was run, how each number came about, and what the paper claims."""
    from ffnet3d.engine.experiments.results_page import make_results

    typer.echo(make_results(runs or [], out))
