"""LZF, the compression of PCD files: runs of literal bytes, and copies from the last 8 KiB."""

from __future__ import annotations

from collections.abc import Iterator
from mmap import mmap

import numpy as np

MAX_GAIN = 88  # three bytes stand for 264 at most
WINDOW = 1 << 13  # bytes that a copy may reach back
BLOCK = 1 << 20  # bytes
RUN = 32  # bytes of the longest literal run


def decompress(data: bytes | mmap, start: int, stop: int, size: int) -> Iterator[bytearray]:
    """The `size` bytes that data[start:stop] stands for, a block at a time.

    ValueError where the data end within a run, reach back before their beginning, or give another size.
    """
    out, given, at = bytearray(), 0, start
    while at < stop:
        control = data[at]
        at += 1
        if control < RUN:
            out += data[at : at + control + 1]
            at += control + 1
        else:
            length = control >> 5
            if length == 7 and at < stop:
                length += data[at]
                at += 1
            if at >= stop:
                raise ValueError("the compressed data end within a copy")
            source = len(out) - ((control & 31) << 8) - data[at] - 1
            at += 1
            if source < 0:
                raise ValueError("the compressed data refer to bytes before their beginning")
            out += _repeated(out[source : source + length + 2], length + 2)
        if len(out) > BLOCK:
            given += len(out) - WINDOW
            if given > size:
                break
            yield out[:-WINDOW]
            del out[:-WINDOW]
    if at > stop or given + len(out) != size:
        raise ValueError(f"the compressed data do not give the {size} bytes that they promise")
    yield out


def _repeated(piece: bytearray, length: int) -> bytearray:
    """A copy that overlaps its own end repeats what it has."""
    return piece if len(piece) == length else (piece * (length // len(piece) + 1))[:length]


def literal_runs(data: bytes) -> bytes:
    """LZF of `data` in literal runs alone: valid, at once, and one 32nd larger."""
    whole = len(data) // RUN * RUN
    runs = np.empty((whole // RUN, RUN + 1), dtype=np.uint8)
    runs[:, 0] = RUN - 1
    runs[:, 1:] = np.frombuffer(data, np.uint8, whole).reshape(-1, RUN)
    rest = data[whole:]
    return runs.tobytes() + (bytes([len(rest) - 1]) + rest if rest else b"")
