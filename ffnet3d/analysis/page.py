"""index.html: what the instruments found, on one page that opens offline, pictures in it."""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any

from ffnet3d.atomic import write_atomic

NUMERIC = ' class="number"'
NUMBER = re.compile(r"[+\-−]?[\d,]*\.?\d+(e[+-]?\d+)?( [(±].*)?|nan")
"""A number, and in brackets or after ± its range."""
GAPS = ("", "–")  # cells of a column of numbers that has none there


@dataclass(frozen=True)
class Table:
    """Rows of cells; a column of numbers stands to the right.

    Args:
        header: names of the columns, units in brackets.
        rows: each as long as the header.
        caption: a sentence above it.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""


@dataclass(frozen=True)
class Picture:
    """A PNG file in the page's folder.

    Args:
        file: its name there.
        caption: what it shows; also read out where the picture cannot be seen.
    """

    file: str
    caption: str


@dataclass(frozen=True)
class Section:
    """What one instrument has to say.

    Args:
        title: of the section.
        words: paragraphs: what is measured, how it is defined, what to make of it.
        tables: below the words.
        pictures: below the tables.
        files: names of further files in the page's folder (coloured clouds), each with what it is.
        parts: sections within it, below all that; their figures are left out.
        figures: everything that is shown, as JSON holds it; goes into analysis.json.
    """

    title: str
    words: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    pictures: tuple[Picture, ...] = ()
    files: tuple[tuple[str, str], ...] = ()
    parts: tuple[Section, ...] = ()
    figures: Mapping[str, Any] = field(default_factory=dict)


def write_page(folder: Path, title: str, sections: Sequence[Section]) -> Path:
    """Write `folder`/index.html, whole or not at all; the pictures are read from the folder. Returns it."""
    page = folder / "index.html"
    text = fill_page(folder, title, sections)
    write_atomic(page, lambda stream: stream.write(text.encode()))
    return page


def fill_page(folder: Path, title: str, sections: Sequence[Section]) -> str:
    """The page's HTML."""
    template = resources.files("ffnet3d.analysis").joinpath("page.html").read_text(encoding="utf-8")
    return Template(template).substitute(
        title=html.escape(title),
        contents="".join(
            f'<li><a href="#s{number}">{html.escape(section.title)}</a></li>'
            for number, section in enumerate(sections)
        ),
        sections="".join(
            f'<section id="s{number}">{section_html(folder, section)}</section>'
            for number, section in enumerate(sections)
        ),
    )


def section_html(folder: Path, section: Section, depth: int = 2) -> str:
    """One section and its parts, with a heading of that depth."""
    return "\n".join(
        [
            f"<h{depth}>{html.escape(section.title)}</h{depth}>",
            *(f"<p>{html.escape(paragraph)}</p>" for paragraph in section.words),
            *map(table_html, section.tables),
            *(picture_html(folder, picture) for picture in section.pictures),
            files_html(section.files),
            *(section_html(folder, part, depth + 1) for part in section.parts),
        ]
    )


def table_html(table: Table) -> str:
    """A table that scrolls by itself where it is wider than the page."""
    caption = f"<caption>{html.escape(table.caption)}</caption>" if table.caption else ""
    marks = [
        NUMERIC if is_numeric([row[at] for row in table.rows]) else "" for at in range(len(table.header))
    ]
    header = row_html("th", table.header, marks)
    rows = "".join(row_html("td", row, marks) for row in table.rows)
    body = f"{caption}<thead>{header}</thead><tbody>{rows}</tbody>"
    return f'<div class="scroll"><table>{body}</table></div>'


def row_html(tag: str, cells: Sequence[str], marks: Sequence[str]) -> str:
    """A row of cells (th or td), each with the attributes of its column."""
    marked = zip(cells, marks, strict=True)
    return f"<tr>{''.join(f'<{tag}{mark}>{html.escape(cell)}</{tag}>' for cell, mark in marked)}</tr>"


def is_numeric(column: Sequence[str]) -> bool:
    """Whether a column is of numbers, whose digits are to stand below one another; it may have gaps."""
    cells = [cell for cell in column if cell not in GAPS]
    return bool(cells) and all(map(NUMBER.fullmatch, cells))


def picture_html(folder: Path, picture: Picture) -> str:
    """A picture with its caption, in the page itself."""
    data = base64.b64encode((folder / picture.file).read_bytes()).decode()
    caption = html.escape(picture.caption)
    return (
        f'<figure><img alt="{caption}" src="data:image/png;base64,{data}">'
        f"<figcaption>{caption} ({html.escape(picture.file)})</figcaption></figure>"
    )


def files_html(files: Sequence[tuple[str, str]]) -> str:
    """A list of the files beside the page."""
    if not files:
        return ""
    items = "".join(
        f'<li><a href="{html.escape(name)}">{html.escape(name)}</a>: {html.escape(what)}</li>'
        for name, what in files
    )
    return f"<p>Files beside this page (<code>ffnet3d view FILE</code> shows a cloud):</p><ul>{items}</ul>"
