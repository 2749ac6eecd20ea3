"""The fast test: each voxel once, in a folder of its own, and how far that is from the full protocol."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from engine.testing.networks import ROOMS, read_labels, save_network
from tiny_run import tiny_config

pytest.importorskip("lightning_fabric", reason="pip install 'ffnet3d[train]'")

from ffnet3d.engine import test as tester
from ffnet3d.engine.config import Config
from ffnet3d.engine.testing.options import TestOptions

FAST = TestOptions(fast=True)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return tiny_config(tmp_path)


@pytest.fixture
def result(config: Config) -> Path:
    return Path(config.save_path) / "result"


def files_of(folder: Path) -> dict[str, int]:
    """The files of the full results, and when they were written."""
    files = [file for file in folder.rglob("*") if file.is_file() and "fast" not in file.parts]
    return {str(file): file.stat().st_mtime_ns for file in files}


def summary(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "test.json").read_text())


def test_points_of_a_voxel_get_one_label(config: Config, result: Path) -> None:
    fast = tester.test(config, save_network(config, seed=1), options=FAST)
    assert fast.file == result / "fast" / "test.json"
    assert not (result / "test.json").exists()
    coord = np.load(Path(config.data.test.data_root) / "Area_2" / "room_0" / "coord.npy").astype(float)
    cells = np.floor(coord / 0.2).astype(int)
    labels = read_labels(config, ROOMS[0], "result/fast")
    for cell in np.unique(cells, axis=0):
        assert len(np.unique(labels[(cells == cell).all(1)])) == 1
    assert len(np.unique(labels)) > 3
    assert summary(result / "fast")["provenance"]["protocol"] == "fast"
    assert summary(result / "fast")["views"] == 1


def test_without_full_results_the_difference_is_unknown_and_said_so(
    config: Config, result: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", logger="ffnet3d"):
        tester.test(config, save_network(config, seed=1), options=FAST)
    assert summary(result / "fast")["difference"] is None
    assert "from the full protocol is unknown" in caplog.text
    assert "--fast --compare N tests N scenes in full as well" in caplog.text


def test_a_full_test_of_the_same_network_is_compared_and_left_alone(
    config: Config, result: Path, caplog: pytest.LogCaptureFixture
) -> None:
    weight = save_network(config, seed=1)
    full = tester.test(config, weight)
    before = files_of(result)
    with caplog.at_level("INFO", logger="ffnet3d"):
        fast = tester.test(config, weight, options=FAST)
    assert files_of(result) == before
    difference = summary(result / "fast")["difference"]
    same = [read_labels(config, room) == read_labels(config, room, "result/fast") for room in ROOMS]
    assert (difference["scenes"], difference["of"]) == (3, 3)
    assert difference["equal_labels"] == pytest.approx(np.concatenate(same).mean())
    assert difference["equal_labels"] < 1
    assert difference["mIoU"] == pytest.approx(fast.miou - full.miou)
    assert difference["allAcc"] == pytest.approx(fast.allacc - full.allacc)
    assert [row["name"] for row in difference["per_scene"]] == ROOMS
    assert difference["per_scene"][1]["equal_labels"] == pytest.approx(same[1].mean())
    assert difference["seconds_fast"] > 0
    assert "Fast beside full, 3 of 3 scenes: " in caplog.text


def test_results_of_another_network_are_not_compared_with(config: Config, result: Path) -> None:
    tester.test(config, save_network(config, seed=1))
    before = files_of(result)
    tester.test(config, save_network(config, seed=2), options=FAST)
    assert summary(result / "fast")["difference"] is None
    assert files_of(result).items() >= before.items()


def test_some_scenes_are_tested_in_full_to_compare_and_kept_for_later(
    config: Config, result: Path, caplog: pytest.LogCaptureFixture
) -> None:
    weight = save_network(config, seed=1)
    tester.test(config, weight, options=TestOptions(fast=True, compare=2))
    difference = summary(result / "fast")["difference"]
    assert [row["name"] for row in difference["per_scene"]] == ROOMS[:2]
    assert not (result / "test.json").exists()
    with caplog.at_level("INFO", logger="ffnet3d"):
        tester.test(config, weight)
    assert "2 of 3 scenes were tested before" in caplog.text


def test_comparing_does_not_replace_the_results_of_another_test(config: Config, result: Path) -> None:
    tester.test(config, save_network(config, seed=1))
    before = files_of(result)
    other = save_network(config, seed=2)
    with pytest.raises(ValueError, match=r"holds results of another full test \(other weights \(3\)\)"):
        tester.test(config, other, options=TestOptions(fast=True, compare=1))
    assert files_of(result).items() >= before.items()
    tester.test(config, other, options=TestOptions(fast=True, compare=1, fresh=True))
    assert [file.stem for file in (result / "records").glob("*.json")] == ROOMS[:1]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"compare": 2}, "--compare goes with --fast"),
        ({"fast": True, "compare": -1}, "--compare is a number of scenes, not -1"),
        ({"fast": True, "submit": True}, "--submit needs the full protocol: leave --fast out"),
    ],
)
def test_flags_that_contradict_each_other(options: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        TestOptions(**options)
