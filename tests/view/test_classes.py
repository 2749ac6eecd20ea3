"""Names and colours of classes, and where they come from."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from ffnet3d.data.classes import S3DIS13, SCANNET20_PALETTE, SCANNET200
from ffnet3d.view.classes import given_naming, guessed_naming, shown_classes, summary_naming


def test_names_by_data_set_or_one_by_one():
    assert [each.name for each in given_naming("s3dis").known.values()] == list(S3DIS13)
    assert given_naming("ScanNet20").known[19].color == SCANNET20_PALETTE[19]
    assert given_naming("wall, floor ,chair").known[2].name == "chair"
    with pytest.raises(ValueError, match="--classes scanet: give s3dis, scannet20, scannet200, or the names"):
        given_naming("scanet")


@pytest.mark.parametrize("color", ["#010203", [1, 2, 3]])
@pytest.mark.parametrize("name", ["room.json", "room.ply.json"])
def test_the_summary_beside_the_file(tmp_path: Path, name, color):
    classes = [{"label": 4, "name": "lamp", "color": color}]
    (tmp_path / name).write_text(json.dumps({"classes": classes}))
    naming = summary_naming(tmp_path / "room.ply")
    assert naming is not None
    assert naming.source == f"Class names are those of {name}."
    (lamp, other) = shown_classes([4, 9], naming, {})
    assert (lamp.name, lamp.color) == ("lamp", (1, 2, 3))
    assert other.name == "class 9"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"classes": 3}',
        '{"classes": [{"name": "a"}]}',
        '{"classes": [{"label": 1, "name": "a", "color": "red"}]}',
    ],
)
def test_another_json_beside_the_file_is_none_of_ours(tmp_path: Path, text):
    (tmp_path / "room.json").write_text(text)
    assert summary_naming(tmp_path / "room.ply") is None


def test_a_data_set_is_guessed_only_where_labels_fit():
    assert guessed_naming(np.array([0, 12]), None).known[12].name == "clutter"
    assert "a guess" in guessed_naming(np.array([0, 12]), None).source
    assert guessed_naming(np.array([0, 7]), "segment200").known[7].name == SCANNET200[7]
    assert "segment200" in guessed_naming(np.array([0, 7]), "segment200").source
    assert not guessed_naming(np.array([0, 7]), "segment").known
    assert "not known" in guessed_naming(np.array([0, 7]), "segment").source
    assert guessed_naming(np.array([], np.int32), None).source == ""


def test_unknown_classes_keep_the_files_own_colours():
    (first, second) = shown_classes([3, 8], guessed_naming(np.array([3, 8]), None), {3: (9, 8, 7)})
    assert (first.name, first.color) == ("class 3", (9, 8, 7))
    assert second.color != first.color
