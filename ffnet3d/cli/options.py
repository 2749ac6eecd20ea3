"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

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


def parse_flag(option: str, value: str) -> bool:
    """`true` or `false` as the scripts of Pointcept spell them; ValueError otherwise."""
    if value.lower() not in ("true", "false"):
        raise ValueError(f"{option} takes true or false, not {value!r}")
    return value.lower() == "true"


def split_names(text: str | None) -> tuple[str, ...] | None:
    """Names between commas."""
    return None if text is None else tuple(name.strip() for name in text.split(","))
