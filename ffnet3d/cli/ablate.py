"""What the parts of the network are worth."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ffnet3d.cli.app import app
from ffnet3d.cli.options import DataRoot, Overrides, split_names

ABLATE_EXAMPLES = """Examples:

  ffnet3d ablate --list\n
  ffnet3d ablate --out ablation          (all variants, about 40 minutes on two cores)\n
  ffnet3d ablate --variants ffnified,depthwise-7,hybrid --seconds 40 --seeds 5\n
  ffnet3d ablate --variants ffnified,relu --steps 200 scheduler.max_lr=0.003\n
  ffnet3d ablate -d scannet -D /data/scannet --variants ffnet3d-tiny,ffnet3d-lite --seconds 600
"""
DEFAULT_STEPS, DEFAULT_SECONDS = 50, 45.0


@app.command(epilog=ABLATE_EXAMPLES)
def ablate(
    dataset: Annotated[
        str, typer.Option("-d", "--dataset", help="Folder of configs/: demo, scannet, scannet200, s3dis.")
    ] = "demo",
    config: Annotated[
        str | None,
        typer.Option(
            "-c", "--config", help="configs/DATASET/CONFIG.py, or a file; ffnet3d-ablation or ffnet3d-tiny."
        ),
    ] = None,
    data_root: DataRoot = None,
    variants: Annotated[
        str | None, typer.Option(help="Variants or presets, separated by commas; all variants by default.")
    ] = None,
    steps: Annotated[
        int | None, typer.Option(help="Budget: optimizer steps, the same for every variant.")
    ] = None,
    seconds: Annotated[
        float | None, typer.Option(help="Budget: CPU seconds of training, the same for every variant.")
    ] = None,
    seeds: Annotated[int, typer.Option(help="Trainings of each variant and budget.")] = 3,
    workers: Annotated[
        int | None, typer.Option(help="Trainings at once, on one thread each; the usable cores by default.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder of the records, the page and the figure.")] = Path(
        "exp/ablation"
    ),
    listing: Annotated[bool, typer.Option("--list", help="Print the variants, and do nothing.")] = False,
    overrides: Overrides = None,
) -> None:
    """Train variants of the network on equal budgets, several seeds each, and print mean and spread.

    Without --steps and --seconds both budgets are run: 50 steps, and 45 CPU seconds. Ctrl-C leaves the
    tables of what is done; the same command goes on. Exit status 1: a training failed, which is listed and
    stops no other.
    """
    from ffnet3d.analysis.ablation.budget import SECONDS, STEPS, Budget
    from ffnet3d.analysis.ablation.run import AblationRequest, run_ablation
    from ffnet3d.analysis.ablation.variants import list_variants

    if listing:
        typer.echo(list_variants())
        return
    if steps is None and seconds is None:
        steps, seconds = DEFAULT_STEPS, DEFAULT_SECONDS
    amounts = {STEPS: steps, SECONDS: seconds}
    told = run_ablation(
        AblationRequest(
            dataset=dataset,
            out=out,
            budgets=tuple(Budget(kind, amount) for kind, amount in amounts.items() if amount is not None),
            config=config,
            variants=split_names(variants),
            seeds=seeds,
            workers=workers,
            data_root=data_root,
            overrides=tuple(overrides or ()),
        )
    )
    typer.echo(told.text)
    if told.failed:
        raise typer.Exit(1)
