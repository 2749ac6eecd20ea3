"""The command: options become requests, mistakes become one line, and scripts hand on their words."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

pytest.importorskip("typer", reason="pip install 'ffnet3d[cli]'")
from typer.testing import CliRunner

import ffnet3d
from ffnet3d import cli
from ffnet3d.engine import launch
from ffnet3d.engine.environment import describe_environment, installed_version
from ffnet3d.engine.testing.options import TestOptions

SCRIPTS = Path(__file__).parents[1] / "scripts"


def invoke(*words: str) -> Any:
    return CliRunner().invoke(cli.app, words)


def test_train_hands_on_every_option(monkeypatch: pytest.MonkeyPatch) -> None:
    requests: list[launch.TrainRequest] = []
    monkeypatch.setattr(launch, "run_training", requests.append)
    words = (
        "train -d scannet -c tiny -n first -g 2 -w a.pth -r TRUE -m 3 -e standalone -D /scans epoch=3 a.b=1"
    )
    assert invoke(*words.split()).exit_code == 0
    assert invoke("train", "-d", "demo", "-c", "ffnet3d").exit_code == 0
    assert requests == [
        launch.TrainRequest(
            dataset="scannet",
            config="tiny",
            name="first",
            devices=2,
            machines=3,
            weights=Path("a.pth"),
            resume=True,
            data_root=Path("/scans"),
            overrides=("epoch=3", "a.b=1"),
        ),
        launch.TrainRequest(dataset="demo", config="ffnet3d"),
    ]


def test_test_hands_on_every_option(monkeypatch: pytest.MonkeyPatch) -> None:
    requests: list[launch.TestRequest] = []
    monkeypatch.setattr(launch, "run_testing", requests.append)
    words = "test -d scannet -n first -w model_last -c tiny -g 2 -m 3 -e standalone -D /scans seed=1"
    assert invoke(*words.split()).exit_code == 0
    assert invoke("test", "-d", "demo", "-n", "ffnet3d").exit_code == 0
    words = "test -d demo -n a --fast --compare 2 --fresh --probabilities"
    assert invoke(*words.split()).exit_code == 0
    assert invoke("test", "-d", "scannet", "-n", "a", "--submit").exit_code == 0
    assert requests == [
        launch.TestRequest("scannet", "first", "model_last", "tiny", 2, 3, Path("/scans"), ("seed=1",)),
        launch.TestRequest(dataset="demo", name="ffnet3d"),
        launch.TestRequest("demo", "a", options=TestOptions(True, 2, True, True)),
        launch.TestRequest("scannet", "a", options=TestOptions(submit=True)),
    ]


def test_make_demo_hands_on_its_counts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    calls: list[tuple[Path, dict[str, int]]] = []

    def make(root: Path, **counts: int) -> Path:
        calls.append((root, counts))
        return root

    monkeypatch.setattr("ffnet3d.data.demo.make_demo", make)
    result = invoke("make-demo", str(tmp_path), "--areas", "2", "--rooms", "1", "--seed", "5")
    assert result.output == f"Demo rooms in {tmp_path}\n"
    assert calls == [(tmp_path, {"areas": 2, "rooms_per_area": 1, "seed": 5})]


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("train -d demo -c ffnet3d -r maybe", "-r takes true or false, not 'maybe'"),
        ("train -d demo -c ffnet3d -e lightning", "-e lightning: choose one of auto, standalone, pointcept"),
        ("train -d dmeo -c ffnet3d", "-d dmeo: did you mean 'demo'?"),
        (
            "test -d demo -n nobody",
            "there is no run exp/demo/nobody (runs of demo: none); a checkpoint from elsewhere needs its "
            "config (-c) and its file (-w)",
        ),
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
    assert capsys.readouterr().err == f"ffnet3d: {text}\n"


@pytest.mark.parametrize(
    "error", [ValueError("first\n  second"), ImportError("first second"), OSError("first second")]
)
def test_errors_of_several_lines_become_one(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setattr(cli, "app", fail)
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 2
    assert capsys.readouterr().err == "ffnet3d: first second\n"


def test_an_error_of_the_program_itself_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise AssertionError("a bug")

    monkeypatch.setattr(cli, "app", fail)
    with pytest.raises(AssertionError, match="a bug"):
        cli.main()


@pytest.mark.parametrize("words", ["train", "trian", "train -d demo -x", "train -d demo -g many"])
def test_words_that_are_no_command_show_the_usage(words: str) -> None:
    result = invoke(*words.split())
    assert result.exit_code == 2
    assert "Usage: " in result.output


def test_help_shows_examples() -> None:
    assert "train -d demo -c ffnet3d -r true" in invoke("train", "-h").output
    assert invoke("-h").exit_code == 0


def test_info_lists_versions_devices_and_backends() -> None:
    text = invoke("info").output
    assert text.startswith(describe_environment())
    assert text.startswith(f"ffnet3d {ffnet3d.__version__}, Python {sys.version.split()[0]}")
    blocks = {block.split("\n")[0]: block for block in text.strip().split("\n\n")}
    assert torch.__version__.partition("+")[0] in blocks["packages"]
    assert blocks["engine"].split()[1] in ("standalone", "pointcept")
    assert "cpu: " in blocks["devices"]
    assert {"torch", "reference"} <= {line.split()[0] for line in blocks["backends"].splitlines()[1:]}
    assert installed_version("no-such-package") == "not installed"


def test_info_tells_of_a_wrong_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POINTCEPT_ROOT", "nowhere")
    text = invoke("info").output
    assert text.startswith(describe_environment())
    assert text.endswith("none: POINTCEPT_ROOT=nowhere: there is no package pointcept in that folder\n")


def test_info_says_why_there_is_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    assert "cuda: not usable (this torch is " in describe_environment()


def test_the_module_is_the_command() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "ffnet3d", "train", "-d", "demo", "-r", "maybe"],
        capture_output=True,
        text=True,
        cwd=SCRIPTS.parent,
    )
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == "ffnet3d: -r takes true or false, not 'maybe'\n"


@pytest.fixture
def echo(tmp_path: Path) -> Path:
    """An interpreter that only prints its arguments, one a line."""
    file = tmp_path / "python"
    file.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    file.chmod(0o755)
    return file


posix = pytest.mark.skipif(os.name != "posix", reason="scripts need a POSIX shell")


@posix
@pytest.mark.parametrize("command", ["train", "test"])
def test_scripts_hand_on_their_words(command: str, echo: Path, tmp_path: Path) -> None:
    words = ["-d", "demo", "-p", str(echo), "-n", "two words", "data.names=['a', 'b']"]
    result = subprocess.run(
        ["sh", str(SCRIPTS / f"{command}.sh"), *words], capture_output=True, text=True, cwd=tmp_path
    )
    assert result.returncode == 0, result.stderr
    expected = ["-m", "ffnet3d", command, "-d", "demo", "-n", "two words", "data.names=['a', 'b']"]
    assert result.stdout.splitlines() == expected


@posix
def test_an_option_of_the_scripts_needs_its_value() -> None:
    words = ["sh", str(SCRIPTS / "train.sh"), "-d", "demo", "-p"]
    result = subprocess.run(words, capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (2, "-p needs a Python interpreter\n")


def choose_python(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Let the scripts choose an interpreter in `folder`; it is the last line on stdout."""
    (folder / "pyproject.toml").touch()
    (folder / "constraints.txt").touch()
    words = f". {SCRIPTS}/environment.sh && environment all && echo $PYTHON"
    chosen_by = ("PYTHON", "VIRTUAL_ENV", "FFNET3D_TORCH_INDEX")
    clean = {key: value for key, value in os.environ.items() if key not in chosen_by}
    return subprocess.run(
        ["sh", "-c", words], capture_output=True, text=True, cwd=folder, env={**clean, **environment}
    )


def move_in(interpreter: Path, environment: Path) -> Path:
    """Put an interpreter where a virtual environment has its own."""
    (environment / "bin").mkdir(parents=True)
    return interpreter.rename(environment / "bin" / "python")


@posix
def test_the_active_environment_is_used(echo: Path, tmp_path: Path) -> None:
    active = move_in(echo, tmp_path / "active")
    where = str(tmp_path / "active")
    assert choose_python(tmp_path, VIRTUAL_ENV=where).stdout.splitlines()[-1] == str(active)
    assert choose_python(tmp_path, VIRTUAL_ENV=where, PYTHON="mine").stdout == "mine\n"


@posix
def test_an_environment_is_installed_once_for_the_same_requirements(echo: Path, tmp_path: Path) -> None:
    own = move_in(echo, tmp_path / ".venv")  # stands for a bare environment: it prints how pip is called
    first, second = choose_python(tmp_path), choose_python(tmp_path)
    assert " ".join(first.stdout.split()) == (
        f"-m pip install --quiet --disable-pip-version-check -c constraints.txt -e .[all] {own}"
    )
    assert first.stderr.startswith("Setting up .venv")
    assert (second.stdout, second.stderr) == (f"{own}\n", "")
    (tmp_path / "constraints.txt").write_text("torch==2.13.0")
    assert "install" in choose_python(tmp_path).stdout.split()


def test_an_interrupt_is_said_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(_request: launch.TrainRequest) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(launch, "run_training", interrupted)
    monkeypatch.setattr(sys, "argv", ["ffnet3d", "train", "-d", "demo", "-c", "ffnet3d"])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert stop.value.code == 130
    assert "interrupted; train with -r true goes on" in capsys.readouterr().err


def test_an_interrupt_within_a_checkpoint_is_said_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(_request: launch.TrainRequest) -> None:
        try:
            raise KeyboardInterrupt
        finally:
            raise RuntimeError("unexpected pos 2963264 vs 2963152")

    monkeypatch.setattr(launch, "run_training", interrupted)
    monkeypatch.setattr(sys, "argv", ["ffnet3d", "train", "-d", "demo", "-c", "ffnet3d"])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert stop.value.code == 130
    assert "the former one stands" in capsys.readouterr().err
