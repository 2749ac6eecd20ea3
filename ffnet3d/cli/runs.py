"""Training and testing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Annotated

import typer

from ffnet3d.cli.app import app
from ffnet3d.cli.options import DataRoot, Dataset, Devices, EngineName, Machines, Name, Overrides, parse_flag

if TYPE_CHECKING:
    from ffnet3d.engine.launch import TrainRequest
    from ffnet3d.engine.run_folder import RunFolder

TRAIN_EXAMPLES = """Examples:

  ffnet3d train -d demo -c ffnet3d\n
  ffnet3d train -d scannet -c ffnet3d-tiny -D /data/scannet -n first epoch=40\n
  ffnet3d train -d s3dis -c ffnet3d -g 4 batch_size=8 clip_grad=1.0\n
  ffnet3d train -d demo -c ffnet3d -r true        (go on after an interruption)\n
  ffnet3d train -d demo -c ffnet3d --seeds 3      (mean and spread of three runs)\n
  POINTCEPT_ROOT=~/Pointcept ffnet3d train -d scannet -c ffnet3d -e pointcept -g 4
"""
TEST_EXAMPLES = """Examples:

  ffnet3d test -d demo -n ffnet3d\n
  ffnet3d test -d scannet -n first -w model_last -D /data/scannet\n
  ffnet3d test -d scannet -n other -c ffnet3d -w other.pth     (a checkpoint from elsewhere)\n
  ffnet3d test -d demo -n ffnet3d --fast --compare 2
"""


@app.command(epilog=TRAIN_EXAMPLES)
def train(
    dataset: Dataset,
    config: Annotated[
        str | None, typer.Option("-c", "--config", help="configs/DATASET/CONFIG.py, or a file.")
    ] = None,
    name: Name = None,
    gpus: Devices = None,
    weights: Annotated[Path | None, typer.Option("-w", "--weights", help="Checkpoint to start from.")] = None,
    resume: Annotated[
        str, typer.Option("-r", "--resume", help="true: go on with the run of that name.")
    ] = "false",
    machines: Machines = 1,
    engine: EngineName = "auto",
    data_root: DataRoot = None,
    seeds: Annotated[
        int | None, typer.Option(help="So many runs of different seeds, their mean and spread.")
    ] = None,
    overrides: Overrides = None,
) -> None:
    """Train a network, test the best checkpoint, and write a report."""
    from ffnet3d.engine.launch import TrainRequest

    request = TrainRequest(
        dataset=dataset,
        config=config,
        name=name,
        devices=gpus,
        machines=machines,
        weights=weights,
        resume=parse_flag("-r", resume),
        data_root=data_root,
        overrides=tuple(overrides or ()),
    )
    if seeds is None:
        starter(engine)(request)
    else:
        from ffnet3d.engine.experiments.run import run_seeds

        typer.echo(run_seeds(request, starter(engine), seeds))


@app.command(epilog=TEST_EXAMPLES)
def test(
    dataset: Dataset,
    name: Annotated[str, typer.Option("-n", "--name", help="Run to test: exp/DATASET/NAME.")],
    weights: Annotated[
        str, typer.Option("-w", "--weights", help="Checkpoint: a name in model/, or a file.")
    ] = "model_best",
    config: Annotated[
        str | None, typer.Option("-c", "--config", help="Config; the run's own by default.")
    ] = None,
    gpus: Devices = None,
    machines: Machines = 1,
    engine: EngineName = "auto",
    data_root: DataRoot = None,
    fast: Annotated[
        bool, typer.Option("--fast", help="Predict each voxel once; results go to result/fast.")
    ] = False,
    compare: Annotated[
        int, typer.Option("--compare", metavar="N", help="With --fast: test N scenes in full, and compare.")
    ] = 0,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Test again what was tested with the same weights.")
    ] = False,
    probabilities: Annotated[
        bool, typer.Option("--probabilities", help="Write result/SCENE_prob.npy as well.")
    ] = False,
    submit: Annotated[
        bool, typer.Option("--submit", help="Write result/submit for the benchmark's server as well.")
    ] = False,
    overrides: Overrides = None,
) -> None:
    """Test a trained network: vote over views and fragments, label every point, write a report.

    Interrupted, the same command goes on with the scenes that are left.
    """
    from ffnet3d.engine.launch import TestRequest
    from ffnet3d.engine.testing.options import TestOptions

    request = TestRequest(
        dataset=dataset,
        name=name,
        weights=weights,
        config=config,
        devices=gpus,
        machines=machines,
        data_root=data_root,
        overrides=tuple(overrides or ()),
        options=TestOptions(fast, compare, fresh, probabilities, submit),
    )
    launcher(engine).run_testing(request)


def starter(engine: str) -> Callable[[TrainRequest], None]:
    """What does one training on the engine that -e names."""

    def start(request: TrainRequest) -> None:
        launcher(engine, request.folder if request.resume else None).run_training(request)

    return start


def launcher(engine: str, resumed: RunFolder | None = None) -> ModuleType:
    """The launcher of the engine that -e names; says which engine it is where there is a choice."""
    from ffnet3d.engines import choose_engine

    choice = choose_engine(engine, resumed)
    if choice.why:
        typer.echo(f"Engine: {choice.name} ({choice.why})", err=True)
    return choice.launcher()
