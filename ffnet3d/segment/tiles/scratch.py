"""Records of one kind in a scratch file that vanishes with the process, killed or not.

Where the system allows it the file has no name from the start, elsewhere the system deletes it when it is
closed: nothing is ever left to clean up.
"""

from __future__ import annotations

import errno
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike, NDArray


class RecordFile:
    """An array [n] on disk that grows, and is read and written again in runs.

    Args:
        folder: where the file goes.
        dtype: of a record.
    """

    def __init__(self, folder: Path, dtype: DTypeLike) -> None:
        self.dtype = np.dtype(dtype)
        self.length = 0
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115, closed by close()

    def append(self, records: NDArray) -> int:
        """Put records [n] at the end; the number of the first."""
        start = self.length
        self.write(start, records)
        self.length += len(records)
        return start

    def write(self, start: int, records: NDArray) -> None:
        """Put records [n] in the place of those from `start` on."""
        self._file.seek(start * self.dtype.itemsize)
        self._file.write(np.ascontiguousarray(records, dtype=self.dtype).view(np.uint8).data)

    def read(self, start: int, count: int) -> NDArray:
        """The records start..start + count - 1."""
        self._file.seek(start * self.dtype.itemsize)
        records = np.empty(count, dtype=self.dtype)
        if self._file.readinto(records.view(np.uint8).data) != records.nbytes:
            raise OSError(errno.EIO, "a scratch file is shorter than what was written to it")
        return records

    def close(self) -> None:
        """Give the disk's space back."""
        self._file.close()


def mapped_array(folder: Path, length: int, dtype: DTypeLike, fill: float) -> NDArray:
    """An array [length] of a scratch file's pages; they leave memory when it gets short."""
    with tempfile.TemporaryFile(dir=folder) as file:
        mapped: NDArray = np.memmap(file, dtype=dtype, mode="w+", shape=(length,))
    mapped[:] = fill
    return mapped


def check_space(folder: Path, needed: int) -> None:
    """ValueError where the disk of `folder` has not `needed` bytes."""
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise ValueError(
            f"the scan needs {needed / 1e9:.2f} GB of scratch space, {folder} has {free / 1e9:.2f} GB: name "
            "a folder on a larger disk with --scratch"
        )


@contextmanager
def naming_full_disk(folder: Path) -> Iterator[None]:
    """Turn the system's word for a full disk into a ValueError that names the folder and the remedy."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise ValueError(
            f"the disk of {folder} is full: name a folder on a larger disk with --scratch"
        ) from error
