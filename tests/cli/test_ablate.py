"""`ffnet3d ablate`: options become a request, what is told is printed, mistakes end in one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("typer", reason="pip install 'ffnet3d[cli]'")
from typer.testing import CliRunner

from ffnet3d import cli
from ffnet3d.analysis.ablation import run
from ffnet3d.analysis.ablation.budget import Budget
from ffnet3d.analysis.ablation.run import AblationRequest, Told


def invoke(*words: str) -> Any:
    return CliRunner().invoke(cli.app, ["ablate", *words])


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> list[AblationRequest]:
    """The requests that the command makes, which are not run."""
    made: list[AblationRequest] = []

    def record(request: AblationRequest) -> Told:
        made.append(request)
        return Told("the table", failed="relu" in (request.variants or ()))

    monkeypatch.setattr(run, "run_ablation", record)
    return made


def test_without_options_both_budgets_are_run_on_the_demo(requests: list[AblationRequest]) -> None:
    result = invoke()
    assert (result.output, result.exit_code) == ("the table\n", 0)
    (request,) = requests
    assert [budget.kind for budget in request.budgets] == ["steps", "seconds"]
    assert (request.dataset, request.config, request.variants, request.seeds) == ("demo", None, None, 3)
    assert request.out == Path("exp/ablation")


def test_every_option_is_handed_on(requests: list[AblationRequest]) -> None:
    words = "-d scannet -c big -D /scans --variants ffnet3d-tiny,ffnet3d --seconds 600 --seeds 5 --workers 2"
    assert invoke(*words.split(), "--out", "here", "batch_size=4").exit_code == 0
    assert requests == [
        AblationRequest(
            dataset="scannet",
            out=Path("here"),
            budgets=(Budget("seconds", 600),),
            config="big",
            variants=("ffnet3d-tiny", "ffnet3d"),
            seeds=5,
            workers=2,
            data_root=Path("/scans"),
            overrides=("batch_size=4",),
        )
    ]


def test_a_failed_training_shows_in_the_status(requests: list[AblationRequest]) -> None:
    result = invoke("--variants", "relu", "--steps", "5")
    assert (result.output, result.exit_code) == ("the table\n", 1)
    assert requests[0].budgets == (Budget("steps", 5),)


def test_the_list_names_variants_and_runs_nothing(requests: list[AblationRequest]) -> None:
    result = invoke("--list")
    assert result.output.startswith("ffnified ")
    assert "\nhybrid " in result.output
    assert not requests


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("--variants nope", "--variants nope: known: "),
        ("--steps 0", "--steps must be a whole number of 1 or more, not 0"),
        ("--seconds -1", "--seconds must be above 0, not -1"),
        ("-d nowhere", "-d nowhere: "),
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
    monkeypatch.setattr("sys.argv", ["ffnet3d", "ablate", *words.split()])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 2
    assert capsys.readouterr().err.startswith(f"ffnet3d: {text}")
