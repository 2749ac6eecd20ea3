"""The `ffnet3d` command: train, test, info, make-demo, import-release, export-release and bench.

A mistake of the user ends in one line on stderr (after the usage, where the words are no command) and exit
status 2.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ffnet3d.engine.run_folder import RunFolder

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="FFNet for 3D: segment indoor point clouds with a pure convolutional network.",
)

INTERRUPTED = 130  # exit status after Ctrl-C, as shells have it

TRAIN_EXAMPLES = """Examples:

  ffnet3d train -d demo -c ffnet3d\n
  ffnet3d train -d scannet -c ffnet3d-tiny -D /data/scannet -n first epoch=40\n
  ffnet3d train -d s3dis -c ffnet3d -g 4 batch_size=8 clip_grad=1.0\n
  ffnet3d train -d demo -c ffnet3d -r true        (go on after an interruption)\n
  POINTCEPT_ROOT=~/Pointcept ffnet3d train -d scannet -c ffnet3d -e pointcept -g 4
"""
TEST_EXAMPLES = """Examples:

  ffnet3d test -d demo -n ffnet3d\n
  ffnet3d test -d scannet -n first -w model_last -D /data/scannet
"""
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
BENCH_EXAMPLES = """Examples:

  ffnet3d bench --quick                             (half a minute: where does this machine stand?)\n
  ffnet3d bench --sizes 20k,100k,500k --out docs    (all of it, and docs/performance.md brought up to date)\n
  ffnet3d bench --what network,training --threads 1 --repeats 5\n
  ffnet3d bench --what network --scene /data/s3dis/Area_3/hallway_3 --grid-size 0.02
"""

Dataset = Annotated[
    str, typer.Option("-d", "--dataset", help="Folder of configs/: demo, scannet, scannet200, s3dis.")
]
Devices = Annotated[int | None, typer.Option("-g", "--gpus", help="GPUs (or CPU processes) on each machine.")]
Machines = Annotated[int, typer.Option("-m", "--machines", help="Machines that take part.")]
DataRoot = Annotated[Path | None, typer.Option("-D", "--data-root", help="Folder of the scenes.")]
Overrides = Annotated[
    list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="Config values to override.")
]
EngineName = Annotated[
    str, typer.Option("-e", "--engine", help="auto, standalone, or pointcept (docs/pointcept.md).")
]
Name = Annotated[str | None, typer.Option("-n", "--name", help="Run: results go to exp/DATASET/NAME.")]


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
    launcher(engine, request.folder if request.resume else None).run_training(request)


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
    overrides: Overrides = None,
) -> None:
    """Test a trained network: vote over views and fragments, label every point, write a report."""
    from ffnet3d.engine.launch import TestRequest

    request = TestRequest(
        dataset=dataset,
        name=name,
        weights=weights,
        config=config,
        devices=gpus,
        machines=machines,
        data_root=data_root,
        overrides=tuple(overrides or ()),
    )
    launcher(engine).run_testing(request)


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


def launcher(engine: str, resumed: RunFolder | None = None) -> ModuleType:
    """The launcher of the engine that -e names; says which engine it is where there is a choice."""
    from ffnet3d.engines import choose_engine

    choice = choose_engine(engine, resumed)
    if choice.why:
        typer.echo(f"Engine: {choice.name} ({choice.why})", err=True)
    return choice.launcher()


def parse_flag(option: str, value: str) -> bool:
    """`true` or `false` as the scripts of Pointcept spell them; ValueError otherwise."""
    if value.lower() not in ("true", "false"):
        raise ValueError(f"{option} takes true or false, not {value!r}")
    return value.lower() == "true"


def main() -> None:
    """Run the command; a ValueError, a missing extra or an unreadable file ends in one line and status 2.

    The traceback goes to the run's log, for whoever wants to know more.
    """
    try:
        app()
    except SystemExit as stop:
        if stop.code == INTERRUPTED:
            typer.echo("ffnet3d: interrupted; train with -r true to go on from the last checkpoint", err=True)
        raise
    except RuntimeError as error:
        # PyTorch's writer, broken off within a checkpoint, hides the interrupt behind its own error.
        if not isinstance(error.__context__, KeyboardInterrupt):
            raise
        typer.echo("ffnet3d: interrupted while writing a checkpoint; the former one stands", err=True)
        sys.exit(INTERRUPTED)
    except (ValueError, ImportError, OSError) as error:
        logging.getLogger("ffnet3d").debug("The run ended with an error", exc_info=error)
        message = " ".join(str(error).split())
        typer.echo(f"ffnet3d: {message}", err=True)
        sys.exit(2)
