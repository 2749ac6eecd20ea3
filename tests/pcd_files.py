"""PCD files made by hand."""

from __future__ import annotations

import struct

import numpy as np

HEADER = """# .PCD v0.7 - made by hand
VERSION 0.7
FIELDS {fields}
SIZE {size}
TYPE {type}
COUNT {count}
WIDTH {n}
HEIGHT 1
VIEWPOINT 1 2 3 0.5 0.5 0.5 0.5
POINTS {n}
"""
POINT = np.dtype(
    [
        ("x", "<f4"),
        ("y", "<f4"),
        ("z", "<f4"),
        ("rgb", "<f4"),
        ("ring", "<u2"),
        ("time", "<f8"),
        ("fpfh", "<f8", 3),
    ]
)


def points(count: int, seed: int = 0) -> np.ndarray:
    """A room's worth of points, [count] of POINT."""
    rng = np.random.default_rng(seed)
    table = np.zeros(count, POINT)
    for name in ("x", "y", "z"):
        table[name] = rng.normal(size=count)
    table["rgb"] = rng.integers(0, 2**24, count, dtype=np.uint32).view("<f4")
    table["ring"] = rng.integers(0, 2**16, count)
    table["time"] = rng.random(count)
    table["fpfh"] = rng.normal(size=(count, 3)).round(2)
    return table


def pcd_bytes(table: np.ndarray, encoding: str) -> bytes:
    """A file that holds the table."""
    fields = [(name, table.dtype[name].base, table.dtype[name].shape) for name in table.dtype.names or ()]
    header = HEADER.format(
        fields=" ".join(name for name, _, _ in fields),
        size=" ".join(str(dtype.itemsize) for _, dtype, _ in fields),
        type=" ".join(dtype.kind.upper() for _, dtype, _ in fields),
        count=" ".join(str(shape[0] if shape else 1) for _, _, shape in fields),
        n=len(table),
    )
    return f"{header}DATA {encoding}\n".encode() + _body(table, encoding)


def _body(table: np.ndarray, encoding: str) -> bytes:
    if encoding == "binary":
        return table.tobytes()
    columns = [np.atleast_2d(table[name].T).T for name in table.dtype.names or ()]
    if encoding == "binary_compressed":
        data = b"".join(column.tobytes() for column in columns)
        packed = compressed(data)
        return struct.pack("<II", len(packed), len(data)) + packed
    rows = zip(*(values for column in columns for values in column.T.astype(str)), strict=True)
    return "".join(" ".join(row) + "\n" for row in rows).encode()


def compressed(data: bytes) -> bytes:
    """LZF with back references, the plain way: the longest match of 3 bytes seen before."""
    out, literals, seen, at = bytearray(), bytearray(), dict[bytes, int](), 0

    def flush() -> None:
        for start in range(0, len(literals), 32):
            part = literals[start : start + 32]
            out.extend([len(part) - 1, *part])
        literals.clear()

    while at < len(data):
        key = data[at : at + 3]
        match = seen.get(key, -1)
        seen[key] = at
        if len(key) < 3 or match < 0 or at - match > 8192:
            literals.append(data[at])
            at += 1
            continue
        flush()
        length = 3
        while length < 264 and at + length < len(data) and data[match + length] == data[at + length]:
            length += 1
        code, offset = length - 2, at - match - 1
        out.append(min(code, 7) << 5 | offset >> 8)
        out.extend([code - 7] if code >= 7 else [])
        out.append(offset & 255)
        at += length
    flush()
    return bytes(out)
