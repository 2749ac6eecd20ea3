"""What a LAS or LAZ file must keep before a library may read it: sizes within the file.

The library trusts counts and lengths, and would take memory or time for whatever they say.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from ffnet3d.data.formats.laz_chunks import check_chunks, parse_compression

LEGACY = struct.Struct("<4s90xHIIBHI")
"""Signature, size of the header, offset of the points, number of VLRs, format, size and number of points."""
LATER = struct.Struct("<QIQ")  # at byte 235, from version 1.4: start and number of the extended VLRs; points


class Record(NamedTuple):
    """A variable length record (VLR)."""

    user: bytes
    number: int
    position: int
    size: int


def check_header(file: Path) -> None:
    """ValueError where the file is no LAS, or its header promises more than the file holds."""
    size = file.stat().st_size
    with file.open("rb") as stream:
        head = stream.read(375)
        if len(head) < 227 or head[:4] != b"LASF":
            raise ValueError(f"{file}: not a LAS file: it does not begin with a LAS header")
        _, header_size, offset, num_records, code, row, count = LEGACY.unpack_from(head)
        if not 227 <= header_size <= offset <= size:
            raise _cut_off(file, f"a header of {header_size} bytes, points from byte {offset}", size)
        version = head[24], head[25]
        if version >= (1, 4) and header_size >= 375 <= len(head):
            start, num_extended, count = LATER.unpack_from(head, 235)
            list(_records(file, stream, start, size, num_extended, 60))
        elif version >= (1, 4):
            raise ValueError(f"{file}: a header of version 1.4 has 375 bytes, not {header_size}")
        records = list(_records(file, stream, header_size, offset, num_records, 54))
        if code & 0xC0:
            _check_compressed(file, stream, records, offset, row, count)
        elif count * row > size - offset:
            raise _cut_off(file, f"{count} points of {row} bytes from byte {offset}", size)


def _cut_off(file: Path, promise: str, size: int) -> ValueError:
    return ValueError(
        f"{file}: the header promises {promise}, but the file has {size} bytes; perhaps a copy was cut off, "
        "download it again"
    )


def _records(file: Path, stream: BinaryIO, start: int, stop: int, count: int, head: int) -> Iterator[Record]:
    """The records that begin at a byte; ValueError where they do not end before `stop`."""
    if count and start + count * head > stop:
        raise ValueError(f"{file}: {count} records from byte {start} do not fit before byte {stop}")
    for _ in range(count):
        stream.seek(start)
        layout = struct.Struct("<2x16sHQ" if head == 60 else "<2x16sHH")
        data = stream.read(layout.size)
        if len(data) < layout.size:
            raise ValueError(f"{file}: the record at byte {start} is cut off")
        user, number, length = layout.unpack(data)
        if start + head + length > stop:
            raise ValueError(f"{file}: the record at byte {start} has {length} bytes, beyond byte {stop}")
        yield Record(user.rstrip(b"\0"), number, start + head, length)
        start += head + length


def _check_compressed(
    file: Path, stream: BinaryIO, records: list[Record], offset: int, row: int, count: int
) -> None:
    """ValueError where the chunks of a LAZ file cannot hold the points."""
    data = b""
    for record in records:
        if record.user == b"laszip encoded" and record.number == 22204:
            stream.seek(record.position)
            data = stream.read(record.size)
            break
    compression = parse_compression(file, data)
    if compression.row != row:
        raise ValueError(f"{file}: its points have {row} bytes, but {compression.row} when decompressed")
    if count and compression.chunked:
        check_chunks(file, stream, compression, offset, count)
