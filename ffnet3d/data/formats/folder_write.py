"""Folders that are whole or not there."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path


def write_folder(folder: Path, fill: Callable[[Path], None]) -> None:
    """Replace `folder` by what `fill` puts into an empty one, once that is done.

    A kill at any moment leaves a whole folder there, or none. ValueError where a file is there.
    """
    if folder.is_file():
        raise ValueError(f"{folder}: a file is in the way of the folder")
    folder.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        staging.chmod(0o755)
        fill(staging)
        former = None
        if folder.exists():
            former = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
            os.replace(folder, former)
        os.replace(staging, folder)
        if former is not None:
            shutil.rmtree(former, ignore_errors=True)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
