"""The header of a PLY file: which elements follow, with which properties, in which encoding."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

MAX_HEADER = 1 << 20  # bytes; a file without end_header is not read any further

ENCODINGS = ("ascii", "binary_little_endian", "binary_big_endian")

TYPES = {
    **{"char": "i1", "uchar": "u1", "short": "i2", "ushort": "u2", "int": "i4", "uint": "u4"},
    **{"int8": "i1", "uint8": "u1", "int16": "i2", "uint16": "u2", "int32": "i4", "uint32": "u4"},
    **{"float": "f4", "double": "f8", "float32": "f4", "float64": "f8"},
}
"""Type in a header -> NumPy's."""


@dataclass(frozen=True)
class Property:
    """A property of an element; a list where `length` is the type of its number of values."""

    name: str
    dtype: np.dtype
    length: np.dtype | None = None


@dataclass(frozen=True)
class Element:
    """`count` rows of properties; `line` is the last line of the header that tells of it, from 1."""

    name: str
    count: int
    properties: tuple[Property, ...] = ()
    line: int = 0

    @property
    def smallest(self) -> int:
        """Bytes that a row has at least in a binary file: those of a row without lists, with empty lists."""
        return sum((one.length or one.dtype).itemsize for one in self.properties)

    @property
    def has_lists(self) -> bool:
        """Whether the rows may differ in size."""
        return any(one.length is not None for one in self.properties)


@dataclass(frozen=True)
class Header:
    """What the header says; `size` (bytes) and `lines` tell where the data begin, `newline` ends a line."""

    encoding: str
    elements: tuple[Element, ...]
    comments: tuple[str, ...]
    size: int
    lines: int
    newline: str

    def element(self, name: str, file: Path) -> Element:
        """The element of that name; ValueError naming those that there are."""
        for element in self.elements:
            if element.name == name:
                return element
        there = ", ".join(element.name for element in self.elements) or "nothing"
        raise ValueError(f"{file}: no element {name!r}, but {there}")


def read_header(file: Path) -> Header:
    """Read the header of `file`; ValueError naming the line that is wrong."""
    with file.open("rb") as stream:
        start = stream.read(MAX_HEADER)
    if start[:3] != b"ply" or start[3:4] not in (b"\n", b"\r", b" "):
        raise ValueError(f"{file}: not a PLY file: it does not begin with the line 'ply'")
    end_of_line = b"\r" if b"\r" in start[:5] and b"\n" not in start[:5] else b"\n"
    lines: list[str] = []
    position = 0
    while not lines or lines[-1] != "end_header":
        stop = start.find(end_of_line, position)
        if stop < 0:
            raise ValueError(
                f"{file}: the header has no end_header; perhaps a copy was cut off, download it again"
            )
        lines.append(start[position:stop].decode("latin-1").strip())
        position = stop + 1
    encoding, elements, comments = _parse(file, lines)
    newline = "\r\n" if start[3:5] == b"\r\n" else end_of_line.decode()
    return Header(encoding, elements, comments, position, len(lines), newline)


def _parse(file: Path, lines: list[str]) -> tuple[str, tuple[Element, ...], tuple[str, ...]]:
    """Encoding, elements and comments."""
    encoding, comments, elements = "", list[str](), list[Element]()
    for number, line in enumerate(lines[1:-1], start=2):
        keyword, _, rest = line.partition(" ")
        words = rest.split()
        try:
            if keyword == "format":
                encoding = _encoding(words)
            elif keyword in ("comment", "obj_info"):
                comments.append(rest.strip())
            elif keyword == "element":
                elements.append(_element(words, number, elements))
            elif keyword == "property":
                elements[-1:] = [_with_property(words, number, elements)]
            elif keyword:
                raise ValueError(f"unknown keyword {keyword!r}")
        except ValueError as error:
            raise ValueError(f"{file}:{number}: {error} (in the header line {line[:80]!r})") from error
    if not encoding:
        raise ValueError(f"{file}: the header has no format line")
    return encoding, tuple(elements), tuple(comments)


def _encoding(words: list[str]) -> str:
    if not words or words[0] not in ENCODINGS:
        raise ValueError(f"the format must be one of {', '.join(ENCODINGS)}")
    return words[0]


def _element(words: list[str], line: int, former: list[Element]) -> Element:
    if len(words) != 2 or not (words[1].isascii() and words[1].isdigit()):
        raise ValueError("an element needs a name and a number of rows")
    _check_new(words[0], (element.name for element in former))
    return Element(words[0], int(words[1]), line=line)


def _with_property(words: list[str], line: int, elements: list[Element]) -> Element:
    """The last element with one property more."""
    if not elements:
        raise ValueError("a property before any element")
    if len(words) == 4 and words[0] == "list":
        added = Property(words[3], _type(words[2]), _type(words[1]))
        if added.length is not None and added.length.kind == "f":
            raise ValueError("the length of a list cannot be a floating-point number")
    elif len(words) == 2:
        added = Property(words[1], _type(words[0]))
    else:
        raise ValueError("a property needs a type and a name, or list, two types and a name")
    last = elements[-1]
    _check_new(added.name, (old.name for old in last.properties))
    return Element(last.name, last.count, (*last.properties, added), line)


def _check_new(name: str, former: Iterable[str]) -> None:
    if name in former:
        raise ValueError(f"{name!r} stands twice")


def _type(name: str) -> np.dtype:
    if name not in TYPES:
        raise ValueError(f"unknown type {name!r}; known: {', '.join(TYPES)}")
    return np.dtype(TYPES[name])
