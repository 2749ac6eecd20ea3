"""index.html: what the instruments found, on one page that opens offline, pictures in it."""

from __future__ import annotations

import base64
import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any

from ffnet3d.atomic import write_atomic

NUMBER = ' class="number"'


@dataclass(frozen=True)
class Table:
    """Rows of cells; a cell that is a number in text stands to the right.

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
    columns = zip(table.header, zip(*table.rows, strict=True) if table.rows else table.header, strict=True)
    header = "".join(
        f"<th{NUMBER if all(map(is_number, column)) else ''}>{html.escape(name)}</th>"
        for name, column in columns
    )
    rows = "".join(f"<tr>{''.join(map(cell_html, row))}</tr>" for row in table.rows)
    body = f"{caption}<thead><tr>{header}</tr></thead><tbody>{rows}</tbody>"
    return f'<div class="scroll"><table>{body}</table></div>'


def cell_html(cell: str) -> str:
    """A cell; numbers to the right, so that their digits stand below one another."""
    return f"<td{NUMBER if is_number(cell) else ''}>{html.escape(cell)}</td>"


def is_number(cell: str) -> bool:
    """Whether a cell begins as a number does; an empty one is one, so that a column may have gaps."""
    return not cell or cell.lstrip("+-−")[:1].isdigit() or cell == "nan"


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
