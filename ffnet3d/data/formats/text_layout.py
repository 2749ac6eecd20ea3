"""How a text file of points is laid out: its separator, its names, where its rows begin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ffnet3d.data.formats.array_columns import SAMPLE, guess_names
from ffnet3d.data.formats.roles import COORD
from ffnet3d.data.formats.text_rows import is_row, parse_rows, read_lines, split_row

BOM = b"\xef\xbb\xbf"
MAX_WIDTH = 1024  # columns; beyond, the text is hardly one of points


@dataclass(frozen=True)
class Layout:
    """Args:
    delimiter: between the words of a row; None means any blanks.
    glue: what goes before an appended word.
    names: of the columns.
    skip: bytes before the first line.
    first: number of the line with the first row, from 1.
    header: number of the line, perhaps a comment, that names the columns.
    promise: number of the line that says how many points follow, and what it says.
    """

    delimiter: str | None
    glue: str
    names: tuple[str, ...]
    skip: int
    first: int
    header: int | None
    promise: tuple[int, int] | None


def find_layout(file: Path) -> Layout:
    """The layout, from the first MiB; ValueError where there is no row, or a header does not fit the rows.

    Columns without names are called as `guess_names` does; those of a `.pts` of 4 or 7 columns are
    x, y, z, intensity (, red, green, blue).
    """
    with file.open("rb") as stream:
        skip = len(BOM) if stream.read(len(BOM)) == BOM else 0
    block = next(read_lines(file, skip), None)
    lines = list(enumerate(block.lines if block else [], start=1))
    content = [(number, line) for number, line in lines if is_row(line)]
    if not content:
        raise ValueError(f"{file}: it holds no points")
    probe = content[min(2, len(content) - 1)][1]
    delimiter = next((mark for mark in ";," if mark.encode() in probe), None)
    glue = delimiter or ("\t" if b"\t" in probe else " ")
    header, promise, content = _preamble(content, delimiter, len(split_row(probe, delimiter)))
    if not content:
        raise ValueError(f"{file}: it holds no points, but a header")
    first, row = content[0]
    width = len(split_row(row, delimiter))
    if width > MAX_WIDTH:
        raise ValueError(f"{file}:{first}: a row of {width} values; this is no text of points")
    above = lines[header - 1 : header] if header else lines[first - 2 :: -1] if first > 1 else []
    found = _find_names(above, width, delimiter, glue)
    if header and not found:
        text = above[0][1][:80].decode("latin-1").strip()
        raise ValueError(
            f"{file}:{header}: the header {text!r} does not name the {width} columns of the rows"
        )
    header, names = found or (None, _guess(file, content[:SAMPLE], width, delimiter))
    return Layout(delimiter, glue, tuple(names), skip, first, header, promise)


def _preamble(
    content: list[tuple[int, bytes]], delimiter: str | None, width: int
) -> tuple[int | None, tuple[int, int] | None, list[tuple[int, bytes]]]:
    """The numbers of a line of names and of one with the count of points, and the rows behind."""
    header: int | None = None
    promise: tuple[int, int] | None = None
    for number, line in content[:2]:
        words = split_row(line, delimiter)
        if header is None and not any(map(_is_number, words)):
            header = number
        elif promise is None and width > 1 and len(words) == 1 and _is_count(words[0]):
            promise = number, int(words[0])
        else:
            break
        content = content[1:]
    return header, promise, content


def _find_names(
    lines: Sequence[tuple[int, bytes]], width: int, delimiter: str | None, glue: str
) -> tuple[int, list[str]] | None:
    """The first of some lines that names the columns, and the names; a comment must name coordinates."""
    for number, line in lines:
        names = _header_names(line, width, delimiter, glue)
        if names and (is_row(line) or _has_coordinates(names)):
            return number, names
    return None


def _has_coordinates(names: Sequence[str]) -> bool:
    plain = {name.lower() for name in names}
    return any(plain.issuperset(triple) for triple in COORD)


def _header_names(line: bytes, width: int, delimiter: str | None, glue: str) -> list[str] | None:
    """The names that a line, perhaps a comment, gives to the columns; None where it does not."""
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        text = line.decode("latin-1")
    text = text.strip().lstrip("#/").strip()
    for mark in (delimiter, glue if glue == "\t" else None, None, ","):
        words = [word.strip().strip("\"'").strip() for word in text.split(mark)]
        if len(words) == width and not any(map(_is_number, words)):
            return [word or f"column_{place}" for place, word in enumerate(words, start=1)]
    return None


def _guess(file: Path, content: list[tuple[int, bytes]], width: int, delimiter: str | None) -> list[str]:
    """What columns without names seem to be, from some rows."""
    places = [f"column_{place}" for place in range(1, width + 1)]
    if file.suffix.lower() == ".pts" and width in (4, 7):
        return ["x", "y", "z", "intensity", "red", "green", "blue"][:width]
    if width < 3:
        return places
    numbers, rows = zip(*content, strict=True)
    table = parse_rows(file, rows, numbers, np.dtype([(name, np.float64) for name in places]), delimiter)
    return guess_names(table.view(np.float64).reshape(-1, width))


def _is_count(word: str) -> bool:
    return word.isascii() and word.isdigit() and len(word) < 20


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
