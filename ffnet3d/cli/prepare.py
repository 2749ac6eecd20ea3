"""Raw data sets to scene folders."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ffnet3d.cli.app import app

if TYPE_CHECKING:
    from ffnet3d.data.prepare import Summary

prepare_app = typer.Typer(
    no_args_is_help=True,
    help="Turn a raw data set into scene folders; started again, it goes on.",
    context_settings={"token_normalize_func": str.lower},  # S3DIS is s3dis
)
app.add_typer(prepare_app, name="prepare")

SHOWN = 20  # kinds of repairs on the screen; the manifest has all repairs
VARYING = re.compile(r"""'[^']*'|"[^"]*"|\S*/\S*|\d+""")  # what differs in repairs of one kind
SCANNET_EXAMPLES = """Examples:

  ffnet3d prepare scannet /downloads/scannet data/scannet\n
  ffnet3d prepare scannet /downloads/scannet/scans data/scannet --workers 4\n
  ffnet3d prepare scannet200 /downloads/scannet data/scannet --labels scannetv2-labels.combined.tsv

SOURCE holds scans/ and scans_test/, with SCENE_vh_clean_2.ply, SCENE_vh_clean_2.0.010000.segs.json and
SCENE.aggregation.json (or SCENE_vh_clean_2.labels.ply: 20 classes only) in a folder a scene. scannet and
scannet200 are the same preparation: segment20.npy and segment200.npy lie side by side.
"""
S3DIS_EXAMPLES = """Examples:

  ffnet3d prepare s3dis /downloads/Stanford3dDataset_v1.2 data/s3dis\n
  ffnet3d prepare s3dis /downloads/Stanford3dDataset_v1.2 data/s3dis --meshes /downloads/2D-3D-S-noXYZ\n
  ffnet3d prepare s3dis /downloads/Stanford3dDataset_v1.2_Aligned_Version data/s3dis-aligned --no-normals

SOURCE holds Area_1 to Area_6, or some of them, with ROOM/Annotations/CLASS_NUMBER.txt. Where it has
Area_N_alignmentAngle.txt, rooms are turned by the angles in it, as Pointcept's --align_angle does.
"""

Source = Annotated[Path, typer.Argument(help="Folder of the raw data set; nothing in it is changed.")]
Target = Annotated[Path, typer.Argument(help="Root of the scene folders: new, or begun by this command.")]
Workers = Annotated[int | None, typer.Option(help="Processes (default: one for each core).")]


@prepare_app.command("scannet200", help="The same as scannet.", epilog=SCANNET_EXAMPLES)
@prepare_app.command("scannet", epilog=SCANNET_EXAMPLES)
def prepare_scannet_command(
    source: Source,
    target: Target,
    workers: Workers = None,
    labels: Annotated[
        Path | None,
        typer.Option(help="Label table (default: scannetv2-labels.combined.tsv of SOURCE, or built in)."),
    ] = None,
) -> None:
    """ScanNet's meshes: points, colours, normals, labels of 20 and 200 classes, instances."""
    from ffnet3d.data.prepare.scannet import prepare_scannet

    workers = chosen_workers(workers)
    report(prepare_scannet(source, target, labels=labels, workers=workers, say=typer.echo))


@prepare_app.command("s3dis", epilog=S3DIS_EXAMPLES)
def prepare_s3dis_command(
    source: Source,
    target: Target,
    workers: Workers = None,
    align: Annotated[bool, typer.Option(help="Turn rooms by their alignment angle, if there is one.")] = True,
    meshes: Annotated[
        Path | None, typer.Option(help="2D-3D-S (noXYZ): take normals from area_N/3d/rgb.obj in it.")
    ] = None,
    normals: Annotated[bool, typer.Option(help="Estimate normals where no meshes are given.")] = True,
) -> None:
    """S3DIS: points, colours, normals, labels of the 13 classes, instances."""
    from ffnet3d.data.prepare.places import check_target
    from ffnet3d.data.prepare.s3dis import describe, prepare_s3dis

    workers = chosen_workers(workers)
    lines = describe(source, align, meshes, normals)
    check_target(source, target, "s3dis")
    typer.echo("\n".join(lines))
    options: dict[str, Any] = {"aligned": align, "meshes": meshes, "normals": normals}
    report(prepare_s3dis(source, target, **options, workers=workers, say=typer.echo))


def chosen_workers(workers: int | None) -> int:
    """The option's value, or the cores that this process may use; ValueError for none."""
    if workers is not None and workers < 1:
        raise ValueError(f"--workers must be 1 or more, got {workers}")
    from ffnet3d.processes import usable_cores

    return workers or usable_cores()


def report(summary: Summary) -> None:
    """Say what was prepared, repaired and failed; exit with status 2 if any scene failed."""
    for split in summary.splits:
        counts = (f"{len(summary.of(state, split))} {state}" for state in ("prepared", "skipped", "failed"))
        typer.echo(f"{split}: {', '.join(counts)}")
    repairs = [repair for outcome in summary.outcomes for repair in outcome.repairs]
    listed(f"Repairs ({len(repairs)}, all in the manifest)", by_kind(repairs))
    typer.echo(f"Manifest: {summary.manifest}")
    for note in summary.notes:
        typer.echo(f"NOTE: {note}")
    failed = [f"{outcome.job.name}: {outcome.message}" for outcome in summary.of("failed")]
    if failed:
        others = ", all others are whole" if len(failed) < len(summary.outcomes) else ""
        typer.echo(f"Failed ({len(failed)}){others}:", err=True)
        for line in failed:
            typer.echo(f"  {line}", err=True)
        raise typer.Exit(2)


def by_kind(repairs: list[str]) -> list[str]:
    """The first repair of each kind, and how many are like it but for numbers, names and files."""
    kinds: dict[str, list[str]] = {}
    for repair in repairs:
        kinds.setdefault(VARYING.sub("", repair.partition(": ")[2]), []).append(repair)
    return [f"{one[0]} (and {len(one) - 1} alike)" if one[1:] else one[0] for one in kinds.values()]


def listed(title: str, lines: list[str]) -> None:
    """The first lines under a title; nothing where there are none."""
    if lines:
        typer.echo(f"{title}:")
        for line in lines[:SHOWN]:
            typer.echo(f"  {line}")
    if len(lines) > SHOWN:
        typer.echo(f"  ... and {len(lines) - SHOWN} kinds more")
