"""Coefficient maps: a point has its voxel's coefficient, the best keys are found and shown."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from shown_rooms import FLOOR, room
from studies import small_study

from ffnet3d.analysis.class_keys import ClassKey, best_of_stages, class_moments, key_values, labelled
from ffnet3d.analysis.map_files import TOP, color_range, draw_maps, view_of, write_cloud
from ffnet3d.analysis.maps import maps_section
from ffnet3d.analysis.pictures import is_turned
from ffnet3d.analysis.places import Place, mixers_of, watch
from ffnet3d.analysis.selectivity import Moments
from ffnet3d.data.formats import read_ply
from ffnet3d.view.read import read_shown

pytest.importorskip("matplotlib", reason="matplotlib is needed: pip install 'ffnet3d[view]'")

DEEP = Place("encoder", 2, 0, "token")


def test_every_point_gets_the_coefficient_of_its_voxel(tmp_path: Path):
    one = labelled(small_study(tmp_path).cases, predicted=False)[0]
    key = ClassKey(DEEP, 5, 0.0, 0.0, 0.0)
    seen = {}
    with watch({DEEP: mixers_of(one.case.network.backbone)[DEEP]}, lambda *found: seen.update([found])):
        batch = one.case.batch()
        one.case.predict(batch)
    column = seen[DEEP][:, key.key].numpy()
    cells = batch["pyramid"].levels[DEEP.level].grid_coord.numpy()
    by_cell = {tuple(cell): value for cell, value in zip(cells.tolist(), column.tolist(), strict=True)}
    scene = one.case.scene
    place = scene.grid_coord[scene.point_to_voxel] // 4
    expected = [by_cell[tuple(cell)] for cell in place.tolist()]
    (found,) = key_values(one, FLOOR, [key])
    np.testing.assert_array_equal(found.points, np.float32(expected))
    assert found.inside.sum() == (scene.truth == FLOOR).sum()


def test_classes_go_by_true_labels_unless_predicted_ones_are_wanted(tmp_path: Path):
    study = small_study(tmp_path)
    true, predicted = (labelled(study.cases, wanted)[0] for wanted in (False, True))
    assert true.true
    np.testing.assert_array_equal(true.labels, room(900)["segment"])
    assert not predicted.true
    np.testing.assert_array_equal(predicted.labels, study.cases[0].predict())


def test_the_best_key_of_a_stage_may_be_of_any_of_its_mixers():
    weight = torch.tensor([10.0, 10.0])

    def with_means(inside: list[float]) -> Moments:
        means = torch.tensor([inside, [0.0] * len(inside)])
        return Moments(weight, means * 10, torch.full((len(inside),), 200.0))

    channel, fine = Place("encoder", 2, 1, "channel"), Place("decoder", 0, 0, "token")
    best = best_of_stages(
        {DEEP: with_means([0.1, 0.4]), channel: with_means([0.2, 0.3, 1.0]), fine: with_means([-1.0, -2.0])}
    )
    assert [(key.place, key.key) for key in best] == [(channel, 2), (fine, 0)]
    assert best[0].inside == 1.0
    assert best[0].contrast == pytest.approx(1 / np.sqrt(10 - 0.25))


def test_sums_of_classes_come_from_all_scans(tmp_path: Path):
    cases = labelled(small_study(tmp_path).cases, predicted=False)
    once, twice = class_moments(cases, {"floor": FLOOR}), class_moments((*cases, *cases), {"floor": FLOOR})
    assert twice["floor"][DEEP].weight.tolist() == [2 * n for n in once["floor"][DEEP].weight.tolist()]
    torch.testing.assert_close(twice["floor"][DEEP].contrasts(), once["floor"][DEEP].contrasts())


def test_a_cloud_holds_the_scan_and_the_coefficients(tmp_path: Path):
    scene = small_study(tmp_path).cases[0].scene
    values = np.linspace(-0.2, 3, len(scene.points), dtype=np.float32)
    write_cloud(tmp_path / "map.ply", scene, values, "made up")
    points = read_ply(tmp_path / "map.ply").elements["vertex"]
    np.testing.assert_array_equal(points["coefficient"], values)
    for axis in "xyz":
        np.testing.assert_array_equal(points[axis].astype(np.float32), room(900)[axis])
    assert [points[name][-1] for name in ("red", "green", "blue")] == [253, 231, 36]  # viridis' end
    shown = read_shown(tmp_path / "map.ply")
    np.testing.assert_array_equal(
        np.unique(shown.color, axis=0),
        np.unique(np.stack([points[n] for n in ("red", "green", "blue")], 1), axis=0),
    )


def test_colors_run_between_percentiles():
    values = np.zeros(1000, dtype=np.float32)
    values[0] = 1e6  # one outlier must not make all else dark
    assert color_range(values) == (0.0, 1.0)
    assert color_range(np.arange(101, dtype=np.float32)) == (1.0, 99.0)


def test_the_picture_shows_the_class_in_red(tmp_path: Path):
    from matplotlib.image import imread

    scene = small_study(tmp_path).cases[0].scene
    values = scene.points.coord[:, 0]
    inside = scene.truth == FLOOR

    def red(name: str, mask: np.ndarray) -> int:
        draw_maps(tmp_path / name, scene, "floor", mask, [("key 1", values), ("key 2", -values)])
        pixels = imread(tmp_path / name)[:, :, :3]
        return int((np.abs(pixels - np.array([0xD6, 0x27, 0x28]) / 255).max(axis=2) < 0.02).sum())

    assert red("floor.png", inside) > 1000
    assert red("nothing.png", np.zeros_like(inside)) == 0


@pytest.mark.parametrize("turned", [False, True])
def test_views_count_from_the_middle_and_a_long_room_lies_across(turned: bool):
    coord = np.array([[0.0, 0.0, 0.0], [2.0, 6.0, 1.0], [2.0, 6.0, 0.9]])
    if not turned:
        coord = coord[:, [1, 0, 2]]
    assert is_turned(coord) == turned
    place, _ = view_of(coord, np.arange(3), TOP, turned)
    side = -1 if turned else 1  # a turn and no mirror image: x runs downwards
    np.testing.assert_allclose(place[:2], [[-3, -side], [3, side]], atol=1e-9)


def test_the_section_has_a_table_pictures_and_clouds(tmp_path: Path):
    study = small_study(tmp_path, ("floor", "box"))
    out = tmp_path / "out"
    out.mkdir()
    section = maps_section(study, out)
    figures = json.loads(json.dumps(section.figures, allow_nan=False))
    assert [entry["class"] for entry in figures["classes"]] == ["floor", "box"]
    floor = figures["classes"][0]
    assert floor["points"] == (room(900)["segment"] == FLOOR).sum()
    assert len(floor["keys"]) == 9  # stages
    assert all(key["contrast"] > 0 and 0 < key["separation"] <= 1 for key in floor["keys"])
    part = section.parts[0]
    assert part.title == "floor in small"
    assert len(part.tables[0].rows) == 9
    assert len(part.files) == 3
    written = {file.name for file in out.iterdir()}
    assert written == {
        name for each in section.parts for name in (*dict(each.files), *(p.file for p in each.pictures))
    }
    strongest = sorted(key["contrast"] for key in floor["keys"])[-3:]
    drawn = [
        key["contrast"]
        for key in floor["keys"]
        if any(
            f"{key['stage']}{key['level']}-block{key['block']}-{key['mixer']}-key{key['key']}." in n
            for n in dict(part.files)
        )
    ]
    assert sorted(drawn) == strongest


def test_a_class_that_is_predicted_nowhere_or_everywhere_has_no_map(tmp_path: Path):
    study = small_study(tmp_path, ("wall", "box"), predicted=True)
    head = study.networks[0].segmentor.seg_head
    with torch.no_grad():
        head.bias[1] = 1e6
    wall, box = maps_section(study, tmp_path).parts
    assert wall.words == ("small finds nothing but wall in these scans: there is no map.",)
    assert box.words == ("small finds no box in these scans: there is no map.",)
    assert wall.figures["points"] == 900
    assert box.figures["keys"] == []


def test_a_network_without_static_keys_has_no_map(tmp_path: Path):
    study = small_study(tmp_path, ("box",), mixers="pooling", channel_mixers="identity")
    part = maps_section(study, tmp_path).parts[0]
    assert part.words == ("small has no mixer whose keys are weights: there is no map.",)
