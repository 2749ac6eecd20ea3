"""The commands of several runs: options become requests, and scripts hand on their words."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("typer", reason="pip install 'ffnet3d[cli]'")
from typer.testing import CliRunner

from ffnet3d import cli
from ffnet3d.engine import launch
from ffnet3d.engine.experiments import results_page, run

SCRIPT = Path(__file__).parents[2] / "scripts" / "sixfold_s3dis.sh"


def invoke(*words: str) -> Any:
    return CliRunner().invoke(cli.app, words)


def recorder(calls: list[tuple[Any, ...]], text: str) -> Any:
    """In place of a function: notes its arguments but for the second, which starts a run."""

    def record(*arguments: Any) -> str:
        calls.append((arguments[0], *arguments[2:]))
        return text

    return record


def test_sixfold_hands_on_every_option(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[Any, ...]] = []
    monkeypatch.setattr(run, "run_sixfold", recorder(calls, "table"))
    monkeypatch.setattr(run, "run_sixfold_seeds", recorder(calls, "tables"))
    words = "sixfold -c big -d demo -n six -g 2 -m 3 -w a.pth -D /scans --fold 1,3 --fold 5 --last epoch=3"
    assert invoke(*words.split()).output == "table\n"
    assert invoke("sixfold", "-c", "ffnet3d", "--seeds", "2").output == "tables\n"
    request = launch.TrainRequest(
        dataset="demo",
        config="big",
        name="six",
        devices=2,
        machines=3,
        weights=Path("a.pth"),
        data_root=Path("/scans"),
        overrides=("epoch=3",),
    )
    assert calls == [
        (request, ("Area_1", "Area_3", "Area_5"), True),
        (launch.TrainRequest("s3dis", "ffnet3d"), 2, tuple(f"Area_{n}" for n in range(1, 7)), False),
    ]


def test_seeds_of_a_training_are_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[Any, ...]] = []
    monkeypatch.setattr(run, "run_seeds", recorder(calls, "spread"))
    assert invoke("train", "-d", "demo", "-c", "ffnet3d", "--seeds", "3").output == "spread\n"
    assert calls == [(launch.TrainRequest("demo", "ffnet3d"), 3)]


def test_a_run_of_a_campaign_is_started_by_the_engine_that_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started: list[launch.TrainRequest] = []
    monkeypatch.setattr(launch, "run_training", started.append)
    request = launch.TrainRequest("demo", "ffnet3d", name="six/Area_1", resume=True)
    cli.runs.starter("standalone")(request)
    assert started == [request]


def test_records_and_results_are_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[tuple[Any, ...]] = []
    monkeypatch.setattr(run, "sum_up_records", lambda folder: f"sum of {folder}")
    monkeypatch.setattr(results_page, "make_results", lambda *given: made.append(given) or "page")
    assert invoke("sixfold", "--records", "records").output == "sum of records\n"
    assert invoke("results", "exp/a", "exp/b", "--out", "docs").output == "page\n"
    assert invoke("results").output == "page\n"
    assert made == [([Path("exp/a"), Path("exp/b")], Path("docs")), ([], None)]


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("sixfold", "name a config with -c, such as -c ffnet3d: runs are begun with it"),
        ("sixfold -c ffnet3d --fold 7", "--fold 7: the folds are 1 to 6, such as --fold 4 or --fold 1,3"),
        ("sixfold -c ffnet3d -D nowhere", "6-fold needs the areas 1 to 6: nowhere has no Area_1, Area_2, "),
        ("sixfold --records nowhere", "--records nowhere: there is no Area_1.pth, Area_2.pth, "),
        ("sixfold --records nowhere --fold 1", "--records only collects: leave -c, --fold, key=value and"),
        ("sixfold --records nowhere epoch=3", "--records only collects: leave -c, --fold, key=value and"),
        ("sixfold -d scannet", "-d scannet: sixfold is for data sets of six areas, s3dis and demo"),
        ("sixfold -d scannet --seeds 2", "-d scannet: sixfold is for data sets of six areas, s3dis and demo"),
        ("train -d demo -c ffnet3d --seeds 0", "--seeds must be 1 or more, not 0"),
        ("results nowhere", "nowhere holds no seeds.json, no sixfold.json and no result/test.json"),
    ],
)
def test_mistakes_end_in_one_line(
    words: str,
    text: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["ffnet3d", *words.split()])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 2
    assert capsys.readouterr().err.startswith(f"ffnet3d: {text}")


@pytest.mark.skipif(os.name != "posix", reason="scripts need a POSIX shell")
def test_the_script_hands_on_its_words(tmp_path: Path) -> None:
    echo = tmp_path / "python"
    echo.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    echo.chmod(0o755)
    words = ["sh", str(SCRIPT), "-c", "ffnet3d", "-p", str(echo), "--fold", "1,2", "epoch=3"]
    result = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    expected = ["-m", "ffnet3d", "sixfold", "-c", "ffnet3d", "--fold", "1,2", "epoch=3"]
    assert result.stdout.splitlines() == expected
