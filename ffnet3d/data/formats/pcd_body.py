"""The data of a PCD file as tables of rows, in each of its three encodings."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ffnet3d.data.formats.lzf import BLOCK, MAX_GAIN, RUN, decompress, literal_runs
from ffnet3d.data.formats.pcd_header import Header
from ffnet3d.data.formats.text_rows import parse_rows, read_lines


def check_size(file: Path, header: Header) -> None:
    """ValueError where the header promises more points than the file can hold."""
    left = file.stat().st_size - header.size
    row = header.row.itemsize
    if header.encoding == "ascii":
        most = (left + 1) // 2  # a digit and the end of a line
    elif header.encoding == "binary":
        most = left // row
    else:
        most = left * MAX_GAIN // row
    if header.num_points > most:
        raise ValueError(
            f"{file}: the header promises {header.num_points} points, the file holds {most} at most; "
            "perhaps a copy was cut off, download it again"
        )


def read_binary(file: Path, header: Header, rows: int) -> Iterator[np.ndarray]:
    """Rows of binary data, padding included."""
    with file.open("rb") as stream:
        stream.seek(header.size)
        for start in range(0, header.num_points, rows):
            wanted = min(rows, header.num_points - start)
            data = stream.read(wanted * header.row.itemsize)
            if len(data) < wanted * header.row.itemsize:
                raise ValueError(f"{file}: it became shorter while it was read")
            yield np.frombuffer(data, header.row)


def read_text(file: Path, header: Header, rows: int) -> Iterator[tuple[list[bytes], np.ndarray]]:
    """Lines with values, and these as rows; ValueError naming a line that is wrong."""
    done = 0
    for block in read_lines(file, header.size, len(header.lines) + 1):
        lines, numbers = block.rows()
        for start in range(0, len(lines), rows):
            part, where = lines[start : start + rows], numbers[start : start + rows]
            done += len(part)
            if done > header.num_points:
                surplus = where[len(part) - (done - header.num_points)]
                raise ValueError(
                    f"{file}:{surplus}: the header promises {header.num_points} points, more follow"
                )
            yield part, parse_rows(file, part, where, header.row, None)
    if done < header.num_points:
        raise ValueError(
            f"{file}: the header promises {header.num_points} points, the file holds {done}; perhaps a "
            "copy was cut off, download it again"
        )


@contextmanager
def decompressed(file: Path, header: Header) -> Iterator[dict[str, np.ndarray]]:
    """Columns [N] of compressed data, unpacked into a temporary file; ValueError where they are damaged."""
    with tempfile.TemporaryFile() as unpacked:
        try:
            _decompress(file, header, unpacked)
        except ValueError as error:
            raise ValueError(f"{file}: {error}; perhaps a copy was damaged, download it again") from error
        unpacked.flush()
        yield map_fields(unpacked, header, "r")


def _decompress(file: Path, header: Header, out: BinaryIO) -> None:
    size = header.num_points * header.row.itemsize
    with file.open("rb") as stream, mmap(stream.fileno(), 0, access=ACCESS_READ) as data:
        start = header.size + 8
        if len(data) < start:
            raise ValueError("the sizes of the compressed data are missing")
        packed, promised = np.frombuffer(data[start - 8 : start], "<u4").tolist()
        if promised != size:
            raise ValueError(
                f"{header.num_points} points have {size} bytes, but {promised} are compressed here"
            )
        if packed > len(data) - start or size > packed * MAX_GAIN:
            raise ValueError(f"{packed} compressed bytes cannot give {size}, {len(data) - start} are there")
        for block in decompress(data, start, start + packed, size):
            out.write(block)


def map_fields(stream: BinaryIO, header: Header, mode: str) -> dict[str, np.ndarray]:
    """Columns [N] within a file that holds one field after another, as compressed data do."""
    columns, position = dict[str, np.ndarray](), 0
    for field in header.stored:
        shape = (header.num_points, field.count)
        values = np.empty(shape, field.dtype)
        if header.num_points:
            values = np.memmap(stream, field.dtype, mode, position, shape)  # type: ignore[call-overload]
        columns |= {name: values[:, i] for i, name in enumerate(field.columns)}
        position += header.num_points * field.size
    return columns


def compress(file: Path, stream: BinaryIO, size: int, out: BinaryIO) -> None:
    """Write the `size` bytes of a stream as compressed data, in literal runs; ValueError beyond 4 GiB."""
    packed = size + (size + RUN - 1) // RUN
    if packed >= 2**32:
        raise ValueError(f"{file}: compressed data of PCD cannot exceed 4 GiB; write another format")
    out.write(np.array([packed, size], "<u4").tobytes())
    stream.seek(0)
    while block := stream.read(BLOCK):
        out.write(literal_runs(block))
