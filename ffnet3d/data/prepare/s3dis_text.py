"""Points of an S3DIS text file, `x y z r g b` in each line: read fast, and with the file's known damage.

Lines of six plain numbers, nearly all, are parsed by the million. The others are looked at one by one: a
byte that belongs to no text is taken out where six numbers are left, or else replaced by a space; a line that
still cannot be read is dropped. Each such line is named, and a file with many of them is refused.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

COLUMNS = 6
MAX_REPAIRS = 10  # lines of one file; beyond, the file is another one than it should be
DROPPED = ", line dropped"
CHUNK = 1 << 21  # bytes parsed at once
NEWLINE = ord("\n")
BLANKS = b" \t\n\v\f\r"
STRAY = re.compile(rb"[^\x20-\x7e\t\v\f]+")  # control characters, and bytes beyond ASCII

Rows = NDArray[np.float64]


@dataclass(frozen=True)
class TextPoints:
    """Points of a file in its order."""

    coord: NDArray[np.float64]  # [N, 3] metres
    color: NDArray[np.uint8]  # [N, 3]
    repairs: tuple[str, ...]  # "NAME:LINE: what was wrong, what was done"


def read_points(file: Path, name: str) -> TextPoints:
    """Read `file`, called `name` in messages; no points where it is empty.

    Colours may be written as floats; fractions are cut off, as in Pointcept. ValueError naming the first line
    at fault where more than MAX_REPAIRS lines are, and where colours run from 0 to 1.
    """
    rows: list[Rows] = [np.empty((0, COLUMNS))]
    repairs: list[str] = []
    for text, first in _chunks(file):
        good, notes = _parse_chunk(text, first)
        rows.append(good)
        repairs += [f"{name}:{line}: {note}" for line, note in notes]
        if len(repairs) > MAX_REPAIRS:
            raise ValueError(
                f"{repairs[0].removesuffix(DROPPED)}, and {MAX_REPAIRS} more damaged lines at least: the "
                "file needs lines `x y z r g b`; unpack or download it again"
            )
    points = np.concatenate(rows)
    fractional = _count_fractional(points[:, 3:], file)
    if fractional:
        repairs.append(f"{name}: {fractional} points with fractions in their colours, cut off")
    return TextPoints(points[:, :3], points[:, 3:].astype(np.uint8), tuple(repairs))


def _count_fractional(color: Rows, file: Path) -> int:
    """Points with a colour that is no integer; ValueError where none is over 1, and all would turn black."""
    count = int((color != np.floor(color)).any(axis=1).sum())
    if count and (highest := color.max()) <= 1:
        raise ValueError(
            f"{file}: colours from 0 to {highest:g}, needs 0-255: multiply those of the room by 255"
        )
    return count


def _chunks(file: Path) -> Iterator[tuple[bytes, int]]:
    """Whole lines of the file, ended by plain newlines, with the number of the first (from 1)."""
    line = 1
    with file.open("rb") as stream:
        while text := stream.read(CHUNK):
            text += stream.readline()
            if b"\r" in text:
                text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
            if not text.endswith(b"\n"):
                text += b"\n"
            yield text, line
            line += text.count(b"\n")


def _parse_chunk(text: bytes, first: int) -> tuple[Rows, list[tuple[int, str]]]:
    """Points [N, 6] of whole lines, and notes on the lines that are dropped or mended."""
    codes = np.frombuffer(text, dtype=np.uint8)
    starts = np.append(0, np.flatnonzero(codes == NEWLINE)[:-1] + 1)
    plain, empty = _sort_lines(codes, starts)
    good = codes[np.repeat(plain, np.diff(starts, append=len(codes)))].tobytes()
    try:
        rows = _parse_plain(good)
    except ValueError:  # plain characters, but no number: 1.2.3
        plain[:] = False
        rows = np.empty((0, COLUMNS))
    valid = _in_range(rows)
    numbers = np.flatnonzero(plain)[valid]
    odd = ~(plain | empty)
    odd[np.flatnonzero(plain)[~valid]] = True
    mended, mended_numbers, notes = _mend_lines(text, starts, np.flatnonzero(odd), first)
    order = np.argsort(np.append(numbers, mended_numbers), kind="stable")
    return np.concatenate([rows[valid], mended])[order], notes


def _sort_lines(codes: NDArray[np.uint8], starts: NDArray[np.intp]) -> tuple[np.ndarray, np.ndarray]:
    """Which lines are six words of a number's characters, and which are blank: two masks [lines]."""
    blank = np.isin(codes, np.frombuffer(BLANKS, np.uint8), kind="table")
    strange = ~(blank | np.isin(codes, np.frombuffer(b"0123456789+-.eE", np.uint8), kind="table"))
    begins = ~blank
    begins[1:] &= blank[:-1]
    words = np.add.reduceat(begins, starts, dtype=np.int64)
    return (words == COLUMNS) & ~np.logical_or.reduceat(strange, starts), words == 0


def _parse_plain(text: bytes) -> Rows:
    if not text:
        return np.empty((0, COLUMNS))
    return np.loadtxt(io.BytesIO(text), dtype=np.float64, comments=None, ndmin=2)


def _in_range(rows: Rows) -> NDArray[np.bool_]:
    """Rows [N, 6] with finite coordinates and colours in 0-255."""
    color = rows[:, 3:]
    valid = np.isfinite(rows).all(axis=1) & ((color >= 0) & (color <= 255)).all(axis=1)
    return np.asarray(valid)


def _mend_lines(
    text: bytes, starts: NDArray[np.intp], odd: NDArray[np.intp], first: int
) -> tuple[Rows, NDArray[np.intp], list[tuple[int, str]]]:
    """Look at the odd lines one by one: points kept [K, 6], their lines [K], and notes on all that are odd.

    Ends early where there are too many.
    """
    rows: list[list[float]] = []
    kept: list[int] = []
    notes: list[tuple[int, str]] = []
    for index in odd.tolist():
        end = text.index(b"\n", starts[index])
        row, note = _mend(text[starts[index] : end])
        if row:
            rows.append(row)
            kept.append(index)
        if note:
            notes.append((first + index, note))
        if len(notes) > MAX_REPAIRS:
            break
    return np.array(rows, dtype=np.float64).reshape(-1, COLUMNS), np.array(kept, dtype=np.intp), notes


def _mend(line: bytes) -> tuple[list[float] | None, str]:
    """The six numbers of a line, if it can be read, and what was done to it (empty: nothing)."""
    stray = STRAY.search(line)
    if stray is None:
        try:
            return _numbers(line), ""
        except ValueError as error:
            return None, f"{error}{DROPPED}"
    what = f"stray {stray.group()[:20]!r}"
    for filler, done in ((b"", "taken out"), (b" ", "replaced by a space")):
        try:
            return _numbers(STRAY.sub(filler, line)), f"{what} {done}, point kept"
        except ValueError:
            continue
    return None, f"{what}, and not six numbers without it{DROPPED}"


def _numbers(line: bytes) -> list[float]:
    """The six numbers of a line; ValueError saying what is wrong with it."""
    words = line.decode("ascii").split()
    if len(words) != COLUMNS:
        raise ValueError(f"{len(words)} of 6 numbers (x y z r g b)")
    numbers = [_number(word) for word in words]
    if not _in_range(np.array([numbers]))[0]:
        raise ValueError(f"not finite, or a colour outside 0-255: {' '.join(words)!r:.80}")
    return numbers


def _number(word: str) -> float:
    try:
        return float(word)
    except ValueError:
        raise ValueError(f"{word!r:.40} is no number") from None
