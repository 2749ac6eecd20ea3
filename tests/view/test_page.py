"""The page as text: whole, self-contained, and with the points in it."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shown_rooms import NAMES, write_room

from ffnet3d.view import Shown, build_page, read_shown, write_page
from ffnet3d.view.classes import ShownClass
from ffnet3d.view.encode import cut_height, describe, encode_arrays, spacing
from ffnet3d.view.page import fill_page


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write_room(tmp_path / "room.ply")


def array(page: str, name: str, dtype: str) -> np.ndarray:
    found = re.search(rf'<script type="text/plain" id="{name}">([^<]*)</script>', page)
    assert found is not None, f"no array {name}"
    return np.frombuffer(base64.b64decode(found[1]), dtype)


def scene(page: str) -> dict:
    found = re.search(r'id="scene">([^<]*)<', page)
    assert found is not None
    return json.loads(found[1])


def test_the_page_holds_the_points(file: Path):
    shown = read_shown(file, classes=NAMES)
    page, facts = fill_page(shown), scene(fill_page(shown))
    position = array(page, "position", "<u2").reshape(-1, 3)
    coord = position / 65535 * facts["extent"] + facts["low"]
    np.testing.assert_allclose(coord, shown.coord, atol=4 / 65535)
    np.testing.assert_array_equal(array(page, "color", "u1").reshape(-1, 3), shown.color)
    np.testing.assert_array_equal(array(page, "label", "<u2"), shown.label)
    np.testing.assert_array_equal(array(page, "truth", "<u2"), np.where(shown.truth < 0, 3, shown.truth))
    np.testing.assert_array_equal(array(page, "confidence", "u1"), shown.confidence)
    assert [each["name"] for each in facts["classes"]] == ["floor", "wall", "box"]


def test_what_is_not_there_takes_no_place(tmp_path: Path):
    bare = write_room(tmp_path / "bare.ply", leave_out=("red", "label", "confidence", "segment"))
    page = build_page(bare)
    assert re.findall('<script type="text/plain" id="([a-z]+)"', page) == ["position"]


def test_nothing_is_loaded_from_anywhere(file: Path):
    page = build_page(file, classes=NAMES)
    assert not re.search(r"https?:|//[a-z]+\.|\bimport\b|\bfetch\(|XMLHttpRequest|WebSocket|@import", page)
    assert re.findall(r'(?:src|href)="([^"]*)"', page) == ["data:,"]
    assert "default-src 'none'" in page
    assert '"use strict";' in page


def test_names_cannot_break_out_of_the_page(file: Path):
    shown = read_shown(file, classes="floor,</script><b>,box")
    page = fill_page(replace(shown, name="<img src=x>", notes=("<i>",)))
    assert "</script><b>" not in page
    assert "<img" not in page
    assert "<i>" not in page
    assert scene(page)["classes"][1]["name"] == "</script><b>"


def test_a_sample_is_said_to_be_one(file: Path):
    assert "6,000 points, all of them shown" in build_page(file, classes=NAMES)
    page = build_page(file, classes=NAMES, points=500)
    assert "500 of 6,000 points shown, an even sample" in page
    assert "Counts and shares are those of the points shown." in page


def test_the_page_is_written_whole(file: Path, tmp_path: Path):
    out = write_page(file, tmp_path / "room.html", classes=NAMES)
    assert out.read_text(encoding="utf-8") == build_page(file, classes=NAMES)
    with pytest.raises(ValueError, match="no such"):
        write_page(tmp_path / "none.ply", out)
    assert out.read_text(encoding="utf-8").endswith("</html>\n")


@given(
    places=st.lists(st.tuples(*[st.floats(-1e6, 1e6)] * 3), min_size=1, max_size=30),
)
def test_positions_are_exact_to_a_step_of_the_box(places):
    shown = Shown("cloud", len(places), np.array(places, dtype=np.float64))
    facts = describe(shown)
    steps = np.frombuffer(base64.b64decode(encode_arrays(shown)["position"]), "<u2").reshape(-1, 3)
    extent = np.array(facts["extent"])
    assert (np.abs(steps / 65535 * extent + facts["low"] - shown.coord) <= extent / 65535 + 1e-9).all()
    assert np.isfinite(facts["spacing"])
    assert facts["spacing"] > 0
    assert 0 < facts["cut"] <= 1


def test_labels_become_rows_of_the_classes():
    classes = tuple(ShownClass(label, str(label), (0, 0, 0)) for label in (2, 7, 40))
    shown = Shown("cloud", 4, np.eye(4, 3), label=np.array([40, 2, -1, 7]), classes=classes)
    assert np.frombuffer(base64.b64decode(encode_arrays(shown)["label"]), "<u2").tolist() == [2, 0, 3, 1]


def test_a_ceiling_is_cut_away_at_first():
    rng = np.random.default_rng(0)
    floor = rng.random((4000, 3)) * [4, 4, 0.01]
    lamp = [2, 2, 1] + rng.random((500, 3)) * [0.2, 0.2, 1.5]
    assert cut_height(np.vstack([floor, lamp])) == 1
    assert cut_height(np.vstack([floor, lamp, np.add(floor, [0, 0, 2.5])])) < 0.9


def test_spacing_is_about_that_of_the_points():
    x, y = np.meshgrid(np.arange(0, 5, 0.02), np.arange(0, 5, 0.02))
    plane = np.stack([x.ravel(), y.ravel(), np.zeros(x.size)], 1)
    assert 0.01 < spacing(plane) < 0.04
