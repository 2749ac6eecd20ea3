"""Which engine runs, and what Pointcept's is handed; on a stand-in for it."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_run import write_config

from ffnet3d.engine.config import load_config
from ffnet3d.engine.launch import TestRequest, TrainRequest
from ffnet3d.engine.run_folder import RunFolder
from ffnet3d.engine.testing.options import TestOptions
from ffnet3d.engines import Choice, choose_engine


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder, on a machine without Pointcept."""
    monkeypatch.delenv("POINTCEPT_ROOT", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that says it has a GPU."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)


@pytest.fixture
def checkout(elsewhere: Path, standin: Path, monkeypatch: pytest.MonkeyPatch) -> Path:  # noqa: ARG001
    """The stand-in, named by POINTCEPT_ROOT."""
    monkeypatch.setenv("POINTCEPT_ROOT", os.fspath(standin))
    return standin


@pytest.mark.usefixtures("elsewhere", "gpu", "fresh_imports")
def test_without_pointcept_there_is_nothing_to_choose() -> None:
    assert choose_engine("auto") == Choice("standalone")
    with pytest.raises(
        ValueError, match="-e pointcept: Pointcept is not importable here: set POINTCEPT_ROOT"
    ):
        choose_engine("pointcept")


@pytest.mark.usefixtures("gpu")
def test_auto_takes_pointcept_where_it_can_run(checkout: Path) -> None:
    choice = choose_engine("auto")
    assert choice.name == "pointcept"
    assert str(checkout) in choice.why
    assert choice.launcher().__name__ == "ffnet3d.pointcept.run"
    assert choose_engine("standalone") == Choice("standalone")


def test_without_a_gpu_auto_stays_standalone_and_says_why(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    choice = choose_engine("auto")
    assert choice.name == "standalone"
    assert (
        choice.why
        == f"Pointcept is at {checkout}, but its engine runs on CUDA only, and no GPU can be used here"
    )
    with pytest.raises(ValueError, match="runs on CUDA only, and no GPU can be used here: use -e standalone"):
        choose_engine("pointcept")


@pytest.mark.usefixtures("gpu", "fresh_imports")
def test_a_checkout_that_cannot_be_imported_is_named(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (elsewhere / "broken" / "pointcept").mkdir(parents=True)
    (elsewhere / "broken" / "pointcept" / "__init__.py").write_text("")
    monkeypatch.setenv("POINTCEPT_ROOT", "broken")
    choice = choose_engine("auto")
    assert choice.name == "standalone"
    assert "cannot be imported (ImportError: Pointcept cannot be imported" in choice.why


@pytest.mark.usefixtures("elsewhere", "fresh_imports")
def test_a_folder_without_pointcept_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POINTCEPT_ROOT", "nowhere")
    with pytest.raises(
        ValueError, match="POINTCEPT_ROOT=nowhere: there is no package pointcept in that folder"
    ):
        choose_engine("auto")


@pytest.mark.usefixtures("gpu", "checkout")
def test_a_run_goes_on_in_its_own_engine(elsewhere: Path) -> None:
    folder = RunFolder(elsewhere / "exp" / "d" / "run")
    folder.root.mkdir(parents=True)
    assert choose_engine("auto", folder).name == "pointcept"
    (folder.root / "metrics.jsonl").write_text("")
    choice = choose_engine("auto", folder)
    assert choice == Choice(
        "standalone", f"{folder.root} is a run of this engine; -e pointcept takes it over"
    )
    assert choose_engine("pointcept", folder).name == "pointcept"


@pytest.mark.usefixtures("gpu", "checkout")
def test_pointcept_trains_tests_and_resumes(elsewhere: Path) -> None:
    launcher = choose_engine("pointcept").launcher()
    file = str(write_config(elsewhere))
    request = TrainRequest("d", file, name="run", overrides=("backend=torch",))
    launcher.run_training(request)
    run = RunFolder(elsewhere / "exp" / "d" / "run")
    assert (run.root / "trained").read_text() == "resume=False weight=None backend=torch"
    written = load_config(run.config)
    assert written.model.backbone.type == "FFNet3D"
    assert written.save_path == "exp/d/run"
    assert written.hooks[0] == {"type": "CheckpointLoader", "strict": True}

    run.model_last.write_bytes(b"weights")
    run.result.mkdir()
    np.save(run.predictions("room"), np.zeros(3))
    before = run.config.read_text()
    launcher.run_testing(TestRequest("d", "run", weights="model_last", overrides=("num_worker=3",)))
    assert (run.root / "tested").read_text() == "exp/d/run/model/model_last.pth verbose=True"
    assert not run.predictions("room").exists()
    assert run.config.read_text() == before

    launcher.run_training(TrainRequest("d", None, name="run", resume=True))
    resumed = "resume=True weight=exp/d/run/model/model_last.pth backend=torch"
    assert (run.root / "trained").read_text() == resumed


@pytest.mark.usefixtures("gpu", "checkout")
@pytest.mark.parametrize("flag", ["fast", "probabilities", "submit"])
def test_flags_of_our_tester_are_refused(elsewhere: Path, flag: str) -> None:
    launcher = choose_engine("pointcept").launcher()
    request = TestRequest(
        "d", "run", config=str(write_config(elsewhere)), options=TestOptions(**{flag: True})
    )
    with pytest.raises(ValueError, match=f"--{flag} is not for Pointcept's engine: use -e standalone"):
        launcher.run_testing(request)


@pytest.mark.usefixtures("gpu", "checkout")
def test_pointcept_tests_a_checkpoint_from_elsewhere_in_a_new_folder(elsewhere: Path) -> None:
    launcher = choose_engine("pointcept").launcher()
    Path("other.pth").write_bytes(b"weights")
    launcher.run_testing(TestRequest("d", "new", "other.pth", config=str(write_config(elsewhere))))
    run = RunFolder(elsewhere / "exp" / "d" / "new")
    assert (run.root / "tested").read_text() == "other.pth verbose=True"
    assert load_config(run.config).save_path == "exp/d/new"


@pytest.mark.usefixtures("gpu", "checkout")
def test_torchrun_is_refused(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    launcher = choose_engine("pointcept").launcher()
    monkeypatch.setenv("LOCAL_RANK", "0")
    with pytest.raises(ValueError, match="starts its own processes: leave torchrun away"):
        launcher.run_training(TrainRequest("d", str(write_config(elsewhere))))
