"""How a network bears corrupted scenes: `robustness`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ffnet3d.cli.app import app
from ffnet3d.cli.options import DataRoot, Dataset, Overrides, split_names

EXAMPLES = """Examples:

  ffnet3d robustness -d demo -n quick\n
  ffnet3d robustness -d scannet -n first -D /data/scannet --corruption noise,holes --severity 1,3 --rooms 9\n
  ffnet3d robustness -d demo -n quick -n wide -o compared     (two networks in one figure)\n
  ffnet3d robustness -d s3dis -n first -w model_last --part val\n
  ffnet3d robustness -d scannet -n other -c ffnet3d -w other.pth\n

Corruptions: noise, dropout, density, holes, outliers, color_missing, color_noise, normal_missing,
normal_noise, rotation_z, rotation, scale, grid (docs/robustness.md).
"""


@app.command(epilog=EXAMPLES)
def robustness(
    dataset: Dataset,
    name: Annotated[
        list[str], typer.Option("-n", "--name", help="Run: exp/DATASET/NAME; several are compared.")
    ],
    weights: Annotated[
        str, typer.Option("-w", "--weights", help="Checkpoint: a name in model/, or a file.")
    ] = "model_best",
    config: Annotated[
        str | None, typer.Option("-c", "--config", help="Config; the run's own by default.")
    ] = None,
    data_root: DataRoot = None,
    corruption: Annotated[
        str | None, typer.Option(metavar="NAMES", help="Such as noise,outliers; all by default.")
    ] = None,
    severity: Annotated[
        str, typer.Option(metavar="NUMBERS", help="Of 1 (mild) to 5 (severe).")
    ] = "1,2,3,4,5",
    seed: Annotated[int, typer.Option(help="Of the corruptions' random draws.")] = 0,
    rooms: Annotated[
        int | None, typer.Option(metavar="N", help="So many scenes, evenly spread; all by default.")
    ] = None,
    part: Annotated[
        str, typer.Option(metavar="test|val", help="Whose scenes: data.test or data.val.")
    ] = "test",
    out: Annotated[
        Path | None,
        typer.Option(
            "-o", "--out", help="Folder of table and figure; exp/DATASET/NAME/robustness by default."
        ),
    ] = None,
    overrides: Overrides = None,
) -> None:
    """Corrupt the test scenes of a trained network step by step, and see how its mIoU falls.

    Each scene is predicted in one pass with the transforms of data.val, without test-time views. Interrupted,
    the same command goes on with what is left.
    """
    from ffnet3d.analysis.robustness.request import RobustnessRequest, run_robustness

    request = RobustnessRequest(
        dataset=dataset,
        names=tuple(name),
        weights=weights,
        config=config,
        data_root=data_root,
        corruptions=split_names(corruption),
        severities=parse_severities(severity),
        seed=seed,
        rooms=rooms,
        part=part,
        out=out,
        overrides=tuple(overrides or ()),
    )
    typer.echo(run_robustness(request))


def parse_severities(text: str) -> tuple[int, ...]:
    """Whole numbers between commas; ValueError otherwise."""
    words = split_names(text) or ()
    if not all(word.isascii() and word.isdigit() for word in words):
        raise ValueError(f"--severity {text}: give numbers of 1 to 5 between commas, such as 1,3,5")
    return tuple(int(word) for word in words)
