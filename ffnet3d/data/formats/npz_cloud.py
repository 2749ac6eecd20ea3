"""A `.npz` archive of points: its arrays in chunks, and the archive written again with arrays added."""

from __future__ import annotations

import shutil
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from io import RawIOBase
from pathlib import Path
from typing import IO, BinaryIO, cast

from ffnet3d.atomic import write_atomic
from ffnet3d.data.formats.arrays_cloud import ArraysCloud
from ffnet3d.data.formats.cloud import CHUNK, Addition
from ffnet3d.data.formats.stored_array import StoredArray, stored_array

METHODS = (
    zipfile.ZIP_STORED,
    zipfile.ZIP_DEFLATED,
)  # NumPy's; others unpack more at a time than is asked for
MAX_MEMBERS = 1024
MAX_FACTOR = 100
FREE = 2**28  # bytes
"""All members together may unpack to 100 times the archive and 256 MiB."""

FAULTS = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    RuntimeError,
    ValueError,
    OverflowError,
    struct.error,
    OSError,
)
"""What zipfile raises for damaged archives."""


class NpzCloud(ArraysCloud):
    """An archive with an array `coord`, `xyz`, `points` or `pos` [N, 3], and `color`, `normal`, `label` ...

    ValueError naming the archive and member that is damaged, and where members promise to unpack to over 100
    times the archive and 256 MiB.
    """

    def __init__(self, file: Path) -> None:
        with _faults(file), zipfile.ZipFile(file) as archive:
            self.members = archive.infolist()
        _check_members(file, self.members)
        arrays = [one for one in self.members if one.filename.endswith(".npy")]
        super().__init__(file, {one.filename[: -len(".npy")]: self._array(file, one) for one in arrays})

    def copy(self, out: Path, added: Addition, rows: int = CHUNK) -> None:
        """Write the archive again with all its members, and one for each new column.

        label_red, label_green and label_blue become label_color [N, 3]; new members are packed as the first.
        """
        arrays = self.new_arrays(added)

        def write(stream: BinaryIO) -> None:
            with zipfile.ZipFile(stream, "w") as archive:
                for member in self.members:
                    name = member.filename[: -len(".npy")]
                    with _new_member(archive, member.filename, member.compress_type) as target:
                        if self.is_replaced(name, added):
                            self.write_replaced(target, name, added, rows)
                        else:
                            with _Member(self.file, member) as source:
                                shutil.copyfileobj(source, target)
                for name, array in arrays.items():
                    with _new_member(archive, f"{name}.npy", self.members[0].compress_type) as target:
                        self.write_new(target, array, added, rows)

        write_atomic(out, write)

    @staticmethod
    def _array(file: Path, member: zipfile.ZipInfo) -> StoredArray:
        where = _where(file, member)
        return stored_array(where, member.file_size, lambda: cast("IO[bytes]", _Member(file, member)))


class _Member(RawIOBase):
    """A member's bytes, unpacked as they are read; ValueError where the archive is damaged."""

    def __init__(self, file: Path, member: zipfile.ZipInfo) -> None:
        self.where = _where(file, member)
        with _faults(self.where), ExitStack() as stack:
            archive = stack.enter_context(zipfile.ZipFile(file))
            self.stream = stack.enter_context(archive.open(member))
            self.opened = stack.pop_all()

    def read(self, size: int = -1) -> bytes:
        with _faults(self.where):
            return self.stream.read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        with _faults(self.where):
            return self.stream.seek(offset, whence)

    def __exit__(self, *_: object) -> None:
        self.opened.close()
        self.close()


def _new_member(archive: zipfile.ZipFile, name: str, method: int) -> IO[bytes]:
    info = zipfile.ZipInfo(name)  # of 1980: equal contents give equal archives
    info.compress_type = method
    info.external_attr = 0o644 << 16
    return archive.open(info, "w", force_zip64=True)


def _where(file: Path, member: zipfile.ZipInfo) -> Path:
    """Archive and member, for errors."""
    return Path(f"{file}/{member.filename}")


@contextmanager
def _faults(where: Path) -> Iterator[None]:
    """What is wrong with an archive, as a ValueError that names it."""
    try:
        yield
    except FAULTS as error:
        raise ValueError(f"{where}: a damaged archive ({error}); perhaps a copy was cut off") from error


def _check_members(file: Path, members: list[zipfile.ZipInfo]) -> None:
    """ValueError for an archive that is not one of arrays, or unpacks to far more than its own size."""
    names = [member.filename for member in members]
    if not names or len(names) > MAX_MEMBERS or len(set(names)) < len(names):
        raise ValueError(f"{file}: needs 1 to {MAX_MEMBERS} members of different names, got {len(names)}")
    promised, most = sum(member.file_size for member in members), MAX_FACTOR * file.stat().st_size + FREE
    if promised > most:
        raise ValueError(
            f"{file}: its members promise to unpack to {promised} bytes, beyond the {most} of a file of this "
            "size; save it again without compression"
        )
    for member in members:
        if member.compress_type not in METHODS or member.flag_bits & 1:
            raise ValueError(
                f"{_where(file, member)}: packed or encrypted in a way that NumPy does not write"
            )
