"""PLY files of every kind, written by the plainest means: the other side of the reader's tests."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CODES = {"char": "b", "uchar": "B", "short": "h", "ushort": "H", "int": "i", "uint": "I", "float": "f"}
CODES |= {"double": "d", "int8": "b", "uint8": "B", "int16": "h", "uint16": "H", "int32": "i", "uint32": "I"}
CODES |= {"float32": "f", "float64": "d"}


@dataclass(frozen=True)
class Part:
    """An element: (type, name) of its properties as in a header, and rows of numbers and lists."""

    name: str
    properties: Sequence[tuple[str, str]]
    rows: Sequence[Sequence[Any]]


def ply_bytes(parts: Sequence[Part], encoding: str = "binary_little_endian", newline: str = "\n") -> bytes:
    lines = ["ply", f"format {encoding} 1.0", "comment made by hand", "obj_info of no interest"]
    for part in parts:
        lines.append(f"element {part.name} {len(part.rows)}")
        lines += [f"property {kind} {name}" for kind, name in part.properties]
    data = bytearray("".join(line + newline for line in [*lines, "end_header"]).encode())
    for part in parts:
        for row in part.rows:
            words = [
                word
                for (kind, _), value in zip(part.properties, row, strict=True)
                for word in encoded(kind, value)
            ]
            if encoding == "ascii":
                data += (" ".join(repr(value) for _, value in words) + newline).encode()
            else:
                order = ">" if encoding == "binary_big_endian" else "<"
                data += b"".join(struct.pack(order + CODES[kind], value) for kind, value in words)
    return bytes(data)


def encoded(kind: str, value: Any) -> list[tuple[str, Any]]:
    """(Type, value) of each number that stands for a property's value."""
    if not kind.startswith("list"):
        return [(kind, value)]
    _, count, item = kind.split()
    return [(count, len(value)), *((item, one) for one in value)]


def write_ply_file(file: Path, parts: Sequence[Part], encoding: str = "binary_little_endian") -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(ply_bytes(parts, encoding))
    return file
