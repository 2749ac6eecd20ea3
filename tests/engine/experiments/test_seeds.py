"""Several seeds: which runs they are, their mean and spread."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from experiments_made_up import made_up_provenance, write_test
from tiny_run import write_config

pytest.importorskip("lightning_fabric", reason="pip install 'ffnet3d[train]'")

from ffnet3d.engine.config import dump_config
from ffnet3d.engine.experiments.run import run_seeds
from ffnet3d.engine.experiments.seeds import Seeds, seed_requests
from ffnet3d.engine.launch import TrainRequest, asked_config

REQUEST = TrainRequest(dataset="scans", config="run_config.py", name="three")
ROOT = Path("exp/scans/three")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_config(tmp_path)


def pretend(request: TrainRequest) -> None:
    """In place of a training and its test."""
    config = asked_config(request)
    dump_config(config, request.folder.config)
    write_test(request.folder.root, "Area_2", config.seed)


def refuse(request: TrainRequest) -> None:
    raise AssertionError(f"{request} is finished")


def test_mean_and_deviation_are_those_of_the_runs() -> None:
    text = run_seeds(REQUEST, pretend, 3)
    mious = [
        json.loads((ROOT / f"seed_{seed}" / "result" / "test.json").read_text())["scores"]["mIoU"]
        for seed in (3, 4, 5)
    ]
    made = json.loads((ROOT / "seeds.json").read_text())
    assert made["summary"]["mIoU"] == {
        "mean": pytest.approx(np.mean(mious)),
        "std": pytest.approx(np.std(mious, ddof=1)),
    }
    assert [made["runs"][f"seed_{seed}"]["scores"]["mIoU"] for seed in (3, 4, 5)] == pytest.approx(mious)
    assert made["summary"]["mIoU_present"]["mean"] == pytest.approx(1.5 * np.mean(mious))  # of 3 classes 2
    page = (ROOT / "seeds.md").read_text()
    for row in (f"{100 * np.mean(mious):.2f}", f"{100 * np.std(mious, ddof=1):.2f}", "mean of 3", "seed_4"):
        assert row in text
        assert row in page
    assert "**model_best was chosen by its scores on tested scenes**" in page
    assert "- protocol: full, votes of all views and fragments, 10 views, voxels of 2 cm\n" in page


def test_more_seeds_are_added_to_those_that_are_there() -> None:
    run_seeds(REQUEST, pretend, 2)
    started: list[str | None] = []

    def note(request: TrainRequest) -> None:
        started.append(request.name)
        pretend(request)

    run_seeds(REQUEST, note, 3)
    assert started == ["three/seed_5"]
    run_seeds(REQUEST, refuse, 3)


def test_a_single_seed_has_no_spread_and_a_missing_one_is_named() -> None:
    pretend(seed_requests(REQUEST, 1)[0])
    text = run_seeds(REQUEST, lambda _request: None, 2)
    assert "Incomplete: 1 seeds are there.** Missing: seed_4 (not begun)." in text
    seeds = Seeds.from_file(ROOT / "seeds.json")
    assert seeds.deviation("mIoU") is None
    assert seeds.missing == {"seed_4": "not begun"}


def test_seeds_begin_with_that_of_the_config() -> None:
    requests = seed_requests(replace(REQUEST, name=None), 2)
    assert [request.name for request in requests] == ["run_config-seeds/seed_3", "run_config-seeds/seed_4"]
    assert [request.overrides for request in requests] == [("seed=3",), ("seed=4",)]
    given = seed_requests(replace(REQUEST, overrides=("seed=None",)), 1)[0]
    assert (given.name, given.overrides) == ("three/seed_0", ("seed=None", "seed=0"))
    with pytest.raises(ValueError, match="--seeds must be 1 or more, not 0"):
        seed_requests(REQUEST, 0)


def test_tests_that_were_not_made_alike_are_pointed_out() -> None:
    run_seeds(REQUEST, pretend, 2)
    write_test(
        ROOT / "seed_4", "Area_2", 4, made_up_provenance("Area_2", 4, chosen_on=0, views=1, code="def")
    )
    run_seeds(REQUEST, refuse, 2)
    page = (ROOT / "seeds.md").read_text()
    assert "These tests are of 2 protocols." in page
    assert "These tests are of 2 versions of the code." in page
    assert "- versions (seed_3): ffnet3d 9.9, code abc\n- versions (seed_4): ffnet3d 9.9, code def" in page


def test_a_broken_summary_is_named() -> None:
    Path("seeds.json").write_text('{"title": "x", "runs": {"seed_0": {}}, "missing": {}}')
    with pytest.raises(ValueError, match=r"seeds\.json is no summary of seeds \('tests'\)"):
        Seeds.from_file(Path("seeds.json"))
    Path("seeds.json").write_text("{")
    with pytest.raises(ValueError, match=r"seeds\.json cannot be read"):
        Seeds.from_file(Path("seeds.json"))
