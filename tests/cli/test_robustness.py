"""`ffnet3d robustness`: options become a request, and mistakes one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("typer", reason="pip install 'ffnet3d[cli]'")
pytest.importorskip("lightning_fabric", reason="pip install 'ffnet3d[train]'")
from typer.testing import CliRunner

from ffnet3d import cli
from ffnet3d.analysis.robustness import request
from ffnet3d.analysis.robustness.corruptions import CORRUPTIONS


def invoke(*words: str) -> Any:
    return CliRunner().invoke(cli.app, ["robustness", *words])


def test_every_option_is_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    requests: list[request.RobustnessRequest] = []
    monkeypatch.setattr(request, "run_robustness", lambda made: requests.append(made) or "a table")
    words = (
        "-d scannet -n first -n second -w model_last -c big -D /scans --corruption noise,outliers "
        "--severity 1,3,5 --seed 7 --rooms 3 --part val -o out seed=1"
    )
    assert invoke(*words.split()).output == "a table\n"
    assert invoke("-d", "demo", "-n", "quick").exit_code == 0
    assert requests == [
        request.RobustnessRequest(
            dataset="scannet",
            names=("first", "second"),
            weights="model_last",
            config="big",
            data_root=Path("/scans"),
            corruptions=("noise", "outliers"),
            severities=(1, 3, 5),
            seed=7,
            rooms=3,
            part="val",
            out=Path("out"),
            overrides=("seed=1",),
        ),
        request.RobustnessRequest("demo", ("quick",)),
    ]


@pytest.mark.parametrize("text", ["1;3", "", "1,-2", "1,two"])
def test_severities_are_whole_numbers(text: str) -> None:
    result = invoke("-d", "demo", "-n", "quick", "--severity", text)
    assert isinstance(result.exception, ValueError)
    assert "give numbers of 1 to 5 between commas, such as 1,3,5" in str(result.exception)


def test_a_mistake_ends_in_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        "sys.argv", ["ffnet3d", "robustness", "-d", "demo", "-n", "quick", "--corruption", "fog"]
    )
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("ffnet3d: there is no corruption 'fog': known are noise, dropout")
    assert error.count("\n") == 1


def test_the_help_names_every_corruption() -> None:
    text = invoke("--help").output
    assert all(corruption.name in text for corruption in CORRUPTIONS)
