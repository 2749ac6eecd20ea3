"""The progress bar of a run."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeVar, cast

from ffnet3d.registry import require

if TYPE_CHECKING:
    from lightning_fabric import Fabric

T = TypeVar("T")


def progress(
    items: Iterable[T], label: str, fabric: Fabric, initial: int = 0, total: int | None = None
) -> Iterable[T]:
    """`items`, with a bar on rank 0 where its stderr is a terminal."""
    bar = require("tqdm", "train").tqdm
    hidden = None if fabric.is_global_zero else True  # None: hidden unless on a terminal
    shown = bar(items, desc=label, initial=initial, total=total, disable=hidden, leave=False)
    return cast("Iterable[T]", shown)
