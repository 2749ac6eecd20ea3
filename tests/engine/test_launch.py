"""From the words of the command line to a config, a run's folder and a checkpoint."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from tiny_run import write_config

from ffnet3d.engine.config import Config, dump_config, load_config
from ffnet3d.engine.launch import (
    TestRequest,
    TrainRequest,
    find_config,
    find_weights,
    prepare_demo,
    training_config,
)
from ffnet3d.engine.launch import testing_config as config_of_test  # pytest would run it by its own name

REQUEST = TrainRequest(dataset="scans", config="run_config.py")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder with a config file."""
    monkeypatch.chdir(tmp_path)
    write_config(tmp_path)
    return tmp_path


def finished_run(name: str = "old") -> Path:
    """The folder of a run with its config and an empty checkpoint."""
    folder = Path("exp/scans") / name
    dump_config(load_config("run_config.py", ["epoch=12"]), folder / "config.py")
    (folder / "model").mkdir()
    (folder / "model" / "model_last.pth").touch()
    return folder


def test_a_training_gets_its_folder_data_and_weights() -> None:
    Path("start.pth").touch()
    config = training_config(
        replace(
            REQUEST, name="first", weights=Path("start.pth"), data_root=Path("scans"), overrides=("epoch=9",)
        )
    )
    assert (config.save_path, config.epoch, config.weight) == ("exp/scans/first", 9, "start.pth")
    assert config.resume is False
    assert {config.data[part].data_root for part in ("train", "val", "test")} == {"scans"}


def test_a_run_is_called_like_its_config() -> None:
    assert training_config(REQUEST).save_path == "exp/scans/run_config"


def test_a_resumed_run_goes_on_with_its_own_config() -> None:
    folder = finished_run()
    config = training_config(TrainRequest("scans", None, name="old", resume=True, overrides=("epoch=24",)))
    assert (config.save_path, config.resume, config.epoch) == (str(folder), True, 24)
    assert training_config(TrainRequest("scans", "other", name="old", resume=True)).epoch == 12


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"config": None}, "name a config with -c, or with -r true the run to go on with by -n"),
        ({"name": "old"}, "exp/scans/old already holds a trained run"),
        ({"name": "new", "resume": True}, "nothing to resume in exp/scans/new"),
        ({"weights": Path("no.pth")}, "-w: there is no file no.pth"),
        ({"config": "no.py"}, "-c: there is no file no.py"),
        ({"config": "ffnet3d"}, "-d scans: did you mean 'scannet'"),
        (
            {"dataset": "demo", "config": "ffnet"},
            r"-c ffnet: there is no .*ffnet\.py; did you mean 'ffnet3d'",
        ),
    ],
)
def test_requests_that_cannot_be_met_are_named(change: dict, text: str) -> None:
    finished_run()
    with pytest.raises(ValueError, match=text):
        training_config(replace(REQUEST, **change))


def test_configs_of_the_current_folder_come_first(here: Path) -> None:
    assert find_config("demo", "ffnet3d") == Path(__file__).parents[2] / "configs" / "demo" / "ffnet3d.py"
    (here / "configs" / "mine").mkdir(parents=True)
    (here / "configs" / "mine" / "net.py").touch()
    assert find_config("mine", "net") == Path("configs/mine/net.py")
    with pytest.raises(ValueError, match="-d demo: known: mine"):
        find_config("demo", "ffnet3d")


def test_a_test_takes_the_config_of_its_run_unless_another_is_named() -> None:
    folder = finished_run()
    request = TestRequest("scans", "old", data_root=Path("other"))
    config = config_of_test(request)
    assert (config.save_path, config.epoch, config.data.test.data_root) == (str(folder), 12, "other")
    assert config_of_test(replace(request, config="run_config.py")).epoch == 6
    with pytest.raises(ValueError, match=r"there is no run exp/scans/odl \(runs of scans: old\)"):
        config_of_test(replace(request, name="odl"))


@pytest.mark.parametrize("run", ["Area_2", "seed_0", "seed_0/Area_1"])
def test_a_folder_of_several_runs_is_no_run_to_test(run: str) -> None:
    file = Path("exp/scans/six") / run / "config.py"
    file.parent.mkdir(parents=True)
    file.touch()
    with pytest.raises(ValueError, match=rf"^six is an experiment of several runs: .* as -n six/{run}$"):
        config_of_test(TestRequest("scans", "six"))


def test_a_new_folder_needs_a_config_and_a_file_of_weights() -> None:
    request = TestRequest("scans", "new", config="run_config.py")
    assert config_of_test(request).save_path == "exp/scans/new"
    Path("other.pth").touch()
    assert find_weights(replace(request, weights="other.pth")) == Path("other.pth")
    with pytest.raises(ValueError, match=r"neither a checkpoint exp/scans/new/model/model_best\.pth"):
        find_weights(request)
    with pytest.raises(ValueError, match=r"needs its config \(-c\) and its file \(-w\)"):
        config_of_test(TestRequest("scans", "new"))


def test_weights_are_a_name_of_the_run_or_a_file() -> None:
    last = finished_run() / "model" / "model_last.pth"
    request = TestRequest("scans", "old", weights="model_last")
    assert find_weights(request) == last
    Path("other.pth").touch()
    assert find_weights(replace(request, weights="other.pth")) == Path("other.pth")
    with pytest.raises(ValueError, match=r"-w model_best: there is neither a checkpoint .*best\.pth nor"):
        find_weights(replace(request, weights="model_best"))


def test_only_the_demo_makes_its_rooms(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Path] = []
    monkeypatch.setattr("ffnet3d.data.demo.make_demo", made.append)
    config = Config({"data": {"train": {"data_root": "data/here"}}})
    prepare_demo("scannet", config)
    assert made == []
    prepare_demo("demo", config)
    assert made == [Path("data/here")]


@pytest.mark.parametrize(
    ("override", "flag"), [("save_path=exp/x", "-n"), ("resume=True", "-r true"), ("weight='a.pth'", "-w")]
)
def test_a_setting_that_a_flag_makes_is_refused_as_an_override(override: str, flag: str) -> None:
    request = TrainRequest(dataset="demo", config="ffnet3d", overrides=(override,))
    with pytest.raises(ValueError, match=f"{re.escape(override)}: use {flag} instead"):
        training_config(request)
