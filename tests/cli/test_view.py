"""`ffnet3d view`: a page in a file, or on a port until Ctrl-C."""

from __future__ import annotations

import http.client
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from shown_rooms import NAMES, write_room
from typer.testing import CliRunner

from ffnet3d.cli import app
from ffnet3d.cli import view as view_command
from ffnet3d.view.serve import PageServer


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write_room(tmp_path / "room.ply", 600)


def test_a_page_in_a_file(file: Path, tmp_path: Path):
    out = tmp_path / "room.html"
    result = CliRunner().invoke(
        app, ["view", str(file), "--html", str(out), "--points", "100", "--classes", NAMES]
    )
    assert result.exit_code == 0, result.output
    assert "room.html (0.0 MB)" in result.output
    assert "100 of 600 points shown" in out.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--html", "."], "is a folder"),
        (["--html", "nowhere/room.html"], "there is no folder nowhere"),
        (["--points", "0"], "--points 0: at least 1"),
        (["--up", "w"], "unknown up axis 'w'"),
        (["--truth", "nothing"], "--truth nothing: neither a file nor a column"),
        (["--classes", "s3ds"], "--classes s3ds: give s3dis"),
        (["--port", "99999"], "--port 99999"),
    ],
)
def test_mistakes_are_named(file: Path, options, message):
    result = CliRunner().invoke(app, ["view", str(file), "--no-browser", *options])
    assert isinstance(result.exception, ValueError)
    assert message in str(result.exception)


def test_the_browser_is_opened_unless_told_not_to(file: Path, monkeypatch):
    opened, threads = [], []

    class AtOnce:
        def __init__(self, target, args, daemon):
            threads.append(daemon)
            self.start = lambda: target(*args)

    monkeypatch.setattr(view_command.webbrowser, "open", opened.append)
    monkeypatch.setattr(view_command.threading, "Thread", AtOnce)
    monkeypatch.setattr(PageServer, "serve_forever", lambda *_, **__: None)
    for options in ([], ["--no-browser"]):
        assert CliRunner().invoke(app, ["view", str(file), *options]).exit_code == 0
    assert len(opened) == 1
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", opened[0])
    assert threads == [True]


@pytest.mark.skipif(os.name != "posix", reason="Ctrl-C is sent as a signal")
def test_it_serves_until_ctrl_c(file: Path):
    command = [sys.executable, "-m", "ffnet3d", "view", str(file), "--no-browser"]
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as run:
        line = run.stdout.readline()
        found = re.match(r"http://127\.0\.0\.1:(\d+)/", line)
        assert found is not None, line + run.stderr.read()
        connection = http.client.HTTPConnection("127.0.0.1", int(found[1]), timeout=20)
        connection.request("GET", "/")
        assert "600 points, all of them shown" in connection.getresponse().read().decode()
        run.send_signal(signal.SIGINT)
        assert run.wait(30) == 0
        assert "Traceback" not in run.stderr.read()
