"""Runs measured under corruptions: figures, files, what is kept, and what is left out."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

pytest.importorskip("lightning_fabric", reason="pip install 'ffnet3d[train]'")
pytest.importorskip("matplotlib", reason="pip install 'ffnet3d[view]'")  # asked for before any work
from tiny_run import write_config

from ffnet3d.analysis.robustness import request, run
from ffnet3d.analysis.robustness.corruptions import find_corruption
from ffnet3d.analysis.robustness.request import RobustnessRequest, plan_trials, run_robustness
from ffnet3d.analysis.robustness.scenes import Corrupt, clean_scenes, corrupted_scenes
from ffnet3d.data.normals import estimate_normals
from ffnet3d.engine.build import build_val_loader
from ffnet3d.engine.checkpoint import save_checkpoint
from ffnet3d.engine.config import load_config
from ffnet3d.engine.distributed import launch, resolve_layout
from ffnet3d.engine.evaluate import evaluate
from ffnet3d.engine.test import trained_network
from ffnet3d.models import build_model

NORMALS = """
model["backbone"]["in_channels"] = 6
data["val"]["transform"][-1]["feat_keys"] = ("color", "normal")
"""


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        torch.set_num_threads(1)
        yield
    torch.set_num_threads(threads)


def make_run(folder: Path, name: str, more: str = "", seed: int = 0) -> Path:
    """exp/rooms/NAME with the weights of a network that has learnt nothing."""
    root = folder / "exp" / "rooms" / name
    root.mkdir(parents=True)
    config = write_config(folder, name)
    (root / "config.py").write_text(config.read_text() + more)
    torch.manual_seed(seed)
    network = build_model(load_config(root / "config.py").model)
    save_checkpoint(root / "model" / "model_best.pth", {"state_dict": network.state_dict(), "epoch": 1})
    return root


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a run called first; figures take long, and are tested elsewhere."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(request, "draw", lambda results, file: file.write_text(str(len(results))))
    make_run(tmp_path, "first")
    return tmp_path


SMALL = RobustnessRequest("rooms", ("first",), corruptions=("dropout", "noise"), severities=(1, 5))


def counted(monkeypatch: pytest.MonkeyPatch, stop: int | None = None) -> list[str]:
    """Notes every evaluation that is made; Ctrl-C comes at evaluation `stop`."""
    made: list[str] = []
    original: Callable[..., Any] = run.evaluate

    def evaluate(*arguments: Any) -> Any:
        if len(made) == stop:
            raise KeyboardInterrupt
        made.append("evaluation")
        return original(*arguments)

    monkeypatch.setattr(run, "evaluate", evaluate)
    return made


def lift(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every mIoU is 0.3 higher: above chance, as that of a network that has learnt something."""
    original: Callable[..., Any] = run.evaluate

    def evaluate(*arguments: Any) -> Any:
        evaluation = original(*arguments)
        return replace(evaluation, scores=replace(evaluation.scores, miou=evaluation.scores.miou + 0.3))

    monkeypatch.setattr(run, "evaluate", evaluate)


def summary(file: Path) -> Any:
    return json.loads(file.read_text())["runs"]


def test_a_run_is_measured_and_written_down(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lift(monkeypatch)
    text = run_robustness(SMALL)
    out = folder / "exp" / "rooms" / "first" / "robustness"
    assert sorted(file.name for file in out.iterdir()) == [
        "records",
        "robustness.json",
        "robustness.log",
        "robustness.md",
        "robustness.png",
    ]
    assert len(list((out / "records").iterdir())) == 5
    (result,) = summary(out / "robustness.json")
    clean = result["clean"]["mIoU"]
    assert clean > 0.3
    drops = []
    for name in ("noise", "dropout"):
        severities = result["corruptions"][name]["severities"]
        assert [severities[key]["level"] for key in severities] == [
            find_corruption(name).level(1),
            find_corruption(name).level(5),
        ]
        drops.append(1 - sum(row["mIoU"] for row in severities.values()) / 2 / clean)
        assert result["corruptions"][name]["drop"] == pytest.approx(drops[-1])
    assert result["mean_corruption_drop"] == pytest.approx(sum(drops) / 2)
    page = (out / "robustness.md").read_text()
    for shown in (text, page):
        assert "| corruption | clean |" in shown
        assert f"{100 * clean:.2f} |" in shown
        assert f"{50 * sum(drops):.2f} |" in shown
    assert "exp/rooms/first/robustness/robustness.png" in text
    assert "room_0, Area_2-room_1" in page


def test_dropped_points_and_outliers_are_not_scored(folder: Path) -> None:
    run_robustness(replace(SMALL, corruptions=("dropout", "outliers", "grid")))
    (result,) = summary(folder / "exp/rooms/first/robustness/robustness.json")
    points = {
        name: sum(result["corruptions"][name]["severities"]["5"]["support"])
        for name in ("dropout", "outliers", "grid")
    }
    total = sum(result["clean"]["support"])
    assert total == 3 * 240
    assert points == {"dropout": 3 * 7, "outliers": total, "grid": total}


@pytest.mark.usefixtures("folder")
def test_clean_scenes_are_those_of_a_plain_evaluation() -> None:
    def plain(fabric: Any) -> Any:
        config = load_config("exp/rooms/first/config.py")
        network = trained_network(config, fabric, Path("exp/rooms/first/model/model_best.pth"))
        loader = build_val_loader(config, fabric)
        return evaluate(network, loader, fabric, config.data.num_classes).scores.as_dict()

    expected = launch(resolve_layout(1, 1), plain)
    for part in ("val", "test"):  # the same rooms in the tiny run
        trial = plan_trials(replace(SMALL, corruptions=("scale",), severities=(1,), part=part))[0]
        assert run.measure(trial).clean.scores == expected


@pytest.mark.usefixtures("folder")
def test_what_was_measured_before_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    made = counted(monkeypatch)
    text = run_robustness(SMALL)
    assert len(made) == 5
    assert run_robustness(SMALL) == text
    assert len(made) == 5
    run_robustness(replace(SMALL, corruptions=("dropout", "scale"), severities=(5,)))
    assert len(made) == 6
    run_robustness(replace(SMALL, seed=1))  # the clean scenes have no seed
    assert len(made) == 10


@pytest.mark.parametrize("cause", ["weights", "config", "scenes", "rooms", "damage"])
def test_nothing_stale_is_kept(folder: Path, monkeypatch: pytest.MonkeyPatch, cause: str) -> None:
    made = counted(monkeypatch)
    changed = SMALL
    run_robustness(SMALL)
    root = folder / "exp/rooms/first"
    if cause == "weights":
        shutil.copy(make_run(folder, "other", seed=1) / "model/model_best.pth", root / "model/model_best.pth")
    elif cause == "config":
        changed = replace(SMALL, overrides=("seed=4",))
    elif cause == "scenes":
        os.utime(folder / "rooms/Area_2/room_1/color.npy", (1, 1))
    elif cause == "rooms":
        changed = replace(SMALL, rooms=2)
    else:
        for file in (root / "robustness/records").iterdir():
            file.write_text(file.read_text()[:-9])
    run_robustness(changed)
    assert len(made) == 10


def test_a_stopped_measurement_goes_on(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        counted(patch, stop=3)
        with pytest.raises(KeyboardInterrupt):
            run_robustness(SMALL)
    log = (folder / "exp/rooms/first/robustness/robustness.log").read_text()
    assert "Interrupted: 3 of 5 conditions kept" in log
    made = counted(monkeypatch)
    run_robustness(SMALL)
    assert len(made) == 2


def test_several_runs_share_a_page_and_a_figure(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lift(monkeypatch)
    make_run(folder, "second", seed=1)
    alone = run_robustness(SMALL)
    text = run_robustness(replace(SMALL, names=("first", "second")))
    own, out = (folder / "exp" / "rooms" / name / "robustness" for name in ("second", "first"))
    assert {"robustness.png", "robustness.json"} <= {file.name for file in own.iterdir()}
    results = summary(out / "comparison.json")
    assert [result["name"] for result in results] == ["first", "second"]
    assert results == summary(out / "robustness.json") + summary(own / "robustness.json")
    assert (out / "comparison.png").read_text() == "2"
    page = (out / "comparison.md").read_text()
    assert "| corruption           | first | second |" in page
    assert alone.split("\n\n")[0] in page
    for result in results:
        assert f"{100 * result['mean_corruption_drop']:.2f}" in text
    apart = run_robustness(replace(SMALL, names=("first", "second"), out=Path("compared")))
    assert "compared/comparison.png" in apart
    assert (folder / "compared" / "comparison.md").read_text() == page


@pytest.mark.usefixtures("folder")
def test_a_network_that_has_learnt_nothing_has_no_drop() -> None:
    text = run_robustness(replace(SMALL, corruptions=("scale",), severities=(1,)))
    assert "No drop is given for first: its clean mIoU, " in text
    assert "below chance level, 7.69 % with 13 classes." in text
    (result,) = summary(Path("exp/rooms/first/robustness/robustness.json"))
    assert result["mean_corruption_drop"] is None
    assert result["chance"] == pytest.approx(1 / 13)


@pytest.mark.parametrize("fault", ["scenes", "weights", "network"])
def test_nothing_is_measured_where_runs_do_not_compare(
    folder: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    made = counted(monkeypatch)
    more = {
        "scenes": 'data["test"]["split"] = ("Area_1", "Area_2")',
        "network": 'model["backbone"]["mixers"] = "mine"',
    }
    root = make_run(folder, "second")
    with (root / "config.py").open("a") as file:
        file.write(more.get(fault, ""))
    if fault == "weights":
        (root / "model/model_best.pth").write_bytes(b"torn")
    text = {
        "scenes": r"-n first and -n second have different scenes, .*: only second has Area_1-room_0, "
        r"Area_1-room_1, .* Give all the same by data\.test\.split=NAME, or measure them apart",
        "weights": r"-n second: .*model_best\.pth",
        "network": r"-n second: model\.backbone: unknown mixer type 'mine'",
    }
    both = replace(SMALL, names=("first", "second"))
    with pytest.raises(ValueError, match=text[fault]):
        run_robustness(both)
    assert not made
    if fault == "scenes":
        run_robustness(replace(both, overrides=("data.test.split=Area_2",)))
        assert len(made) == 10


@pytest.mark.usefixtures("folder")
def test_only_runs_with_a_checkpoint_are_offered(tmp_path: Path) -> None:
    shutil.copytree("exp/rooms/first", "exp/rooms/six/Area_1")
    (tmp_path / "exp/rooms/empty/model").mkdir(parents=True)
    with pytest.raises(
        ValueError, match=r"no run exp/rooms/quik \(.* with a checkpoint: first, six/Area_1\)"
    ):
        run_robustness(replace(SMALL, names=("quik",)))


def test_normals_that_the_network_does_not_read_are_left_out(folder: Path) -> None:
    text = run_robustness(replace(SMALL, corruptions=("noise", "normal_noise")))
    told = "Left out: normal_noise (the network reads no normals)."
    assert told in text
    assert told in (folder / "exp/rooms/first/robustness/robustness.md").read_text()
    with pytest.raises(ValueError, match="nothing is left to measure, normal_missing: the network reads no"):
        run_robustness(replace(SMALL, corruptions=("normal_missing",)))


def test_normals_that_are_estimated_are_not_corrupted_but_estimated_again(folder: Path) -> None:
    root = make_run(folder, "normals", NORMALS)
    asked = replace(SMALL, names=("normals",), corruptions=("normal_noise", "noise"), severities=(5,))
    assert "Left out" not in run_robustness(asked)
    for room in range(2):
        (folder / f"rooms/Area_2/room_{room}/normal.npy").unlink()
    overrides = (f"data.val.cache_root={folder / 'cache'}",)
    text = run_robustness(replace(asked, overrides=overrides))
    reason = "2 of 3 scenes have no normal.npy: their normals are estimated from the points"
    assert f"Left out: normal_noise ({reason})." in text
    scenes = clean_scenes(load_config(root / "config.py", overrides))
    sample = scenes.read(0)
    step = Corrupt(find_corruption("noise"), 5, 0, -1, frozenset(["Area_2-room_0"]))
    noisy = step(sample, np.random.default_rng(0))
    assert np.array_equal(noisy["normal"], estimate_normals(noisy["coord"]))
    assert not np.allclose(noisy["normal"], sample["normal"])
    grey = replace(step, corruption=find_corruption("color_missing"))(sample, np.random.default_rng(0))
    assert np.array_equal(grey["normal"], sample["normal"])


@pytest.mark.usefixtures("folder")
def test_grid_makes_voxels_larger_and_leaves_the_points() -> None:
    config = load_config("exp/rooms/first/config.py")
    clean = clean_scenes(config)
    counts = [
        len(corrupted_scenes(clean, config, find_corruption("grid"), s, 0)[0]["coord"]) for s in (1, 3, 5)
    ]
    assert len(clean[0]["coord"]) > counts[0] > counts[1] > counts[2]
    assert len(corrupted_scenes(clean, config, find_corruption("grid"), 5, 0)[0]["origin_segment"]) == 240


@pytest.mark.usefixtures("folder")
def test_draws_of_the_transforms_stay_as_they_are() -> None:
    """A corruption that changes nothing leaves the sample that the network gets."""
    config = load_config("exp/rooms/first/config.py")
    clean = clean_scenes(config)
    nothing = replace(find_corruption("scale"), levels=(1.0,) * 5)
    same = corrupted_scenes(clean, config, nothing, 3, 0)
    for key in ("feat", "segment", "inverse"):
        assert torch.equal(same[1][key], clean[1][key])


@pytest.mark.usefixtures("folder")
def test_rooms_are_spread_over_the_list() -> None:
    config = load_config("exp/rooms/first/config.py")
    assert [scene.name for scene in clean_scenes(config, rooms=2).scenes] == ["room_0", "room_2"]
    with pytest.raises(ValueError, match="--rooms 4: there are 3 scenes, give 1 to 3"):
        clean_scenes(config, rooms=4)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"names": ("missing",)},
            r"there is no run exp/rooms/missing \(runs of rooms with a checkpoint: first\)",
        ),
        ({"weights": "model_last"}, "-w model_last: there is neither a checkpoint"),
        ({"corruptions": ("nois",)}, "no corruption 'nois': known are noise, "),
        ({"severities": (0, 1)}, "severity 0: give 1"),
        ({"seed": -1}, "--seed -1: give 0 or more"),
        ({"names": ("first", "first")}, "a run is named twice"),
        ({"out": Path("exp/rooms/first/config.py")}, "config.py is a file: name a folder"),
        ({"part": "train"}, "--part train: the scenes are those of data.test or data.val"),
        ({"rooms": 0}, "--rooms 0: there are 3 scenes"),
    ],
)
def test_what_does_not_fit_is_named(folder: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        run_robustness(replace(SMALL, **changes))
    assert not (folder / "exp/rooms/first/robustness/records").exists()


def test_scenes_without_labels_cannot_be_scored(folder: Path) -> None:
    for room in range(3):
        (folder / f"rooms/Area_2/room_{room}/segment.npy").unlink()
    with pytest.raises(ValueError, match=r"no scene of data\.test has labels to score by"):
        run_robustness(SMALL)
