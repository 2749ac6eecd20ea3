"""The header of a `.npy` file: shape, order and type of what follows."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

MAGIC = b"\x93NUMPY"
MAX_TEXT = 20_000  # bytes; NumPy itself reads 10,000


@dataclass(frozen=True)
class NpyHeader:
    """What the header says; `offset` is where the data begin, in bytes."""

    shape: tuple[int, ...]
    fortran_order: bool
    dtype: np.dtype
    offset: int


def read_npy_header(stream: IO[bytes], size: int, where: Path) -> NpyHeader:
    """Read the header of an array whose file has `size` bytes.

    ValueError naming `where` if it is none, or promises more bytes than there are.
    """
    start = stream.read(8)
    if start[:6] != MAGIC or len(start) < 8 or start[6] not in (1, 2, 3):
        raise ValueError(f"{where}: not a .npy array: it does not begin as one")
    width = 2 if start[6] == 1 else 4
    length = int.from_bytes(stream.read(width), "little")
    text = stream.read(min(length, MAX_TEXT + 1))
    if not len(text) == length <= MAX_TEXT:
        raise ValueError(f"{where}: the header should have {length} bytes, but has {len(text)} or more")
    header = _parse(
        text.decode("utf-8" if start[6] == 3 else "latin-1", "replace"), 8 + width + length, where
    )
    if header.dtype.hasobject:
        return header
    promised = header.dtype.itemsize
    for length in header.shape:
        promised *= length
    if promised > size - header.offset or (header.dtype.itemsize == 0 and 0 not in header.shape):
        raise ValueError(
            f"{where}: the header promises an array {list(header.shape)} of {promised} bytes, the file holds "
            f"{max(size - header.offset, 0)}; perhaps a copy was cut off, save it again"
        )
    return header


def _parse(text: str, offset: int, where: Path) -> NpyHeader:
    try:
        said: Any = ast.literal_eval(text.strip())
        shape, order, description = said["shape"], said["fortran_order"], said["descr"]
        if not all(type(length) is int and 0 <= length < 2**63 for length in shape) or len(shape) > 32:
            raise ValueError(f"the shape {shape}")
        dtype: np.dtype = np.lib.format.descr_to_dtype(description)
        if dtype.subdtype is not None:
            raise ValueError(f"the type {dtype}")
    except Exception as error:  # a Python literal of any kind, which fails in as many ways
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise ValueError(
            f"{where}: the header of the array is not one that NumPy writes ({reason})"
        ) from error
    return NpyHeader(tuple(shape), bool(order), dtype, offset)


def npy_header(dtype: np.dtype, shape: tuple[int, ...]) -> bytes:
    """The header of an array in C order, as NumPy reads it."""
    said = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    text = repr(said).encode("utf-8")
    version = 1 if text.isascii() and len(text) < 60_000 else 3
    width = 2 if version == 1 else 4
    padding = -(8 + width + len(text) + 1) % 64  # the data begin at a multiple of 64 bytes
    text += b" " * padding + b"\n"
    return MAGIC + bytes([version, 0]) + len(text).to_bytes(width, "little") + text
