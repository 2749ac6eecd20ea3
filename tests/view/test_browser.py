"""The page in a real browser: it draws what it should, and asks nobody for anything."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from shown_rooms import NAMES, room, write_room

from ffnet3d.data.formats import write_ply
from ffnet3d.view import Shown, write_page
from ffnet3d.view.classes import ShownClass
from ffnet3d.view.page import fill_page

matplotlib_image = pytest.importorskip("matplotlib.image", reason="pip install 'ffnet3d[view]'")

WRONG = (214, 39, 40)


@dataclass
class Opened:
    """A page in the browser, and what it did."""

    page: Any
    requests: list[str]
    complaints: list[str]

    def picture(self) -> np.ndarray:
        """What the canvas shows, uint8 [height, width, 3]."""
        self.page.wait_for_timeout(120)
        self.page.wait_for_function(
            "() => { const c = document.querySelector('canvas');"
            " const s = JSON.parse(document.querySelector('#scene').textContent);"
            " return Number(c.dataset.drawn) === s.shown; }"
        )
        return pixels(self.page.locator("canvas").screenshot())

    def show(self, mode: str) -> np.ndarray:
        self.page.locator(f"#modes input[value={mode}]").check(force=True)
        return self.picture()

    def toggle(self, name: str) -> np.ndarray:
        self.page.get_by_role("checkbox", name=name).click()
        return self.picture()


def pixels(png: bytes) -> np.ndarray:
    return np.rint(matplotlib_image.imread(io.BytesIO(png), format="png")[..., :3] * 255).astype(np.uint8)


def count(picture: np.ndarray, color: tuple[int, ...]) -> int:
    return int((np.abs(picture.astype(int) - color).max(-1) <= 2).sum())


@pytest.fixture
def opened(browser: Any) -> Iterator[Callable[..., Opened]]:
    """Opens a page file; at the end of the test there must have been no complaint, and no other request."""
    context = browser.new_context(viewport={"width": 780, "height": 480}, accept_downloads=True)
    all_opened = []

    def open_page(file: Path, shading: bool = False) -> Opened:
        page = context.new_page()
        one = Opened(page, [], [])
        page.on("request", lambda request: one.requests.append(request.url))
        page.on("console", lambda message: one.complaints.append(message.text))
        page.on("pageerror", lambda error: one.complaints.append(str(error)))
        page.goto(file.as_uri())
        page.wait_for_selector("canvas[data-drawn]")
        if not shading:  # exact colours
            page.locator("#shading").uncheck()
        all_opened.append((file, one))
        return one

    yield open_page
    for file, one in all_opened:
        assert one.complaints == []
        assert [url for url in one.requests if not url.startswith(("blob:", "data:"))] == [file.as_uri()]
    context.close()


@pytest.fixture
def shown_room(opened, tmp_path: Path) -> Opened:
    return opened(write_page(write_room(tmp_path / "room.ply"), tmp_path / "room.html", classes=NAMES))


def class_color(one: Opened, name: str) -> tuple[int, ...]:
    script = "JSON.parse(document.querySelector('#scene').textContent).classes"
    return next(tuple(each["color"]) for each in one.page.evaluate(script) if each["name"] == name)


def test_a_class_is_hidden_and_comes_back(shown_room: Opened):
    before = shown_room.picture()
    box, floor = class_color(shown_room, "box"), class_color(shown_room, "floor")
    assert count(before, box) > 200
    hidden = shown_room.toggle("box")
    assert count(hidden, box) == 0
    assert count(hidden, floor) >= count(before, floor)
    np.testing.assert_array_equal(shown_room.toggle("box"), before)


def test_all_none_and_only_one(shown_room: Opened):
    page, before = shown_room.page, shown_room.picture()
    colors = [class_color(shown_room, name) for name in ("floor", "wall", "box")]
    page.locator("#none").click()
    assert len(np.unique(shown_room.picture().reshape(-1, 3), axis=0)) == 1
    page.locator("#all").click()
    np.testing.assert_array_equal(shown_room.picture(), before)
    page.get_by_text("wall", exact=True).click(modifiers=["Alt"])
    counts = [count(shown_room.picture(), color) for color in colors]
    assert counts[1] > 200
    assert counts[0] == counts[2] == 0
    page.get_by_role("button", name="show only wall").click(force=True)
    np.testing.assert_array_equal(shown_room.picture(), before)


def test_each_mode_has_its_own_picture(shown_room: Opened):
    modes = ("input", "labels", "confidence", "errors", "truth")
    pictures = [shown_room.show(mode) for mode in modes]
    for i, one in enumerate(pictures):
        for other in pictures[:i]:
            assert (one != other).any(axis=-1).sum() > 200
    assert shown_room.page.locator("#modes label").count() == len(modes)


def test_what_is_wrong_is_red(shown_room: Opened):
    assert count(shown_room.show("labels"), WRONG) == 0
    errors = shown_room.show("errors")
    assert count(errors, WRONG) > 200
    columns = room()
    known = columns["segment"] >= 0
    right = (columns["segment"] == columns["label"])[known].mean()
    assert f"{100 * right:.1f} % right" in shown_room.page.locator("#outcomes").inner_text()
    assert count(shown_room.toggle("wrong"), WRONG) == 0


def test_the_legend_counts(shown_room: Opened):
    columns = room()
    text = shown_room.page.locator("#classes ul").inner_text().split()
    for label, name in enumerate(NAMES.split(",")):
        assert text[text.index(name) + 1] == f"{(columns['label'] == label).sum():,}"
    shown_room.show("truth")
    assert "unlabelled" in shown_room.page.locator("#classes ul").inner_text()


def test_turning_moving_and_zooming(shown_room: Opened):
    page, pictures = shown_room.page, [shown_room.picture()]
    page.locator("canvas").focus()
    for key in ("ArrowLeft", "Shift+ArrowUp", "+", "t"):
        page.keyboard.press(key)
        pictures.append(shown_room.picture())
    for button in ("left", "right"):
        page.mouse.move(200, 300)
        page.mouse.down(button=button)
        page.mouse.move(260, 330, steps=3)
        page.mouse.up(button=button)
        pictures.append(shown_room.picture())
    page.mouse.wheel(0, -300)
    pictures.append(shown_room.picture())
    for former, now in pairwise(pictures):
        assert (former != now).any()
    page.locator("#reset").click()
    np.testing.assert_array_equal(shown_room.picture(), pictures[0])


def test_settings_change_the_picture(shown_room: Opened):
    page, before = shown_room.page, shown_room.picture()
    wall = class_color(shown_room, "wall")
    page.locator("#cut").fill("0.3")
    cut = shown_room.picture()
    assert count(cut, wall) < 0.7 * count(before, wall)
    assert page.locator("#cut-value").inner_text() == "0.60 of 2.00"
    page.locator("#cut").fill("1")
    page.locator("#size").fill("2")
    assert count(shown_room.picture(), (255, 255, 255)) < count(before, (255, 255, 255))
    page.locator("#background").select_option("dark")
    assert count(shown_room.picture(), (255, 255, 255)) == 0


def test_a_click_reads_a_point_and_a_double_click_turns_about_it(shown_room: Opened):
    before = shown_room.picture()
    rows, columns = np.nonzero(np.abs(before.astype(int) - class_color(shown_room, "box")).max(-1) <= 2)
    middle = int(np.argmin(np.abs(rows - np.median(rows)) + np.abs(columns - np.median(columns))))
    place = {"x": int(columns[middle]), "y": int(rows[middle])}
    shown_room.page.locator("canvas").click(position=place)
    text = shown_room.page.locator("#readout").inner_text()
    assert "label: box (confidence 0.95)" in text
    assert "truth: box" in text
    x, y, z = (float(word) for word in text.splitlines()[0].split()[1::2])
    assert 1.9 < x < 2.9
    assert 1.4 < y < 2.4
    assert 0 <= z < 0.7
    shown_room.page.locator("canvas").dblclick(position=place)
    assert (shown_room.picture() != before).any()


def test_the_picture_is_saved(shown_room: Opened, tmp_path: Path):
    shown = shown_room.picture()
    with shown_room.page.expect_download() as download:
        shown_room.page.locator("#save").click()
    assert download.value.suggested_filename == "room_labels.png"
    download.value.save_as(tmp_path / "saved.png")
    saved = pixels((tmp_path / "saved.png").read_bytes())
    assert saved.shape == shown.shape
    assert count(saved, class_color(shown_room, "box")) > 200


def test_edges_are_shaded(opened, tmp_path: Path):
    file = write_page(write_room(tmp_path / "room.ply"), tmp_path / "room.html", classes=NAMES)
    shaded = opened(file, shading=True)
    box = class_color(shaded, "box")
    pure = count(shaded.picture(), box)
    shaded.page.locator("#shading").uncheck()
    assert 0 < pure < count(shaded.picture(), box)


def test_points_alone_are_shaded_by_height(opened, tmp_path: Path):
    columns = room()
    write_ply(tmp_path / "bare.ply", {axis: columns[axis] for axis in "xyz"})
    bare = opened(write_page(tmp_path / "bare.ply", tmp_path / "bare.html"))
    assert bare.page.locator("#modes").inner_text().split() == ["Show", "Height"]
    assert not bare.page.locator("#classes").is_visible()
    assert len(np.unique(bare.picture().reshape(-1, 3), axis=0)) > 50


@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_is_cut_off(shown_room: Opened, width):
    shown_room.page.set_viewport_size({"width": width, "height": 800})
    shown_room.picture()
    assert shown_room.page.evaluate("document.documentElement.scrollWidth") <= width
    for choice in shown_room.page.locator("#modes span").all():
        box = choice.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width


def test_a_million_points(opened, tmp_path: Path):
    count_of_points = 1_000_000
    rng = np.random.default_rng(0)
    coord = rng.random((count_of_points, 3)) * [20, 10, 3]
    coord[::2, 2] = 0
    label = (coord[:, 0] // 5).astype(np.int32)
    classes = tuple(ShownClass(row, f"part {row}", (60 * row, 200, 255 - 60 * row)) for row in range(4))
    shown = Shown("large", 20_300_000, coord, label=label, classes=classes)
    (tmp_path / "large.html").write_text(fill_page(shown), encoding="utf-8")
    large = opened(tmp_path / "large.html")
    assert "1,000,000 of 20,300,000 points shown" in large.page.locator("#sample").inner_text()
    assert all(count(large.picture(), each.color) > 50 for each in classes)
    large.page.mouse.move(200, 300)
    large.page.mouse.down()
    drawn = []
    for step in range(6):
        large.page.mouse.move(200 + 5 * step, 300)
        drawn.append(int(large.page.locator("canvas").get_attribute("data-drawn")))
    large.page.mouse.up()
    assert 0 < min(drawn) < count_of_points  # fewer while it moves
    assert large.picture().std() > 0  # all when it rests
