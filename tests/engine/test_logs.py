"""The log of a run: in its file and on stderr, once each."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from ffnet3d.engine.logs import close_logging, setup_logging

logger = logging.getLogger("ffnet3d.engine.something")


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    yield
    close_logging()
    logging.getLogger("ffnet3d").setLevel(logging.NOTSET)


def test_lines_go_to_the_file_and_to_stderr(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    setup_logging(tmp_path / "run" / "train.log")
    logger.info("step %d", 3)
    assert (tmp_path / "run" / "train.log").read_text().endswith("INFO] step 3\n")
    captured = capsys.readouterr()
    assert captured.err.endswith("INFO] step 3\n")
    assert captured.out == ""


def test_a_second_set_up_replaces_the_first_and_appends_to_a_file(tmp_path: Path) -> None:
    first, second = tmp_path / "train.log", tmp_path / "test.log"
    for file in (first, second, first):
        setup_logging(file)
        logger.info("to %s", file.name)
    assert first.read_text().count("to train.log") == 2
    assert second.read_text().count("to test.log") == 1
    assert "to test.log" not in first.read_text()


def test_other_processes_warn_on_stderr_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    setup_logging(tmp_path / "train.log", is_main=False)
    logger.info("quiet")
    logger.warning("heard")
    assert not (tmp_path / "train.log").exists()
    assert "heard" in (err := capsys.readouterr().err)
    assert "quiet" not in err


def test_tracebacks_go_to_the_file_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    setup_logging(tmp_path / "train.log")
    logging.getLogger("ffnet3d").debug("ended", exc_info=ValueError("a wrong value"))
    assert "ValueError: a wrong value" in (tmp_path / "train.log").read_text()
    assert "a wrong value" not in capsys.readouterr().err
