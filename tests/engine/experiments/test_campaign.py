"""Campaigns: which runs are done, which go on, and which settings must be the same."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from experiments_made_up import made_up_provenance, write_test
from tiny_run import write_config

pytest.importorskip("lightning_fabric", reason="pip install 'ffnet3d[train]'")

from ffnet3d.engine.checkpoint import save_checkpoint
from ffnet3d.engine.config import Config, dump_config, load_config
from ffnet3d.engine.experiments.campaign import (
    State,
    base_name,
    differing_keys,
    is_main_process,
    last_checkpoint,
    run_all,
    state_of,
)
from ffnet3d.engine.launch import TrainRequest
from ffnet3d.engine.run_folder import RunFolder

REQUEST = TrainRequest(dataset="scans", config="run_config.py", name="all/one")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder with a config file."""
    monkeypatch.chdir(tmp_path)
    write_config(tmp_path)
    return tmp_path


def begin(request: TrainRequest, *overrides: str) -> RunFolder:
    """The folder of a run that has written its config."""
    dump_config(load_config("run_config.py", overrides), request.folder.config)
    return request.folder


def train_to(folder: RunFolder, epoch: int, best: int = 1) -> None:
    """The checkpoints after so many epochs, of which one was the best."""
    for file, at in ((folder.model_last, epoch), (folder.model_best, best)):
        save_checkpoint(file, {"epoch": at, "state_dict": {"weight": torch.zeros(1)}})


def leave_result(folder: RunFolder, epoch: int = 1) -> None:
    """A test.json of the best checkpoint, when it was that of an epoch."""
    provenance = made_up_provenance("Area_2", 3)
    provenance = replace(provenance, checkpoint=replace(provenance.checkpoint, epoch=epoch))
    write_test(folder.root, "Area_2", 3, provenance)


def test_a_run_is_finished_by_a_test_after_its_last_epoch() -> None:
    folder = REQUEST.folder
    assert state_of(folder) is State.NEW
    begin(REQUEST)
    assert state_of(folder) is State.BEGUN
    train_to(folder, 2)  # of 3
    leave_result(folder)
    assert state_of(folder) is State.BEGUN  # somebody has tested in between
    train_to(folder, 3, best=3)
    assert state_of(folder) is State.BEGUN  # the best checkpoint is another now
    leave_result(folder, 3)
    assert state_of(folder) is State.FINISHED


def test_a_record_alone_must_be_of_later_than_the_last_epoch() -> None:
    folder = begin(REQUEST)
    train_to(folder, 3)
    folder.create()
    record = folder.result / "Area_5.pth"
    record.touch()
    os.utime(record, (0, 0))
    assert state_of(folder) is State.BEGUN
    record.touch()
    assert state_of(folder) is State.FINISHED


@pytest.mark.parametrize("result", ["test.json", "Area_5.pth"])
def test_results_without_checkpoints_are_those_of_a_finished_run(result: str) -> None:
    folder = REQUEST.folder
    folder.create()
    (folder.result / result).touch()
    assert state_of(folder) is State.FINISHED
    begin(REQUEST)
    assert state_of(folder) is State.FINISHED


def test_runs_are_begun_gone_on_with_or_left_alone_in_order() -> None:
    done, begun, new = (replace(REQUEST, name=f"all/{name}") for name in ("done", "begun", "new"))
    train_to(begin(done), 3)
    leave_result(done.folder)
    train_to(begin(begun), 1)
    started: list[TrainRequest] = []
    run_all([done, begun, new], started.append)
    assert started == [replace(begun, resume=True), new]


@pytest.mark.parametrize(
    ("overrides", "text"),
    [
        (("epoch=12", "eval_epoch=4"), "epoch, eval_epoch"),
        (("data.train.split=Area_2",), "data.train.split"),
        (("optimizer.betas=[0.9,0.95]",), "optimizer.betas"),
        (("seed=4",), "seed"),
        (("hooks.5.test_last=True",), "hooks.5.test_last"),
        (
            (
                "batch_size=1",
                "clip_grad=1",
                "epoch=3",
                "mix_prob=1",
                "sync_bn=False",
                "seed=4",
                "enable_amp=True",
            ),
            "batch_size, clip_grad, enable_amp, epoch, mix_prob, seed, ...",
        ),
    ],
)
def test_other_settings_than_a_run_was_begun_with_are_named_before_any_work(
    overrides: tuple[str, ...], text: str
) -> None:
    second = replace(REQUEST, name="all/two", overrides=overrides)
    begin(second)
    started: list[TrainRequest] = []
    with pytest.raises(
        ValueError, match=rf"exp/scans/all/two was begun .* \({re.escape(text)}\): give the same"
    ):
        run_all([REQUEST, second], started.append)
    assert started == []


def test_where_and_how_a_run_computes_may_change() -> None:
    words = "num_worker=3 report=True save_steps=7 data_root=elsewhere backend=torch hooks.0.strict=True"
    request = replace(REQUEST, overrides=tuple(words.split()), data_root=Path("other"))
    begin(request)
    started: list[TrainRequest] = []
    run_all([request], started.append)
    assert started == [replace(request, resume=True)]


def test_a_drawn_seed_stays() -> None:
    begin(REQUEST, "seed=123456")
    started: list[TrainRequest] = []
    run_all([replace(REQUEST, overrides=("seed=None",))], started.append)
    assert len(started) == 1


def test_a_config_that_tests_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="hooks lack PreciseEvaluator, which tests a trained network"):
        run_all([replace(REQUEST, overrides=("hooks=[]",))], print)


def test_the_last_checkpoint_is_an_override_of_the_hook_that_tests() -> None:
    config = load_config("run_config.py")
    word = last_checkpoint(config)
    assert load_config("run_config.py", [word]).hooks[5] == {"type": "PreciseEvaluator", "test_last": True}


def test_a_campaign_is_named_by_its_config() -> None:
    assert base_name(replace(REQUEST, name=None), "seeds") == "run_config-seeds"
    assert base_name(REQUEST, "seeds") == "all/one"
    with pytest.raises(ValueError, match="name a config with -c"):
        base_name(replace(REQUEST, config=None), "seeds")


def test_differing_keys_reach_into_dicts_and_lists() -> None:
    first = Config({"a": {"b": [1, {"c": 2}], "d": (1, 2)}, "e": 1})
    same = {"a": {"b": (1, {"c": 2}), "d": [1, 2]}, "e": 1.0}
    other = {"a": {"b": [1, {"c": 3}], "d": [1], "f": 0}}
    assert list(differing_keys(first, same)) == []
    assert list(differing_keys(first, other)) == ["a.b.1.c", "a.d", "a.f", "e"]


@pytest.mark.parametrize(
    ("environment", "main"),
    [({}, True), ({"RANK": "0"}, True), ({"RANK": "1"}, False), ({"NODE_RANK": "1"}, False)],
)
def test_one_process_tells_and_writes(
    environment: dict[str, str], main: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("RANK", "NODE_RANK"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert is_main_process() is main
