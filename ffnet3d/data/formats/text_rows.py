"""Rows of numbers in text, read by blocks of lines; a fault is named with file and line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

BLOCK = 1 << 20  # bytes
MAX_LINE = 1 << 20  # bytes


@dataclass(frozen=True)
class Lines:
    """Lines of a file with their ends, `first` being the number of the first one (from 1)."""

    first: int
    lines: list[bytes]

    def rows(self) -> tuple[list[bytes], Sequence[int]]:
        """The lines that are neither empty nor comments (# or //), and their numbers."""
        kept = [number for number, line in enumerate(self.lines) if is_row(line)]
        if len(kept) == len(self.lines):
            return self.lines, range(self.first, self.first + len(kept))
        return [self.lines[number] for number in kept], [self.first + number for number in kept]


def is_row(line: bytes) -> bool:
    """Whether a line holds values: it is neither empty nor a comment."""
    start = line.lstrip()[:2]
    return bool(start) and start[:1] != b"#" and start != b"//"


def read_lines(file: Path, skip: int = 0, first: int = 1) -> Iterator[Lines]:
    """The lines behind the first `skip` bytes, a block at a time; ValueError where one has over 1 MiB."""
    with file.open("rb") as stream:
        stream.seek(skip)
        left = b""
        while block := stream.read(BLOCK):
            last = len(block) < BLOCK
            block = left + block
            stop = len(block) if last else block.rfind(b"\n") + 1 or block.rfind(b"\r", 0, -1) + 1
            left = block[stop:]
            if len(left) > MAX_LINE:
                raise ValueError(f"{file}: a line has over {MAX_LINE} bytes; this is no text of points")
            if stop:
                lines = block[:stop].splitlines(keepends=True)
                yield Lines(first, lines)
                first += len(lines)
        if left:
            yield Lines(first, left.splitlines(keepends=True))


def parse_rows(
    file: Path, rows: Sequence[bytes], numbers: Sequence[int], dtype: np.dtype, delimiter: str | None
) -> np.ndarray:
    """Rows as a table [n] of `dtype`, which has a field for each word; `delimiter` None means blanks.

    ValueError naming the line with another number of words, or a word that its field cannot hold.
    """
    if not rows:
        return np.empty(0, dtype)
    try:
        table = np.loadtxt(rows, dtype, comments=None, delimiter=delimiter, encoding="latin-1", ndmin=1)
        if len(table) == len(rows):
            return table
    except ValueError:
        pass  # row by row, to name the line; and integers may be written as 1.0
    numbered = zip(numbers, rows, strict=True)
    return np.array([_parse_row(f"{file}:{n}", row, dtype, delimiter) for n, row in numbered], dtype)


def split_row(row: bytes, delimiter: str | None) -> list[str]:
    """The words of a row, without the blanks around them."""
    return [word.strip() for word in row.decode("latin-1").strip("\r\n").split(delimiter)]


def _parse_row(where: str, row: bytes, dtype: np.dtype, delimiter: str | None) -> tuple[float, ...]:
    words = split_row(row, delimiter)
    text = row[:80].decode("latin-1").strip()
    names = dtype.names or ()
    if len(words) != len(names):
        raise ValueError(f"{where}: {len(words)} values, but a row has {len(names)} (in {text!r})")
    values = list[float]()
    for name, word in zip(names, words, strict=True):
        try:
            values.append(_number(word, dtype[name]))
        except (ValueError, OverflowError):
            raise ValueError(
                f"{where}: {name} is {word[:40]!r}, no {dtype[name]} number (in {text!r})"
            ) from None
    return tuple(values)


def _number(word: str, dtype: np.dtype) -> float:
    """The number that a word says, if the type holds it."""
    if not word.isascii() or "_" in word:
        raise ValueError(word)
    if dtype.kind == "f":
        return float(word)
    value = int(word) if word.lstrip("+-").isdigit() else float(word)
    if value != int(value):
        raise ValueError(word)
    return int(np.array(int(value), dtype))


def extend_rows(
    rows: Sequence[bytes],
    replaced: Mapping[int, Sequence[str]],
    added: Sequence[Sequence[str]],
    delimiter: str | None,
    glue: str = " ",
) -> list[bytes]:
    """Rows with the words of some places replaced, and others appended behind `glue`; the rest is kept."""
    out = list[bytes]()
    for number, row in enumerate(rows):
        text = row.rstrip(b"\r\n")
        end = row[len(text) :] or b"\n"
        if replaced:
            text = _replace(text.decode("latin-1"), {at: w[number] for at, w in replaced.items()}, delimiter)
        tail = "".join(f"{glue}{words[number]}" for words in added)
        out.append(b"".join((text, tail.encode("latin-1"), end)))
    return out


def _replace(text: str, words: Mapping[int, str], delimiter: str | None) -> bytes:
    """A row with the words of some places replaced, the blanks around them kept."""
    pattern = r"(\s+)" if delimiter is None else rf"(\s*{re.escape(delimiter)}\s*)"
    lead = text[: len(text) - len(text.lstrip())]
    parts = re.split(pattern, text[len(lead) :])
    for place, word in words.items():
        parts[2 * place] = word
    return (lead + "".join(parts)).encode("latin-1")


def as_words(values: np.ndarray) -> list[str]:
    """Numbers [n] as the shortest text that gives them back."""
    if values.dtype.kind == "b":
        values = values.astype(np.uint8)
    words: list[str] = values.astype(str).tolist()
    return words
