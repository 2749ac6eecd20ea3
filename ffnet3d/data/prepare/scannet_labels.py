"""ScanNet's label table: what annotators typed -> the ids of the category, in ScanNet and in NYU40."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

LABELS_FILE = "scannetv2-labels.combined.tsv"
COLUMNS = ("raw_category", "id", "nyu40id")


class Category(NamedTuple):
    """Ids of a raw category: ScanNet's own (whence the 200 classes) and NYU40's (whence the 20)."""

    id: int
    nyu40id: int


def read_labels(file: Path | None = None) -> dict[str, Category]:
    """Raw category -> ids, from a table with a header such as the data set's own, or the built-in one.

    Where a category stands twice, its first row counts. ValueError naming the line: missing columns, rows of
    other lengths, ids that are no numbers.
    """
    builtin = files("ffnet3d.data.prepare") / "tables" / "scannet_labels.tsv"
    source = builtin if file is None else file
    try:
        text = source.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{source}: not a text file in UTF-8 ({error})") from error
    table: dict[str, Category] = {}
    for raw, category in _rows(text, str(source)):
        table.setdefault(raw, category)
    if not table:
        raise ValueError(f"{source}: no rows below the header")
    return table


def _rows(text: str, source: str) -> Iterator[tuple[str, Category]]:
    lines = [line.rstrip("\r") for line in text.split("\n")]  # the data set's own ends its lines by \r\r\n
    header = lines[0].removeprefix("\ufeff").split("\t")
    for name in COLUMNS:
        if name not in header:
            raise ValueError(f"{source}:1: no column {name!r}, but {', '.join(header)}")
    raw, number, nyu40 = (header.index(name) for name in COLUMNS)
    for position, line in enumerate(lines[1:], start=2):
        if not line.strip():
            continue
        fields = line.split("\t")
        if len(fields) != len(header):
            raise ValueError(f"{source}:{position}: {len(fields)} fields, but the header has {len(header)}")
        try:
            yield fields[raw], Category(int(fields[number]), int(fields[nyu40]))
        except ValueError as error:
            values = f"{fields[number]!r} and {fields[nyu40]!r}"
            raise ValueError(f"{source}:{position}: id and nyu40id must be numbers, got {values}") from error
