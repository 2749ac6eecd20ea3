"""Files and folders that are whole or not there: a crash, a kill or a full disk leaves the former one."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO


def write_atomic(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Replace the file `path` by what `write(file)` puts into it, once all of that is on the disk.

    The bytes go to `path` + ".tmp" first; what an interrupted write leaves there, the next one overwrites.
    Raises OSError naming `path` where the disk is full or may not be written; the former file then stays.
    """
    temporary = path.with_name(f"{path.name}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        sync_folder(path.parent)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        kept = "; the former file is untouched" if path.exists() else ""
        raise OSError(error.errno, f"cannot write {path}: {error.strerror or error}{kept}") from error
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_folder(folder: Path, fill: Callable[[Path], object]) -> None:
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


def sync_folder(folder: Path) -> None:
    """Put a folder's entries on the disk, where the system can: a rename lives in the folder."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
