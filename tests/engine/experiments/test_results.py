"""The page of results: our runs as they are, and the paper's figures as claims."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from experiments_made_up import made_up_provenance, write_test

pytest.importorskip("lightning_fabric", reason="pip install 'ffnet3d[train]'")

from ffnet3d.engine.experiments.results import read_experiment
from ffnet3d.engine.experiments.results_page import make_results
from ffnet3d.engine.experiments.run import finish_sixfold
from ffnet3d.engine.experiments.seeds import SeedResult, Seeds
from ffnet3d.engine.experiments.seeds_page import write_seeds
from ffnet3d.engine.experiments.sixfold import AREAS, collect_folds

FOLDS = Path("exp/s3dis/folds")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write_folds(areas: tuple[str, ...] = AREAS) -> None:
    """Made-up folds and their summary."""
    for number, area in enumerate(areas):
        write_test(FOLDS / area, area, number)
    finish_sixfold(collect_folds(FOLDS), FOLDS)


def row(page: str, start: str) -> list[str]:
    """The cells of the first row that begins so."""
    line = next(line for line in page.splitlines() if line.startswith(f"| {start} "))
    return [cell.strip() for cell in line.split("|")[1:-1]]


def test_without_runs_the_page_has_claims_alone() -> None:
    page = make_results([], None)
    assert "## Run here\n\nNothing yet.\n\n## Claimed by the paper" in page
    claims = [line for line in page.splitlines() if line.endswith("not run here |")]
    assert [line.split("|")[3].strip() for line in claims] == ["76.1", "76.5", "33.8", "34.5", "72.6", "77.1"]


def test_a_run_stands_with_its_scores_and_how_they_came_about() -> None:
    confusion = write_test(Path("exp/s3dis/first"), "Area_5", 1)
    page = make_results([Path("exp/s3dis/first")], None)
    hits, union = confusion.diagonal(), confusion.sum(0) + confusion.sum(1) - confusion.diagonal()
    iou = hits / union
    expected = [f"{100 * value:.2f}" for value in (iou.mean(), iou[:2].mean())]
    assert row(page, "s3dis/first")[:4] == ["s3dis/first", "Area_5", *expected]
    assert row(page, "s3dis/first")[6:] == ["2 of 3", "full, 10 views"]
    assert f"IoU: wall {100 * iou[0]:.2f}, floor {100 * iou[1]:.2f}, chair –." in page
    assert "2 of 3 classes present: mIoU over all 3 can reach 66.7 %" in page
    assert "**Caution: the checkpoint was chosen by its scores on 2 of the 2 scenes tested" in page
    assert "- hardware: 1 process, Some Processor, 2 threads a process, float32" in page


def test_our_runs_are_named_beside_the_claims_on_the_same_scenes() -> None:
    write_test(Path("exp/s3dis/first"), "Area_5", 1)
    write_test(Path("exp/demo/first"), "Area_5", 1)
    write_folds()
    page = make_results([Path("exp/s3dis/first"), Path("exp/demo/first"), FOLDS], None)
    claims = page.partition("## Claimed by the paper")[2]
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in claims.splitlines()]
    assert ["s3dis", "Area_5", "72.6", "s3dis/first"] in cells
    assert ["s3dis", "6-fold", "77.1", "s3dis/folds"] in cells
    assert ["scannet", "val", "76.1", "not run here"] in cells


def test_incomplete_folds_have_no_score_and_meet_no_claim() -> None:
    write_folds(AREAS[:4])
    page = make_results([FOLDS], None)
    assert row(page, "s3dis/folds")[2] == "incomplete"
    assert "Incomplete: 4 of 6 areas" in page
    assert row(page, "s3dis      | ")[3] == "not run here"


def test_six_folds_and_seeds_stand_with_their_tables() -> None:
    write_folds()
    six = read_experiment(FOLDS)
    results = {
        f"seed_{seed}": SeedResult(
            dict.fromkeys(("mIoU", "mIoU_present", "mAcc", "allAcc"), 0.5 + seed / 10),
            {f"seed_{seed}": made_up_provenance("val", seed)},
        )
        for seed in range(3)
    }
    write_seeds(Seeds("spread", results, {}), Path("exp/scannet/spread"))
    printed = make_results([FOLDS, Path("exp/scannet/spread")], Path("out"))
    assert printed.splitlines() == ["out/results.json", "out/results.md"]
    page, made = Path("out/results.md").read_text(), json.loads(Path("out/results.json").read_text())
    assert row(page, "scannet/spread")[2] == "60.00 ± 10.00 (3)"
    assert "| six areas | mean of areas |" in page
    assert row(page, "scannet ")[1:] == ["val", "76.1", "scannet/spread"]
    assert made["runs"]["s3dis/folds"]["sixfold"] == json.loads(json.dumps(six.outcome.as_dict()["sixfold"]))
    assert made["runs"]["scannet/spread"]["kind"] == "seeds"
    assert len(made["claims"]) == 6


def test_folders_without_results_are_named() -> None:
    Path("exp/demo/empty").mkdir(parents=True)
    with pytest.raises(
        ValueError, match=r"exp/demo/empty holds no seeds\.json, no sixfold\.json and no result"
    ):
        make_results([Path("exp/demo/empty")], None)
    file = Path("exp/demo/empty/result/test.json")
    file.parent.mkdir()
    file.write_text(json.dumps({"classes": ["a"], "confusion": [[0]], "scores": {}}))
    with pytest.raises(ValueError, match=r"test\.json: no point of these scenes is labelled"):
        make_results([Path("exp/demo/empty")], None)
    file.write_text("{}")
    with pytest.raises(ValueError, match=r"test\.json is no summary of a test \('confusion'\): test again"):
        make_results([Path("exp/demo/empty")], None)


def test_areas_tested_with_other_classes_do_not_add_up() -> None:
    for number, area in enumerate(AREAS):
        write_test(FOLDS / area, area, number)
    file = FOLDS / "Area_2" / "result" / "test.json"
    changed = json.loads(file.read_text()) | {"classes": ["floor", "wall", "chair"]}
    file.write_text(json.dumps(changed))
    with pytest.raises(ValueError, match="folds: the areas were tested with different classes"):
        finish_sixfold(collect_folds(FOLDS), FOLDS)


def test_a_summary_comes_back_from_its_file() -> None:
    write_folds()
    again = read_experiment(FOLDS).outcome
    assert again.as_dict() == collect_folds(FOLDS).as_dict()
    np.testing.assert_array_equal(
        again.total.record.target, sum(area.record.target for area in again.areas.values())
    )
    assert replace(again.tests["Area_1"], views=10) == made_up_provenance("Area_1", 0)
