"""6-fold on tiny rooms: the table, going on after a kill, records, and what cannot be."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_run import CLASSES, CONFIG, write_room

pytest.importorskip("lightning_fabric", reason="pip install 'ffnet3d[train]'")

from ffnet3d.engine import launch
from ffnet3d.engine.experiments.run import run_sixfold, run_sixfold_seeds, sum_up_records
from ffnet3d.engine.experiments.sixfold import AREAS, Sixfold, fold_requests, parse_folds
from ffnet3d.engine.launch import TrainRequest
from ffnet3d.engine.records import COUNTS, Record, read_record, write_record

REQUEST = TrainRequest(
    dataset="scans", config="tiny.py", name="six", devices=0, overrides=("epoch=2", "eval_epoch=2")
)
ROOT = Path("exp/scans/six")

# Runs the folds in a process that ends by SIGKILL in the fourth, at its second step or within its test.
VICTIM = """
import os, signal, sys
from ffnet3d.engine import launch, test, train
from ffnet3d.engine.experiments.run import run_sixfold
from ffnet3d.engine.trainer import Trainer

update, run_test = Trainer.update_weights, train.run_test

def dying_update(self):
    if "Area_4" in self.config.save_path and self.state.step == 1 and sys.argv[1] == "step":
        os.kill(os.getpid(), signal.SIGKILL)
    update(self)

def dying_test(network, config, *rest, **more):
    if "Area_4" in config.save_path and sys.argv[1] == "test":
        os.kill(os.getpid(), signal.SIGKILL)
    return run_test(network, config, *rest, **more)

Trainer.update_weights, train.run_test = dying_update, dying_test
request = launch.TrainRequest("scans", "tiny.py", "six", 0, overrides=("epoch=2", "eval_epoch=2"))
run_sixfold(request, launch.run_training)
"""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with six areas of one room, and the six folds on them, run without interruption."""
    folder = tmp_path_factory.mktemp("sixfold")
    for number in range(1, 7):
        write_room(folder / "rooms" / f"Area_{number}" / "room", seed=number)
    (folder / "tiny.py").write_text(CONFIG.replace("SAVE_PATH", "exp/x").replace("DATA_ROOT", "rooms"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        run_sixfold(REQUEST, launch.run_training)
    return folder


@pytest.fixture
def here(whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder with the rooms and the config."""
    (tmp_path / "rooms").symlink_to(whole / "rooms")
    shutil.copy(whole / "tiny.py", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def copied(whole: Path, here: Path) -> Path:
    """The same, with the finished folds."""
    shutil.copytree(whole / "exp", here / "exp")
    return here


def summary(folder: Path) -> dict[str, Any]:
    return json.loads((folder / ROOT / "sixfold.json").read_text())


def counts(summed: dict[str, Any]) -> dict[str, Any]:
    """All scores and counts of a summary, without how they came about."""
    areas = {
        area: {name: tested[name] for name in (*COUNTS, "scores")} for area, tested in summed["areas"].items()
    }
    return {"areas": areas, "sixfold": summed["sixfold"]["scores"], "mean": summed["mean_of_areas"]}


def table(folder: Path) -> list[str]:
    """The rows of the page's first table."""
    lines = (folder / ROOT / "sixfold.md").read_text().split("\n\n")
    return next(part for part in lines if part.startswith("| %")).splitlines()


def test_the_table_is_that_of_the_labels_on_disk(whole: Path) -> None:
    confusion, ious = np.zeros((CLASSES, CLASSES), dtype=np.int64), []
    for area in AREAS:
        own = np.zeros_like(confusion)
        predicted = np.load(whole / ROOT / area / "result" / f"{area}-room_pred.npy")
        np.add.at(own, (np.load(whole / "rooms" / area / "room" / "segment.npy")[:, 0], predicted), 1)
        hits = own.diagonal()
        ious.append(float(np.mean(hits / np.maximum(own.sum(0) + own.sum(1) - hits, 1))))
        confusion += own
    hits, union = confusion.diagonal(), confusion.sum(0) + confusion.sum(1) - confusion.diagonal()
    miou = float(np.mean(hits / np.maximum(union, 1)))
    made = summary(whole)
    assert made["missing"] == {}
    assert made["sixfold"]["scores"]["mIoU"] == pytest.approx(miou)
    assert made["sixfold"]["scores"]["allAcc"] == pytest.approx(hits.sum() / confusion.sum())
    assert made["mean_of_areas"]["mIoU"] == pytest.approx(np.mean(ious))
    assert [made["areas"][area]["scores"]["mIoU"] for area in AREAS] == pytest.approx(ious)
    header, _, first, *rest = table(whole)
    assert [cell.strip() for cell in header.split("|")[2:-1]] == [*AREAS, "six areas", "mean of areas"]
    cells = [cell.strip() for cell in first.split("|")[1:-1]]
    assert cells == ["mIoU", *(f"{100 * iou:.2f}" for iou in (*ious, miou, np.mean(ious)))]
    assert len(rest) == 3 + CLASSES


def test_each_fold_is_a_run_of_its_own_that_never_sees_its_area(whole: Path) -> None:
    made = summary(whole)
    for area in AREAS:
        provenance = made["areas"][area]["provenance"]
        assert (provenance["split"], provenance["scenes"]) == (area, 1)
        assert provenance["checkpoint"]["train_split"] == ", ".join(a for a in AREAS if a != area)
        assert provenance["checkpoint"]["trained_on"] == 0
    page = (whole / ROOT / "sixfold.md").read_text()
    assert "model_best was chosen by its scores on the very area that is tested** (each fold)" in page
    assert "test these folds by\n`sh scripts/test.sh -d scans -n six/Area_1 -w model_last` and so on" in page


def test_the_caution_names_a_fold_that_is_tested_and_chosen_on_its_area(copied: Path) -> None:
    shutil.rmtree(copied / ROOT / "Area_1")
    for area in ("Area_2", "Area_4", "Area_5", "Area_6"):
        file = copied / ROOT / area / "result" / "test.json"
        tested = json.loads(file.read_text())
        tested["provenance"]["checkpoint"]["chosen_on"] = 0
        file.write_text(json.dumps(tested))
    run_sixfold(REQUEST, refuse, areas=("Area_3",))
    page = (copied / ROOT / "sixfold.md").read_text()
    assert "area that is tested** (Area_3)" in page
    assert "test this fold by\n`sh scripts/test.sh -d scans -n six/Area_3 -w model_last`, and collect" in page
    assert Sixfold.from_file(copied / ROOT / "sixfold.json").run == "scans/six"


@pytest.mark.parametrize("moment", ["step", "test"])
def test_killed_in_the_fourth_fold_and_gone_on_gives_the_same_table(
    whole: Path, here: Path, moment: str
) -> None:
    done_before = AREAS[:3] if moment == "step" else [area for area in AREAS if area != "Area_4"]
    for area in done_before:  # of interest is the fourth
        shutil.copytree(whole / ROOT / area, here / ROOT / area)
    paths = os.pathsep.join(filter(None, (str(Path(__file__).parents[3]), os.environ.get("PYTHONPATH"))))
    with (here / "output").open("w+") as output:
        done = subprocess.run(
            [sys.executable, "-c", VICTIM, moment],
            env={**os.environ, "PYTHONPATH": paths},
            stdout=output,
            stderr=output,
            timeout=120,
            check=False,
        )
        output.seek(0)
        assert done.returncode == -signal.SIGKILL, output.read()
    assert (here / ROOT / "Area_4" / "model" / "model_last.pth").exists() == (moment == "test")
    assert not (here / ROOT / "sixfold.json").exists()
    before = (here / ROOT / "Area_3" / "result" / "test.json").read_bytes()
    run_sixfold(REQUEST, launch.run_training)
    assert (here / ROOT / "Area_3" / "result" / "test.json").read_bytes() == before
    assert counts(summary(here)) == counts(summary(whole))
    assert table(here) == table(whole)


def test_a_fold_that_was_tested_half_way_is_tested_again(whole: Path, copied: Path) -> None:
    file = copied / ROOT / "Area_2" / "result" / "test.json"
    early = json.loads(file.read_text())
    early["provenance"]["checkpoint"]["epoch"] = 0  # the best of then
    early["confusion"] = np.eye(CLASSES, dtype=int).tolist()
    file.write_text(json.dumps(early))
    run_sixfold(REQUEST, launch.run_training)
    assert counts(summary(copied)) == counts(summary(whole))


def refuse(request: TrainRequest) -> None:
    raise AssertionError(f"{request} is finished")


def test_finished_folds_are_left_alone_and_need_no_scenes(whole: Path, copied: Path) -> None:
    (copied / "rooms").unlink()
    text = run_sixfold(REQUEST, refuse)
    assert "exp/scans/six/sixfold.md" in text
    assert "| six areas |" in text
    assert counts(summary(copied)) == counts(summary(whole))


@pytest.mark.usefixtures("copied")
def test_another_config_than_the_folds_were_begun_with_is_refused() -> None:
    with pytest.raises(ValueError, match=r"six/Area_1 was begun with other settings .*\(batch_size, seed\)"):
        run_sixfold(replace(REQUEST, overrides=(*REQUEST.overrides, "batch_size=1", "seed=1")), refuse)


def test_last_is_given_for_all_of_a_run_or_not_at_all(copied: Path) -> None:
    remedy = r"Area_1 was begun without --last: .* -d scans -n six/Area_1 -w model_last`, and collect again"
    with pytest.raises(ValueError, match=remedy):
        run_sixfold(REQUEST, refuse, last=True)
    for config in copied.glob("exp/scans/six/*/config.py"):
        config.write_text(config.read_text() + "\nhooks[5]['test_last'] = True\n")
    with pytest.raises(ValueError, match=r"six/Area_1 was begun with --last: give --last again"):
        run_sixfold(REQUEST, refuse)
    assert "Area_6" in run_sixfold(REQUEST, refuse, last=True)


def test_some_folds_give_a_table_marked_as_incomplete(copied: Path) -> None:
    shutil.rmtree(copied / ROOT / "Area_2")
    (copied / ROOT / "Area_6" / "result" / "test.json").unlink()
    (copied / ROOT / "Area_6" / "result" / "Area_6.pth").unlink(missing_ok=True)
    text = run_sixfold(REQUEST, refuse, areas=("Area_1", "Area_5"))
    assert (
        "Incomplete: 4 of 6 areas, so there is no 6-fold score.** Missing: Area_2 (not begun), Area_6" in text
    )
    assert "| Area_5 | these 4 | mean of areas |" in text
    made = summary(copied)
    assert made["missing"] == {"Area_2": "not begun", "Area_6": "begun"}
    assert "sixfold" not in made
    assert made["incomplete_sum"]["scores"]["mIoU"] > 0
    assert Sixfold.from_file(copied / ROOT / "sixfold.json").missing == made["missing"]


@pytest.mark.usefixtures("here")
def test_records_made_elsewhere_are_summed_up(whole: Path) -> None:
    folder = Path("records")
    for area in AREAS:
        write_record(
            folder / f"{area}.pth", Record(*(summary(whole)["areas"][area][name] for name in COUNTS))
        )
    text = sum_up_records(folder)
    made = json.loads((folder / "sixfold.json").read_text())
    assert made["sixfold"]["scores"] == summary(whole)["sixfold"]["scores"]
    assert made["areas"]["Area_1"]["provenance"] is None
    assert "ceiling" in text
    assert "| Area_1 | not recorded |" in (folder / "sixfold.md").read_text()
    shutil.copy(folder / "Area_2.pth", folder / "Area_3.pth")
    with pytest.raises(ValueError, match=r"Area_2\.pth and records/Area_3\.pth hold the same counts"):
        sum_up_records(folder)
    (folder / "Area_3.pth").unlink()
    with pytest.raises(ValueError, match=r"--records records: there is no Area_3\.pth; 6-fold needs all six"):
        sum_up_records(folder)


def test_the_records_of_the_folds_are_those_of_their_tests(whole: Path) -> None:
    for area in AREAS:
        record = read_record(whole / ROOT / area / "result" / f"{area}.pth")
        assert record.intersection.tolist() == summary(whole)["areas"][area]["intersection"]


def test_results_of_other_scenes_are_no_fold(copied: Path) -> None:
    file = copied / ROOT / "Area_2" / "result" / "test.json"
    original = file.read_text()
    for key, value, text in (
        ("split", "Area_5", r"is a test of Area_5, not of Area_2: test that run again"),
        ("trained_on", 1, r"trained on 1 of the scenes of Area_2: train it again"),
    ):
        changed = json.loads(original)
        provenance = changed["provenance"]
        (provenance if key in provenance else provenance["checkpoint"])[key] = value
        file.write_text(json.dumps(changed))
        with pytest.raises(ValueError, match=text):
            run_sixfold(REQUEST, refuse)


@pytest.mark.usefixtures("here")
def test_the_folds_set_the_splits() -> None:
    folds = fold_requests(replace(REQUEST, name=None), ("Area_3",))
    assert [fold.name for fold in folds] == ["tiny-sixfold/Area_3"]
    assert folds[0].overrides[2:] == (
        "data.train.split=Area_1,Area_2,Area_4,Area_5,Area_6",
        "data.val.split=Area_3",
        "data.test.split=Area_3",
    )
    assert "hooks.5.test_last=True" in fold_requests(REQUEST, last=True)[0].overrides
    with pytest.raises(ValueError, match=r"data.val.split=Area_1: the folds set the splits themselves"):
        fold_requests(replace(REQUEST, overrides=("data.val.split=Area_1",)))


@pytest.mark.usefixtures("here")
def test_an_absent_area_is_named_before_any_work() -> None:
    with pytest.raises(ValueError, match=r"6-fold needs the areas 1 to 6: nowhere has no Area_1, Area_2"):
        run_sixfold(replace(REQUEST, data_root=Path("nowhere")), refuse)


def test_folds_are_numbers_of_areas() -> None:
    assert parse_folds([]) == AREAS
    assert parse_folds(["4", "1, 3"]) == ("Area_1", "Area_3", "Area_4")
    with pytest.raises(ValueError, match="--fold 7: the folds are 1 to 6"):
        parse_folds(["1,7"])


def test_six_folds_of_several_seeds(whole: Path, here: Path) -> None:
    for seed in (3, 4):
        shutil.copytree(whole / ROOT, here / "exp" / "scans" / "both" / f"seed_{seed}")
    for config in here.glob("exp/scans/both/seed_4/*/config.py"):
        config.write_text(config.read_text().replace("seed = 3", "seed = 4"))
    text = run_sixfold_seeds(replace(REQUEST, name="both"), refuse, 2)
    assert "| mean of 2 " in text
    made = json.loads(Path("exp/scans/both/seeds.json").read_text())
    assert made["summary"]["mIoU"]["mean"] == pytest.approx(summary(whole)["sixfold"]["scores"]["mIoU"])
    assert made["summary"]["mIoU"]["std"] == 0
    assert list(made["runs"]["seed_4"]["tests"]) == list(AREAS)
