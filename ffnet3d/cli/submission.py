"""Submissions to ScanNet's benchmarks: made of a finished test, and checked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ffnet3d.cli.app import app
from ffnet3d.cli.options import Name

if TYPE_CHECKING:
    from ffnet3d.engine.run_folder import RunFolder

EXAMPLES = """Examples:

  ffnet3d test -d scannet -n first data.test.split=test    (predicts the 100 test scenes)\n
  ffnet3d submit -d scannet -n first    (makes exp/scannet/first/result/submission.zip of them)\n
  ffnet3d submit exp/scannet200/second\n
  ffnet3d submit --check submission.zip -d scannet200 -D data/scannet
"""
DATA_HELP = "Folder of the scenes: their points are counted, and the lines of the zip must be as many."
BENCHMARKS = {"scannet": "ScanNetDataset", "scannet200": "ScanNet200Dataset"}


@app.command(epilog=EXAMPLES)
def submit(
    run: Annotated[
        Path | None, typer.Argument(metavar="RUN", help="Folder of the tested run, or -d and -n.")
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option("-d", "--dataset", help="scannet or scannet200 (--check without it: by the ids)."),
    ] = None,
    name: Name = None,
    data_root: Annotated[
        Path | None, typer.Option("-D", "--data-root", metavar="ROOT", help=DATA_HELP)
    ] = None,
    check: Annotated[
        Path | None,
        typer.Option("--check", metavar="ZIP", help="Say what is wrong with this zip; then status 2."),
    ] = None,
) -> None:
    """Make the zip that ScanNet's benchmark takes, from the predictions of a finished test, and check it."""
    if check is not None:
        if run is not None or name is not None:
            raise ValueError("--check takes a zip alone: leave the run away")
        typer.echo(check_zip(check, dataset, data_root))
        return
    from ffnet3d.engine.submission import submit_run

    report = submit_run(tested_run(run, dataset, name), data_root)
    typer.echo(report.describe())


def tested_run(run: Path | None, dataset: str | None, name: str | None) -> RunFolder:
    """The run that the command names, by its folder or by -d and -n; ValueError where neither is whole."""
    from ffnet3d.engine.launch import run_folder
    from ffnet3d.engine.run_folder import RunFolder

    if run is not None and dataset is None and name is None:
        return RunFolder(run)
    if run is None and dataset is not None and name is not None:
        return run_folder(dataset, name)
    raise ValueError("name a tested run: its folder, or -d DATASET -n NAME; or a zip with --check")


def check_zip(file: Path, dataset: str | None, data_root: Path | None) -> str:
    """That a zip can be uploaded; ValueError with all that is wrong with it."""
    from ffnet3d.data.scannet_ids import TEST_SCENES
    from ffnet3d.engine.submission_check import (
        absent_scenes,
        judge_submission,
        listed,
        points_on_disk,
    )

    if dataset is not None and dataset not in BENCHMARKS:
        raise ValueError(f"-d {dataset}: {' and '.join(BENCHMARKS)} have a benchmark")
    points = {} if data_root is None else points_on_disk(data_root, TEST_SCENES)
    absent = [] if data_root is None else absent_scenes(data_root, points)
    verdict = judge_submission(file, None if dataset is None else BENCHMARKS[dataset], points)
    taken = f" (taken for {_name(verdict.dataset)}: {verdict.why}; -d names another)" if verdict.why else ""
    if problems := [*absent, *verdict.problems]:
        raise ValueError(f"{file} cannot be uploaded: {listed(problems)}{taken}")
    counted = "lines counted" if points else "lines not counted (-D ROOT does)"
    return f"{file} can be uploaded: {len(TEST_SCENES)} scenes, {counted}{taken}"


def _name(dataset: str) -> str:
    """What -d calls a type of data set."""
    return next(name for name, kind in BENCHMARKS.items() if kind == dataset)
