"""Tests go on where others ended, and never with what belongs to another network, config, code or scene."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from engine.testing.networks import ROOMS, read_labels, save_network, scores_and_scenes
from tiny_run import tiny_config

pytest.importorskip("lightning_fabric", reason="pip install 'ffnet3d[train]'")

from ffnet3d.engine import test as tester
from ffnet3d.engine.config import Config, dump_config
from ffnet3d.engine.testing import keys, scenes
from ffnet3d.engine.testing.options import TestOptions

# Tests in a process that ends by SIGKILL: before the second scene's record, or half-way through its labels.
VICTIM = """
import os, signal, sys
import numpy as np
from ffnet3d.engine.config import load_config
from ffnet3d.engine import test as tester
from ffnet3d.engine.testing import files, scenes

config, weight, moment = sys.argv[1:]
write, save, calls = scenes.write_scene_record, np.save, []

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def dying_write(file, record):
    calls.append(file)
    if len(calls) == 2:
        die()
    write(file, record)

def dying_save(file, array):
    calls.append(file)
    if len(calls) == 2:
        file.write(b"half")
        file.flush()
        die()
    save(file, array)

if moment == "record":
    scenes.write_scene_record = dying_write
else:
    np.save = dying_save
if __name__ == "__main__":
    tester.test(load_config(config), weight)
"""


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return tiny_config(tmp_path)


def kill_at(moment: str, config: Config, weight: Path) -> None:
    """Begin the test in another process, and see it die."""
    file = Path(config.save_path) / "resolved.py"
    dump_config(config, file)
    paths = os.pathsep.join(filter(None, (str(Path(__file__).parents[3]), os.environ.get("PYTHONPATH"))))
    victim = [sys.executable, "-c", VICTIM, str(file), str(weight), moment]
    with (file.parent / "output").open("w+") as output:
        environment = {**os.environ, "PYTHONPATH": paths}
        done = subprocess.run(victim, env=environment, stdout=output, stderr=output, timeout=120, check=False)
        output.seek(0)
        assert done.returncode == -signal.SIGKILL, output.read()


@pytest.fixture
def tested(config: Config, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """A test, and the names of the scenes that it predicted."""
    predicted: list[str] = []
    finish = scenes.finish_scene

    def counted(*arguments: object) -> object:
        number, record = finish(*arguments)
        predicted.append(record.name)
        return number, record

    monkeypatch.setattr(scenes, "finish_scene", counted)

    def run(weight: Path, **options: bool) -> list[str]:
        predicted.clear()
        tester.test(config, weight, options=TestOptions(**options))
        return list(predicted)

    return run


@pytest.mark.parametrize("moment", ["record", "labels"])
def test_killed_and_started_again_equals_undisturbed(config: Config, moment: str) -> None:
    weight = save_network(config, seed=1)
    kill_at(moment, config, weight)
    result = Path(config.save_path) / "result"
    assert [file.stem for file in (result / "records").glob("*.json")] == ROOMS[:1]
    assert not (result / "test.json").exists()
    resumed = tester.test(config, weight).file
    killed, labels = scores_and_scenes(resumed), [read_labels(config, room) for room in ROOMS]
    shutil.rmtree(result)
    undisturbed = tester.test(config, weight).file
    assert killed == scores_and_scenes(undisturbed)
    for room, before in zip(ROOMS, labels, strict=True):
        np.testing.assert_array_equal(before, read_labels(config, room))


def test_a_test_goes_on_with_what_is_left(
    config: Config, tested: Callable[..., list[str]], caplog: pytest.LogCaptureFixture
) -> None:
    weight = save_network(config, seed=1)
    assert tested(weight) == ROOMS
    (Path(config.save_path) / "result" / "records" / f"{ROOMS[1]}.json").unlink()
    with caplog.at_level("INFO", logger="ffnet3d"):
        assert tested(weight) == ROOMS[1:2]
    kept = "2 of 3 scenes were tested before with the same weights, config and code: kept; --fresh tests them"
    assert kept in caplog.text
    assert tested(weight) == []
    assert tested(weight, fresh=True) == ROOMS


def test_the_same_weights_in_another_file_are_the_same(
    config: Config, tested: Callable[..., list[str]]
) -> None:
    weight = save_network(config, seed=1)
    tested(weight)
    moved = weight.rename(weight.with_name("other.pth"))
    assert tested(moved) == []
    summary = json.loads((Path(config.save_path) / "result" / "test.json").read_text())
    assert summary["weight"] == str(moved)


def change_seed(config: Config, _: pytest.MonkeyPatch) -> None:
    config.seed = 4


def change_views(config: Config, _: pytest.MonkeyPatch) -> None:
    del config.data.test.test_cfg.aug_transform[1]


def change_code(_: Config, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(keys, "code_version", lambda: "later")


def change_weights(config: Config, _: pytest.MonkeyPatch) -> None:
    path = Path(config.save_path) / "model"
    shutil.copy(save_network(config, seed=2), path / "random_1.pth")


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (change_seed, "config"),
        (change_views, "config"),
        (change_code, "code"),
        (change_weights, "weights"),
    ],
)
def test_results_of_another_test_are_discarded(
    config: Config,
    tested: Callable[..., list[str]],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[Config, pytest.MonkeyPatch], None],
    kind: str,
) -> None:
    weight = save_network(config, seed=1)
    tested(weight)
    change(config, monkeypatch)
    with caplog.at_level("INFO", logger="ffnet3d"):
        assert tested(weight) == ROOMS
    assert f"are discarded: other {kind} (3)" in caplog.text


def test_what_does_not_change_a_prediction_keeps_it(
    config: Config, tested: Callable[..., list[str]], tmp_path: Path
) -> None:
    weight = save_network(config, seed=1)
    tested(weight)
    moved = (tmp_path / "rooms").rename(tmp_path / "moved")
    config.data.test.data_root, config.num_worker, config.epoch = str(moved), 2, 12
    assert tested(weight) == []


def test_a_changed_scene_or_file_of_labels_is_tested_again(
    config: Config, tested: Callable[..., list[str]], caplog: pytest.LogCaptureFixture
) -> None:
    weight = save_network(config, seed=1)
    tested(weight)
    file = Path(config.data.test.data_root) / "Area_2" / "room_1" / "color.npy"
    np.save(file, np.load(file)[::-1])
    result = Path(config.save_path) / "result"
    np.save(result / f"{ROOMS[2]}_pred.npy", np.zeros(3, dtype=np.int64))
    with caplog.at_level("INFO", logger="ffnet3d"):
        assert tested(weight) == ROOMS[1:]
    assert "other scene (1), other labels in the file (1)" in caplog.text
    (result / "records" / f"{ROOMS[0]}.json").write_text("{")
    assert tested(weight) == ROOMS[:1]


def test_probabilities_are_written_where_they_are_asked_for(
    config: Config, tested: Callable[..., list[str]]
) -> None:
    weight = save_network(config, seed=1)
    tested(weight)
    assert tested(weight, probabilities=True) == ROOMS
    labels = read_labels(config, ROOMS[0])
    probabilities = np.load(Path(config.save_path) / "result" / f"{ROOMS[0]}_prob.npy")
    assert (probabilities.dtype, probabilities.shape) == (np.float16, (len(labels), 13))
    np.testing.assert_allclose(probabilities.sum(1, dtype=np.float32), 1, atol=2e-3)
    assert (probabilities[np.arange(len(labels)), labels] == probabilities.max(1)).all()
    assert tested(weight) == []


def test_ctrl_c_says_how_much_is_kept(
    config: Config, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    weight, log = save_network(config, seed=1), scenes.log_scene

    def interrupted(record: scenes.SceneRecord) -> None:
        log(record)
        if record.name == ROOMS[1]:
            raise KeyboardInterrupt

    monkeypatch.setattr(scenes, "log_scene", interrupted)
    with caplog.at_level("INFO", logger="ffnet3d"), pytest.raises(KeyboardInterrupt):
        tester.test(config, weight)
    assert "2 of 3 scenes are tested and kept; the same command tests the others" in caplog.text


def test_results_do_not_depend_on_the_number_of_workers(
    config: Config, tested: Callable[..., list[str]]
) -> None:
    weight = save_network(config, seed=1)
    result = Path(config.save_path) / "result"
    written = []
    for workers in (0, 2):
        config.num_worker = workers
        assert tested(weight, fresh=True, probabilities=True) == ROOMS
        written.append({file.name: file.read_bytes() for file in result.glob("*.npy")})
    assert len(written[0]) == 6
    assert written[0] == written[1]


def test_areas_are_written_as_records(config: Config, tested: Callable[..., list[str]]) -> None:
    from ffnet3d.engine.records import read_record

    config.data.test.split = ["Area_1", "Area_2"]
    tested(save_network(config, seed=1))
    result = Path(config.save_path) / "result"
    records = [read_record(result / f"Area_{area}.pth") for area in (1, 2)]
    assert [int(record.target.sum()) for record in records] == [4 * 240, 3 * 240]
    scores = json.loads((result / "test.json").read_text())["scores"]
    assert (records[0] + records[1]).scores().miou == pytest.approx(scores["mIoU"])


def test_a_submission_is_written_of_a_benchmark_and_refused_elsewhere(
    config: Config, tested: Callable[..., list[str]], caplog: pytest.LogCaptureFixture
) -> None:
    from ffnet3d.data.scannet_ids import SCANNET20_IDS

    weight = save_network(config, seed=1)
    with pytest.raises(ValueError, match="S3DISDataset has no benchmark to submit to"):
        tested(weight, submit=True)
    config.data.test.type, config.data.num_classes, config.model.num_classes = "ScanNetDataset", 20, 20
    config.data.names = []
    with caplog.at_level("INFO", logger="ffnet3d"):
        assert len(tested(save_network(config, seed=2), submit=True)) == 3
    result = Path(config.save_path) / "result"
    lines = (result / "submit" / "room_0.txt").read_text().split()
    labels = read_labels(config, "room_0")
    assert list(map(int, lines)) == [SCANNET20_IDS[label] for label in labels]
    assert f"Submission: {result / 'submission.zip'}: 3 scenes, 720 points" in caplog.text
