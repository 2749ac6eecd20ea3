"""`ffnet3d analyze`: scans and networks in, a page out, mistakes named."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

pytest.importorskip("typer", reason="pip install 'ffnet3d[cli]'")
pytest.importorskip("safetensors", reason="pip install 'ffnet3d[train]'")
pytest.importorskip("matplotlib", reason="pip install 'ffnet3d[view]'")
from shown_rooms import NAMES, write_room
from small_weights import save_weights
from typer.testing import CliRunner

from ffnet3d.cli import app


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A room and two networks that know its classes."""
    folder = tmp_path_factory.mktemp("analyze")
    write_room(folder / "room.ply", 600)
    for name in ("first", "second"):
        save_weights(folder / name, ("color",), classes=NAMES.split(","), grid_size=0.2)
    (folder / "model.onnx").write_bytes(b"")
    return folder


def analyze(folder: Path, *words: object) -> str:
    command = ["analyze", folder / "room.ply", "-w", folder / "first", *words]
    result = CliRunner().invoke(app, [*map(str, command)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_two_networks_on_one_page(folder: Path, tmp_path: Path):
    out = tmp_path / "out.1"
    words = ("-w", folder / "second", "-o", out, "--class", "box", "--only", "coefficients,maps")
    assert f"{out / 'index.html'} (" in analyze(folder, *words)
    figures = json.loads((out / "analysis.json").read_text())
    assert list(figures["sections"]["coefficients"]["networks"]) == ["first", "second"]
    found = figures["sections"]["maps"]["classes"]
    assert [(entry["network"], entry["class"]) for entry in found] == [("first", "box"), ("second", "box")]
    page = (out / "index.html").read_text(encoding="utf-8")
    assert "box in first" in page
    assert "box in second" in page
    assert len([*out.glob("*.ply")]) == 6
    assert {file.name for file in out.glob("*.png")} == {
        "coefficients.png",
        "first_room_box.png",
        "second_room_box.png",
    }


def test_a_class_is_checked_before_networks_and_scans_are_read(folder: Path, tmp_path: Path):
    shutil.copytree(folder / "first", tmp_path / "first")
    (tmp_path / "first" / "model.safetensors").write_bytes(b"no network")
    (tmp_path / "room.ply").write_bytes(b"no scan")
    with pytest.raises(ValueError, match="--class walls: first has no such class: did you mean 'wall'"):
        analyze(tmp_path, "--class", "walls")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--class", "bx"), "--class bx: first has no such class: did you mean 'box'?"),
        (("--only", "maps"), "--only maps: maps are of classes: give --class NAME"),
        (("--only", "colours"), "--only colours: the instruments are coefficients, maps"),
        (("-o", "page.html"), "--out page.html: the page comes with other files: name a folder"),
        (("-o", "map.ply"), "--out map.ply: the page comes with other files: name a folder"),
        (("-w", "nowhere"), "nowhere does not exist: give a run's folder"),
        (("-w", "FOLDER/model.onnx"), "model.onnx: an ONNX file has its norms folded in"),
        (("--condition", "ScanNet"), "--condition ScanNet: this network has no norms by data set"),
        (("--features", "normal,color"), "the network takes 3 numbers a point"),
        (("--device", "abacus"), "device 'abacus' cannot be used here"),
    ],
)
def test_mistakes_are_named(folder: Path, tmp_path: Path, words, message, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=re.escape(message)):
        analyze(folder, *(word.replace("FOLDER", str(folder)) for word in words))
    assert not any(tmp_path.iterdir())
