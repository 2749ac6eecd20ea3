"""The page: everything in one file, nothing from elsewhere, whatever characters names hold."""

from __future__ import annotations

import re
from base64 import b64decode
from pathlib import Path

import pytest

from ffnet3d.analysis.page import Picture, Section, Table, is_numeric, write_page

PNG = b"\x89PNG made up"


@pytest.fixture
def page(tmp_path: Path) -> str:
    (tmp_path / "bars.png").write_bytes(PNG)
    table = Table(("name", "share (%)"), (("a<b", "12.5"), ("c", "-3")), "Shares & more.")
    part = Section("Within", ("Deeper.",), pictures=(Picture("bars.png", 'The "bars".'),))
    sections = (
        Section("One", ("First.", "Second."), (table,), files=(("cloud.ply", "a cloud"),), parts=(part,)),
        Section("Two"),
    )
    file = write_page(tmp_path, "Analysis of <x>", sections)
    assert file == tmp_path / "index.html"
    return file.read_text(encoding="utf-8")


def test_it_needs_nothing_from_elsewhere(page: str):
    (source,) = re.findall(r'src="([^"]*)"', page)
    assert b64decode(source.removeprefix("data:image/png;base64,")) == PNG
    assert "http" not in page
    assert "<script" not in page


def test_sections_stand_in_order_under_their_links(page: str):
    assert re.findall(r'<a href="#(s\d)">(\w+)</a>', page) == [("s0", "One"), ("s1", "Two")]
    assert re.findall(r'<section id="(s\d)">', page) == ["s0", "s1"]
    assert page.index("<h2>One</h2>") < page.index("<h3>Within</h3>") < page.index("<h2>Two</h2>")


def test_text_is_no_markup(page: str):
    assert "Analysis of &lt;x&gt;" in page
    assert "<td>a&lt;b</td>" in page
    assert "<caption>Shares &amp; more.</caption>" in page
    assert 'alt="The &quot;bars&quot;."' in page


def test_numbers_stand_to_the_right_and_so_does_their_header(page: str):
    assert '<th>name</th><th class="number">share (%)</th>' in page
    assert '<td class="number">12.5</td>' in page
    assert '<td class="number">-3</td>' in page


def test_files_are_linked(page: str):
    assert '<a href="cloud.ply">cloud.ply</a>: a cloud' in page


@pytest.mark.parametrize(
    ("column", "numeric"),
    [
        (("1,200", "-0.5", "–", "", "nan"), True),
        (("1.5 (1.2–1.9)", "61.0 ± 4.2", "1e-05"), True),
        (("encoder 0", "3"), False),
        (("2nd", "3"), False),
        (("2024-first",), False),
        (("", "–"), False),
    ],
)
def test_columns_of_numbers_and_of_text(column: tuple[str, ...], numeric: bool):
    assert is_numeric(column) is numeric


def test_a_table_without_rows_has_its_header(tmp_path: Path):
    file = write_page(tmp_path, "Empty", (Section("None", tables=(Table(("a", "b"), ()),)),))
    assert "<th>a</th><th>b</th>" in file.read_text(encoding="utf-8")


def test_the_page_is_written_whole_or_not(tmp_path: Path):
    write_page(tmp_path, "Former", ())
    broken = Section("New", pictures=(Picture("missing.png", "not there"),))
    with pytest.raises(FileNotFoundError):
        write_page(tmp_path, "New", (broken,))
    assert "Former" in (tmp_path / "index.html").read_text(encoding="utf-8")
