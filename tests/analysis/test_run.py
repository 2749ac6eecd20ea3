"""A study from files, and the folder that comes out, whole after each instrument."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from shown_rooms import room, write_room
from small_weights import random_network, save_weights
from studies import CLASSES, RECIPE, small_study

from ffnet3d.analysis import run, scene
from ffnet3d.analysis.asked import NAMES, choose, read_recipes, short_name, unique_names
from ffnet3d.analysis.network import open_networks, study_network
from ffnet3d.analysis.page import Section
from ffnet3d.analysis.scene import read_scene
from ffnet3d.analysis.study import make_study
from ffnet3d.data.classes import SCANNET20
from ffnet3d.data.formats import write_ply
from ffnet3d.models import fuse
from ffnet3d.segment.recipe import Recipe
from ffnet3d.segment.scan_options import ScanOptions
from ffnet3d.segment.segmenter import Segmenter

pytest.importorskip("safetensors", reason="safetensors is needed: pip install 'ffnet3d[train]'")


def test_predictions_are_those_of_segment(tmp_path: Path):
    weights = save_weights(tmp_path / "weights", ("color",), classes=list(CLASSES), grid_size=0.2)
    file = write_room(tmp_path / "room.ply", 900)
    study = make_study(open_networks([weights]), [file])
    columns = room(900)
    expected, _ = Segmenter(weights).predict(
        np.stack([columns[axis] for axis in "xyz"], 1),
        np.stack([columns[name] for name in ("red", "green", "blue")], 1),
    )
    np.testing.assert_array_equal(study.cases[0].predict(), expected)


def test_the_network_is_unfused_and_in_evaluation_mode(tmp_path: Path):
    network = small_study(tmp_path).networks[0]
    assert not network.segmentor.training
    with pytest.raises(ValueError, match="small is fused: study the network that it was fused from"):
        study_network(fuse(network.segmentor), RECIPE, "small")


def test_names_of_weights_are_short_and_unique(tmp_path: Path):
    run_folder = tmp_path / "exp" / "demo" / "first"
    (run_folder / "model").mkdir(parents=True)
    assert short_name(run_folder) == "first"
    assert short_name(run_folder / "model" / "model_last.pth") == "first-model_last"
    assert short_name(tmp_path / "shared" / "model.safetensors") == "shared"
    assert unique_names(["a", "b", "a", "a"]) == ("a", "b", "a-2", "a-3")


def test_several_networks_look_at_several_scans(tmp_path: Path):
    files = []
    for place in ("one", "two"):
        (tmp_path / place).mkdir()
        files.append(write_room(tmp_path / place / "room.ply", 300))
    networks = [study_network(random_network(3, 3, seed), RECIPE, f"n{seed}", "cpu") for seed in (0, 1)]
    study = make_study(networks, files)
    assert [(case.network.name, case.scene.name) for case in study.cases] == [
        ("n0", "room"),
        ("n0", "room-2"),
        ("n1", "room"),
        ("n1", "room-2"),
    ]
    assert [case.network.name for case in study.of(networks[1])] == ["n1", "n1"]


def test_true_labels_come_from_the_scan(tmp_path: Path):
    columns = room(300)
    file = tmp_path / "room.ply"
    write_ply(file, {**columns, "x": np.where(np.arange(300) == 7, np.nan, columns["x"])})
    found = read_scene(file, "room", RECIPE, ScanOptions())
    np.testing.assert_array_equal(found.truth, np.delete(columns["segment"], 7))
    assert len(found.place) == len(found.points) == 299
    np.testing.assert_array_equal(found.place[:, 0], np.delete(columns["x"], 7))
    assert "true labels: the column segment" in found.notes


@pytest.mark.parametrize("highest", [3, -1])
def test_labels_of_other_classes_are_no_truth(tmp_path: Path, highest: int):
    columns = room(300)
    write_ply(tmp_path / "room.ply", {**columns, "segment": np.full(300, highest, np.int32)})
    found = read_scene(tmp_path / "room.ply", "room", RECIPE, ScanOptions())
    assert found.truth is None
    known = "labels up to 3" if highest == 3 else "no label"
    assert found.notes[-1] == f"the column segment holds {known}, the network has 3 classes: not used"


def test_too_large_a_scan_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(scene, "MOST_VOXELS", 50)
    with pytest.raises(ValueError, match=r"room\.ply: \d+ voxels of 0\.2 m, and at most 50 are looked at"):
        small_study(tmp_path)


@pytest.mark.parametrize(
    ("classes", "predicted", "message"),
    [
        (("walls",), False, "--class walls: small has no such class: did you mean 'wall'"),
        (("box",), False, "no point of these scans is box by its true label; there are floor, wall"),
    ],
)
def test_classes_that_cannot_be_shown(tmp_path: Path, classes, predicted, message):
    columns = room(300)
    columns["segment"] = np.where(columns["segment"] == 2, -1, columns["segment"])
    write_ply(tmp_path / "room.ply", columns)
    network = study_network(random_network(3, 3), RECIPE, "small", "cpu")
    with pytest.raises(ValueError, match=message):
        make_study([network], [tmp_path / "room.ply"], classes, predicted)
    assert make_study([network], [tmp_path / "room.ply"], ("box",), predicted=True).classes == ("box",)


def test_instruments_are_chosen_by_name():
    assert choose(None, ["box"]) == NAMES == tuple(run.INSTRUMENTS)
    assert choose(None) == ("coefficients", "receptive", "cost")
    assert choose(["maps", "coefficients"], ["box"]) == ("coefficients", "maps")
    with pytest.raises(ValueError, match="--only colours: the instruments are coefficients, maps"):
        choose(["colours"])
    with pytest.raises(ValueError, match="--only maps: maps are of classes: give --class NAME"):
        choose(["cost", "maps"])


def test_maps_of_no_class_are_left_out_aloud(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setattr(run, "INSTRUMENTS", {"maps": None, "cost": lambda *_: Section("Cost")})
    caplog.set_level("INFO")
    run.analyze(small_study(tmp_path), tmp_path / "out")
    assert "maps are left out: --class NAME shows those of a class (floor, wall, box)" in caplog.text


def test_recipes_are_known_without_the_networks(tmp_path: Path):
    save_weights(tmp_path / "one", ("color",), classes=list(CLASSES), grid_size=0.2)
    (network,) = open_networks([tmp_path / "one"], features=("color",))
    assert read_recipes([tmp_path / "one"], features=("color",)) == {"one": network.recipe}


def test_page_and_figures_say_what_was_looked_at(tmp_path: Path):
    pytest.importorskip("matplotlib", reason="matplotlib is needed: pip install 'ffnet3d[view]'")
    page = run.analyze(small_study(tmp_path), tmp_path / "out", ["coefficients"])
    text = page.read_text(encoding="utf-8")
    assert "<title>Analysis of small</title>" in text
    assert '<td>small</td><td>room</td><td class="number">900</td>' in text
    assert "room: unit: m (none given); z points up" in text
    assert "not used" not in text
    figures = json.loads((tmp_path / "out" / "analysis.json").read_text())
    assert figures["networks"][0]["recipe"]["classes"] == list(CLASSES)
    assert figures["scans"][0]["points"] == 900
    assert list(figures["sections"]) == ["coefficients"]
    assert len(figures["sections"]["coefficients"]["networks"]["small"]) == 18


def test_what_was_found_stays_when_a_later_instrument_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def fails(*_):
        raise ValueError("out of order")

    monkeypatch.setattr(
        run, "INSTRUMENTS", {"first": lambda *_: Section("Done", figures={"answer": 42}), "second": fails}
    )
    with pytest.raises(ValueError, match="out of order"):
        run.analyze(small_study(tmp_path), tmp_path / "out")
    assert "<h2>Done</h2>" in (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    figures = json.loads((tmp_path / "out" / "analysis.json").read_text())
    assert figures["sections"] == {"first": {"answer": 42}}


def test_a_real_room_has_its_true_labels():
    real = os.environ.get("FFNET3D_REALDATA")
    if not real:
        pytest.skip("set FFNET3D_REALDATA to a folder with scannet/val/scene0009_00")
    folder = Path(real) / "scannet" / "val" / "scene0009_00"
    recipe = Recipe(0.08, ("color", "normal"), SCANNET20)
    found = read_scene(folder, "room", recipe, ScanOptions())
    np.testing.assert_array_equal(found.truth, np.load(folder / "segment20.npy").reshape(-1))
    np.testing.assert_array_equal(found.place.astype(np.float32), np.load(folder / "coord.npy"))
    assert found.point_to_voxel.max() + 1 == found.num_voxels == len(found.features)
