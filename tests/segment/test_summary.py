import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from made_scans import room, write_scan

from ffnet3d.data.classes import palette
from ffnet3d.segment.labels import Labels
from ffnet3d.segment.recipe import Recipe
from ffnet3d.segment.scan import open_scan
from ffnet3d.segment.scan_options import ScanOptions
from ffnet3d.segment.summary import summarize
from ffnet3d.segment.summary_record import read_summary
from ffnet3d.segment.summary_text import describe

RECIPE = Recipe(0.1, ("color", "normal"), ("floor", "wall", "door"))
SEGMENTER = SimpleNamespace(recipe=RECIPE, network=SimpleNamespace(description="FFNet3D, 1.0 M parameters"))


def made(tmp_path, coord, label, confidence=None, **options):
    scan = open_scan(write_scan(tmp_path / "a.ply", coord), ScanOptions(**options), RECIPE.features)
    confidence = np.full(len(label), 0.5, np.float32) if confidence is None else confidence
    labels = Labels(np.asarray(label, np.int16), np.asarray(confidence, np.float32))
    return summarize(
        scan, labels, SEGMENTER, tmp_path / "out.ply", ("x", "label"), {"read": 0.12345}, "weights.onnx"
    )


def plane(step=0.02, size=(4.0, 3.0)):
    x, y = (np.arange(step / 2, length, step) for length in size)
    grid = np.stack(np.meshgrid(x, y, indexing="ij"), -1).reshape(-1, 2)
    return np.column_stack([grid, np.full(len(grid), 0.05)])


def test_points_area_confidence(tmp_path):
    coord = plane()
    label = np.where(coord[:, 0] < 1, 1, 0)
    label[[0, 1, 2]] = -1
    summary = made(tmp_path, coord, label, np.where(label == 1, 0.75, 0.5))
    floor, wall, door = summary.classes
    assert (floor.name, floor.points, floor.area_m2, floor.confidence) == ("floor", 22_500, 9.0, 0.5)
    assert (wall.points, wall.area_m2, wall.confidence) == (7_497, 3.0, 0.75)
    assert (door.points, door.area_m2, door.confidence) == (0, 0.0, None)
    assert summary.unlabelled == 3
    assert summary.extent_m == (3.98, 2.98, 0.0)
    assert wall.color == "#{:02x}{:02x}{:02x}".format(*palette(3)[1])


def test_areas_are_in_metres_whatever_the_unit(tmp_path):
    summary = made(tmp_path, plane() * 1000, np.zeros(30_000), unit="mm")
    assert summary.classes[0].area_m2 == pytest.approx(12.0, rel=0.03)


def test_areas_of_sparse_points_are_counted_in_larger_cells(tmp_path):
    coord = np.random.default_rng(0).random((3000, 3)) * [5, 4, 0] + [0, 0, 0.01]
    summary = made(tmp_path, coord, np.zeros(3000))
    assert 0.1 < summary.area_cell_m < 0.3
    assert summary.classes[0].area_m2 == pytest.approx(20, rel=0.1)


def test_points_left_out_are_unlabelled(tmp_path):
    coord = room(count=2000)
    coord[5] = np.nan
    label = np.ones(2000)
    label[5] = -1
    summary = made(tmp_path, coord, label)
    assert (summary.points, summary.unlabelled, summary.classes[1].points) == (2000, 1, 1999)
    assert any("NaN" in warning for warning in summary.warnings)


def test_the_file_brings_it_back(tmp_path):
    summary = made(tmp_path, room(count=2000), np.zeros(2000))
    (tmp_path / "a.json").write_text(json.dumps(summary.as_dict()))
    assert read_summary(tmp_path / "a.json") == replace(
        summary, recipe=json.loads(json.dumps(summary.recipe))
    )
    values = json.loads((tmp_path / "a.json").read_text())
    assert values["weights"] == "weights.onnx"
    assert values["recipe"]["grid_size"] == 0.1
    assert values["versions"]["numpy"] == np.__version__
    assert values["peak_process_memory_bytes"] > 10_000_000
    (tmp_path / "a.json").write_text(json.dumps({**values, "queue": {"key": "x"}}))
    assert read_summary(tmp_path / "a.json").points == 2000


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"scan": 1}'])
def test_other_files_are_no_summaries(tmp_path, text):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(ValueError, match=r"a\.json: not a summary of a segmented scan"):
        read_summary(tmp_path / "a.json")


def test_the_text_has_aligned_columns_sorted_by_points(tmp_path):
    coord = plane()
    label = np.where(coord[:, 0] < 1, 0, 1)
    label[0] = -1
    text = describe(made(tmp_path, coord, label))
    lines = text.splitlines()
    head = next(number for number, line in enumerate(lines) if line.startswith("class"))
    wall, floor, none = lines[head + 1 : head + 4]
    assert wall.split()[2:] == ["22,500", "75.0", "%", "9.00", "0.50"]
    assert wall.startswith("wall ")
    assert floor.startswith("floor ")
    assert none.startswith("(no label)")
    assert wall.index("22,500") + len("22,500") == floor.index("7,499") + len("7,499")
    assert "not found: door" in text
    assert "read 0.1 s; the process held" in text
