"""The section of the receptive field: every network at the same places, tables, pictures and clouds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from shown_rooms import write_room
from small_weights import random_network
from studies import RECIPE, small_study

from ffnet3d.analysis.network import study_network
from ffnet3d.analysis.receptive_section import SAMPLES, receptive_section, sample_points
from ffnet3d.analysis.study import Study, make_study
from ffnet3d.data.formats.ply import read_ply

pytest.importorskip("matplotlib", reason="matplotlib is needed: pip install 'ffnet3d[view]'")


def two_networks(folder: Path) -> Study:
    """Voxels of 20 and 30 cm, on two rooms."""
    networks = [
        study_network(random_network(3, 3, seed), RECIPE.changed(grid_size=size), name, "cpu")
        for seed, size, name in ((0, 0.2, "fine one"), (1, 0.3, "coarse"))
    ]
    for place in ("one", "two"):
        (folder / place).mkdir()
    return make_study(networks, [write_room(folder / place / "room.ply", 500) for place in ("one", "two")])


def test_samples_are_points_of_the_voxels_of_the_first_network(tmp_path: Path):
    study = two_networks(tmp_path)
    points = sample_points(study, count=9)
    assert list(points) == ["room", "room-2"]
    scene = study.cases[0].scene
    rows = scene.point_to_voxel[points["room"]]
    assert (np.diff(rows) > 0).all()
    assert len(rows) == 9


def test_tables_and_files_of_two_networks(tmp_path: Path):
    study = two_networks(tmp_path)
    section = receptive_section(study, tmp_path)
    radii, reach = section.tables
    assert [row[:2] for row in radii.rows] == [
        (name, share) for name in ("fine one", "coarse") for share in ("20", "30", "50", "99")
    ]
    assert all(len(row) == len(radii.header) for row in radii.rows)
    assert [row[:2] for row in reach.rows] == [("fine one", str(2 * SAMPLES)), ("coarse", str(2 * SAMPLES))]
    assert [name for name, _ in section.files] == ["receptive_fine-one.ply", "receptive_coarse.ply"]
    assert all((tmp_path / picture.file).read_bytes().startswith(b"\x89PNG") for picture in section.pictures)


def test_figures_are_those_of_the_tables_and_the_cloud_is_the_scan(tmp_path: Path):
    study = small_study(tmp_path)
    section = receptive_section(study, tmp_path)
    (network,) = section.figures["networks"]
    assert (network["name"], network["samples"]) == ("small", SAMPLES)
    radii = [ball["radius_voxels"]["mean"] for ball in network["balls"]]
    assert radii == sorted(radii)
    assert section.tables[0].rows[0][3].startswith(f"{radii[0]:.1f} ±")
    assert section.tables[0].rows[3][2].startswith(f"{0.2 * radii[3]:.3f} ±")
    vertex = read_ply(tmp_path / "receptive_small.ply").elements["vertex"]
    scene = study.cases[0].scene
    np.testing.assert_array_equal(np.stack([vertex[axis] for axis in "xyz"], axis=1), scene.place)
    first = np.unique(scene.point_to_voxel, return_index=True)[1]
    assert vertex["contribution"][first].sum() == pytest.approx(1, rel=1e-5)
