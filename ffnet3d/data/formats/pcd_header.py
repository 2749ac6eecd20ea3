"""The header of a PCD file: which fields a point has, how many points follow, in which encoding."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

MAX_HEADER = 1 << 20  # bytes; a file without DATA is not read any further
MAX_COLUMNS = 10_000
MAX_ROW = 1 << 20  # bytes

ENCODINGS = ("ascii", "binary", "binary_compressed")
SIZES = {"I": (1, 2, 4, 8), "U": (1, 2, 4, 8), "F": (4, 8)}
LISTS = ("FIELDS", "SIZE", "TYPE", "COUNT")
KEYWORDS = ("VERSION", "COLUMNS", *LISTS, "WIDTH", "HEIGHT", "VIEWPOINT", "POINTS", "DATA")
PADDING = "_"


@dataclass(frozen=True)
class Field:
    """A field of a point: `count` numbers of one type."""

    name: str
    dtype: np.dtype
    count: int = 1

    @property
    def columns(self) -> list[str]:
        """The names of its numbers."""
        return [self.name] if self.count == 1 else [f"{self.name}_{i}" for i in range(self.count)]

    @property
    def size(self) -> int:
        """Bytes in a row."""
        return self.count * self.dtype.itemsize


@dataclass(frozen=True)
class Header:
    """What the header says; `lines` are its own, with their ends, and the data begin behind them.

    `fields` are all that the header lists; padding, which only rows of binary data hold, is among them.
    """

    fields: tuple[Field, ...]
    num_points: int
    encoding: str
    lines: tuple[bytes, ...]

    @property
    def size(self) -> int:
        """Bytes of the header."""
        return sum(map(len, self.lines))

    @property
    def stored(self) -> list[Field]:
        """The fields that the data hold in values."""
        return [field for field in self.fields if field.name != PADDING]

    @property
    def row(self) -> np.dtype:
        """A row of the data, a field for each column; padding lies between them."""
        names, formats, offsets, position = list[str](), list[np.dtype](), list[int](), 0
        for field in self.fields if self.encoding == "binary" else self.stored:
            if field.name != PADDING:
                names += field.columns
                formats += [field.dtype] * field.count
                offsets += [position + i * field.dtype.itemsize for i in range(field.count)]
            position += field.size
        layout = {"names": names, "formats": formats, "offsets": offsets, "itemsize": position}
        return np.dtype(layout)  # type: ignore[call-overload, no-any-return]

    def extended(self, added: Sequence[Field]) -> Header:
        """The same header with fields more; every other line stays."""
        fields = (*self.fields, *added)
        words = {
            "FIELDS": [field.name for field in fields],
            "SIZE": [str(field.dtype.itemsize) for field in fields],
            "TYPE": [field.dtype.kind.upper() for field in fields],
            "COUNT": [str(field.count) for field in fields],
        }
        lines = list[bytes]()
        there = {_keyword(line) for line in self.lines}
        for line in self.lines:
            keyword = _keyword(line)
            if keyword not in (*LISTS, "COLUMNS"):
                lines.append(line)
                continue
            listed = "FIELDS" if keyword == "COLUMNS" else keyword
            lines.append(_line(keyword, words[listed]))
            if listed == "FIELDS":
                lines += [_line(key, words[key]) for key in LISTS[1:] if key not in there]
        return Header(fields, self.num_points, self.encoding, tuple(lines))


def _keyword(line: bytes) -> str:
    return (line.decode("latin-1").split() or [""])[0]


def _line(keyword: str, words: Sequence[str]) -> bytes:
    return f"{keyword} {' '.join(words)}\n".encode("latin-1", "replace")


def read_header(file: Path) -> Header:
    """Read the header of `file`; ValueError naming the line that is wrong."""
    with file.open("rb") as stream:
        start = stream.read(MAX_HEADER)
    lines, entries = list[bytes](), dict[str, list[str]]()
    for line in start.splitlines(keepends=True):
        lines.append(line)
        words = line.decode("latin-1").partition("#")[0].split()
        if not words:
            continue
        where = f"{file}:{len(lines)}"
        if words[0] not in KEYWORDS:
            raise ValueError(f"{where}: not a line of a PCD header: {line[:80].decode('latin-1').strip()!r}")
        keyword = "FIELDS" if words[0] == "COLUMNS" else words[0]
        if keyword in entries:
            raise ValueError(f"{where}: {keyword} stands twice")
        entries[keyword] = words[1:]
        if keyword == "DATA":
            return _parse(file, entries, lines)
    raise ValueError(f"{file}: not a PCD file, or a copy that was cut off: its header has no DATA line")


def _parse(file: Path, entries: dict[str, list[str]], lines: list[bytes]) -> Header:
    encoding = " ".join(entries["DATA"])
    if encoding not in ENCODINGS:
        raise ValueError(f"{file}:{len(lines)}: DATA must be one of {', '.join(ENCODINGS)}, got {encoding!r}")
    if not lines[-1].endswith(b"\n") and encoding != "ascii":
        raise ValueError(f"{file}:{len(lines)}: nothing follows the header")
    return Header(tuple(_fields(file, entries)), _num_points(file, entries), encoding, tuple(lines))


def _fields(file: Path, entries: dict[str, list[str]]) -> list[Field]:
    names = entries.get("FIELDS", [])
    if not [name for name in names if name != PADDING]:
        raise ValueError(f"{file}: the header has no FIELDS")
    defaults = {"SIZE": "4", "TYPE": "F", "COUNT": "1"}
    lists = [entries.get(key, [value] * len(names)) for key, value in defaults.items()]
    for key, words in zip(defaults, lists, strict=True):
        if len(words) != len(names):
            raise ValueError(f"{file}: {len(names)} FIELDS ({' '.join(names)[:200]}), but {len(words)} {key}")
    fields = [_field(file, *words) for words in zip(names, *lists, strict=True)]
    stored = [field for field in fields if field.name != PADDING]
    if sum(field.count for field in stored) > MAX_COLUMNS or sum(field.size for field in fields) > MAX_ROW:
        raise ValueError(f"{file}: its points have over {MAX_COLUMNS} numbers or {MAX_ROW} bytes")
    columns = Counter(name for field in stored for name in field.columns)
    if columns.most_common(1)[0][1] > 1:
        raise ValueError(f"{file}: the field {columns.most_common(1)[0][0]!r} stands twice")
    return fields


def _field(file: Path, name: str, size: str, kind: str, count: str) -> Field:
    if kind not in SIZES or size not in map(str, SIZES[kind]):
        raise ValueError(f"{file}: the field {name!r} has the unknown TYPE {kind!r} of SIZE {size!r}")
    number = _integer(file, "COUNT", count)
    if not 1 <= number < 2**31:
        raise ValueError(f"{file}: the field {name!r} has the COUNT {number}; at least 1 is needed")
    return Field(name, np.dtype(f"<{kind.lower()}{size}"), number)


def _num_points(file: Path, entries: dict[str, list[str]]) -> int:
    """POINTS, or WIDTH times HEIGHT; ValueError where they differ."""
    said = {
        key: _integer(file, key, " ".join(entries[key]))
        for key in ("WIDTH", "HEIGHT", "POINTS")
        if key in entries
    }
    area = said["WIDTH"] * said.get("HEIGHT", 1) if "WIDTH" in said else None
    points = said.get("POINTS", area)
    if points is None:
        raise ValueError(f"{file}: the header has neither POINTS nor WIDTH")
    if area is not None and area != points:
        raise ValueError(f"{file}: POINTS is {points}, but WIDTH times HEIGHT {area}")
    return points


def _integer(file: Path, keyword: str, word: str) -> int:
    if not (word.isascii() and word.isdigit() and len(word) <= 20):
        raise ValueError(f"{file}: {keyword} needs a whole number, got {word[:80]!r}")
    return int(word)
