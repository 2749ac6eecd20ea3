"""Ablations end to end on tiny rooms: records, going on, failed variants, and the files in the end."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tiny_run import tiny_config, write_config

from ffnet3d.analysis.ablation import run
from ffnet3d.analysis.ablation.budget import Budget
from ffnet3d.analysis.ablation.jobs import Failure, Job, Record, make_jobs
from ffnet3d.analysis.ablation.run import (
    AblationRequest,
    do_jobs,
    estimate_normals,
    machine_text,
    run_ablation,
)
from ffnet3d.analysis.ablation.variants import Variant
from ffnet3d.bench.measure import Machine

pytest.importorskip("lightning_fabric", reason="pip install 'ffnet3d[train]'")

STEPS = Budget("steps", 2)
BASE = Variant("ffnified", "nothing")
BROKEN = Variant("broken", "an even kernel", {"enc_ks": 4})


def tiny_request(tmp_path: Path, **changes: Any) -> AblationRequest:
    """The base with one seed, two steps."""
    request = AblationRequest(
        dataset="s3dis",
        out=tmp_path / "out",
        budgets=(STEPS,),
        config=str(write_config(tmp_path)),
        variants=("ffnified",),
        seeds=1,
        workers=1,
    )
    return replace(request, **changes)


def test_a_failed_variant_is_told_and_stops_no_other_and_the_next_call_goes_on(tmp_path: Path) -> None:
    jobs = make_jobs(tiny_config(tmp_path), [BROKEN, BASE], [STEPS], 1, tmp_path / "jobs")
    failed, done = do_jobs(jobs, workers=1)
    assert isinstance(failed, Failure)
    assert failed.job == "broken, 2 steps, seed 3"
    assert failed.reason.startswith("ValueError: ")
    assert isinstance(done, Record)
    assert (done.variant, done.seed, done.steps) == ("ffnified", 3, 2)
    assert done.parameters > 1000
    assert done.miou == pytest.approx(sum(done.iou) / 12)  # 12 of the 13 classes are in the rooms
    assert [job.file.is_file() for job in jobs] == [False, True]

    stamp = jobs[1].file.stat().st_mtime_ns
    assert list(do_jobs(jobs[1:], workers=1)) == [done]
    assert jobs[1].file.stat().st_mtime_ns == stamp


def test_a_record_is_of_its_config_its_budget_and_its_seed(tmp_path: Path) -> None:
    def files(*overrides: str, budget: Budget = STEPS, seeds: int = 2) -> set[Path]:
        config = tiny_config(tmp_path, "run", *overrides)
        return {job.file for job in make_jobs(config, [BASE], [budget], seeds, tmp_path)}

    former = files()
    assert len(former) == 2
    assert files() == former
    assert files(seeds=3) > former
    assert not files("batch_size=4") & former
    assert not files("model.backbone.use_gelu=False") & former
    assert not files(budget=Budget("seconds", 2)) & former


def test_jobs_come_seed_by_seed_and_load_in_their_own_process(tmp_path: Path) -> None:
    config = tiny_config(tmp_path, "run", "num_worker=8", "seed=5")
    jobs = make_jobs(config, [BASE, BROKEN], [STEPS], 2, tmp_path)
    assert [(job.variant, job.seed) for job in jobs] == [
        ("ffnified", 5),
        ("broken", 5),
        ("ffnified", 6),
        ("broken", 6),
    ]
    assert all(job.config.num_worker == 0 and job.config.seed == job.seed for job in jobs)


def test_normals_that_are_not_there_are_estimated_before_any_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FFNET3D_CACHE", str(tmp_path / "cache"))
    config = tiny_config(tmp_path)
    estimate_normals(config)
    assert not (tmp_path / "cache").exists()
    for file in (tmp_path / "rooms").rglob("normal.npy"):
        file.unlink()
    estimate_normals(config)
    assert len([file for file in (tmp_path / "cache").rglob("*") if file.is_file()]) == 7  # rooms


def test_a_damaged_record_is_named(tmp_path: Path) -> None:
    job: Job = make_jobs(tiny_config(tmp_path), [BASE], [STEPS], 1, tmp_path)[0]
    job.file.write_text('{"variant": "ffnified"}')
    with pytest.raises(ValueError, match=re.escape(f"{job.file} is no record of an ablation")):
        list(do_jobs([job], workers=1))


def test_the_command_s_files_are_written_and_an_ended_ablation_is_not_run_again(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="pip install 'ffnet3d[view]'")
    request = tiny_request(tmp_path, budgets=(Budget("seconds", 0.05),))
    told = run_ablation(request)
    assert not told.failed
    assert "## Equal seconds: 0.05 seconds" in told.text
    paths = [str(request.out / f"ablation.{ending}") for ending in ("json", "md", "png")]
    assert told.text.endswith("\n\n" + "\n".join(paths))
    assert {file.name for file in request.out.iterdir()} == {
        "jobs", "ablation.json", "ablation.md", "ablation.png",
    }  # fmt: skip
    (table,) = json.loads((request.out / "ablation.json").read_text())["tables"]
    assert table["rows"][0]["seeds"] == [3]
    assert table["rows"][0]["seconds"]["mean"] >= 0.05

    stamps = {file: file.stat().st_mtime_ns for file in (request.out / "jobs").iterdir()}
    assert run_ablation(request) == told
    assert {file: file.stat().st_mtime_ns for file in (request.out / "jobs").iterdir()} == stamps


def test_a_stopped_ablation_has_the_tables_of_what_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib", reason="pip install 'ffnet3d[view]'")
    request = tiny_request(tmp_path, seeds=2)

    def stopped_after(count: int) -> Callable[..., Iterator[Any]]:
        def one_by_one(work: Any, jobs: Sequence[Job], *_: Any, **__: Any) -> Iterator[Any]:
            for job in jobs[:count]:
                yield job, work(job)
            raise KeyboardInterrupt

        return one_by_one

    for count, files in ((0, set()), (1, {"jobs", "ablation.json", "ablation.md", "ablation.png"})):
        monkeypatch.setattr(run, "run_each", stopped_after(count))
        with pytest.raises(KeyboardInterrupt):
            run_ablation(request)
        assert f"Interrupted: {count} of 2 trainings kept" in capsys.readouterr().err
        assert {file.name for file in request.out.glob("*")} == files
    assert "**Stopped: 1 of 2 trainings done.**" in (request.out / "ablation.md").read_text()
    (table,) = json.loads((request.out / "ablation.json").read_text())["tables"]
    assert table["rows"][0]["seeds"] == [3]


def test_the_machine_is_a_line_of_words() -> None:
    machine = Machine("a processor", 1, 1, "AVX2", (), 8 << 30, "Linux", "3.11", {"torch": "2.0"})
    assert machine_text(machine) == "a processor, 1 core, 8 GiB, AVX2; torch 2.0, Python 3.11, Linux"


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"seeds": 0}, "--seeds must be 1 or more, not 0"),
        ({"workers": 0}, "--workers must be 1 or more, not 0"),
        ({"variants": ("nope",)}, "--variants nope: "),
        ({"overrides": ("weight=a.pth",)}, "weight='a.pth': an ablation trains from scratch; leave it out"),
        ({"config": "nope"}, "-c nope: there is no "),
    ],
)
def test_requests_that_are_wrong_do_nothing(tmp_path: Path, changes: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(text)):
        run_ablation(tiny_request(tmp_path, **changes))
    assert not (tmp_path / "out").exists()
