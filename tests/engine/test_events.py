"""metrics.jsonl: whole lines, whatever happens to the process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from ffnet3d.engine.events import MetricsLog, drop_later
from ffnet3d.engine.metrics import ConfusionMatrix, Scores

pytest.importorskip("tensorboard", reason="pip install 'ffnet3d[train]'")

KILLED = """
import os, signal, sys
from ffnet3d.engine.events import MetricsLog

log = MetricsLog(sys.argv[1])
for step in range(1, 6):
    log.train(1, step, 0.5, [0.1], 0.01)
os.kill(os.getpid(), signal.SIGKILL)
"""


def some_scores() -> Scores:
    confusion = ConfusionMatrix(2)
    confusion.update(torch.tensor([0, 1, 1]), torch.tensor([0, 0, 1]))
    return confusion.scores()


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def scalars(folder: Path, name: str) -> dict[int, float]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder))
    events.Reload()
    return {event.step: event.value for event in events.Scalars(name)}


def test_lines_have_the_keys_of_the_report(tmp_path: Path) -> None:
    log = MetricsLog(tmp_path / "run")
    log.train(epoch=1, step=1, loss=2.5, lr=[0.006, 0.0006], seconds=0.123456)
    log.evaluation(epoch=1, step=1, loss=2.0, scores=some_scores())
    log.close()
    train, evaluation = lines(tmp_path / "run")
    assert train == {
        "kind": "train", "epoch": 1, "step": 1, "loss": 2.5, "lr": [0.006, 0.0006], "seconds": 0.1235
    }  # fmt: skip
    assert list(evaluation) == [
        "kind",
        "epoch",
        "step",
        "loss",
        "mIoU",
        "mIoU_present",
        "mAcc",
        "allAcc",
        "iou",
    ]
    assert evaluation["kind"] == "eval"
    assert evaluation["iou"] == [0.5, 0.5]
    assert scalars(tmp_path / "run", "train/loss") == {1: 2.5}
    assert scalars(tmp_path / "run", "val/mIoU") == {1: 0.5}


def test_a_loss_that_is_no_number_is_null(tmp_path: Path) -> None:
    log = MetricsLog(tmp_path)
    log.train(1, 1, float("nan"), [float("inf")], 0.1)
    log.close()
    assert "NaN" not in (tmp_path / "metrics.jsonl").read_text()
    assert lines(tmp_path)[0]["loss"] is None
    assert lines(tmp_path)[0]["lr"] == [None]


def test_a_killed_process_leaves_every_line_and_resuming_drops_the_later_ones(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", KILLED, str(tmp_path)]
    assert subprocess.run(command, env=environment, check=False).returncode == -signal.SIGKILL
    assert [line["step"] for line in lines(tmp_path)] == [1, 2, 3, 4, 5]
    log = MetricsLog(tmp_path, step=3)
    log.train(1, 4, 0.25, [0.1], 0.01)
    log.close()
    assert [(line["step"], line["loss"]) for line in lines(tmp_path)] == [
        (1, 0.5),
        (2, 0.5),
        (3, 0.5),
        (4, 0.25),
    ]


def test_tensorboard_shows_the_steps_that_were_done_again_once(tmp_path: Path) -> None:
    for start, loss in ((0, 0.5), (3, 0.25)):
        log = MetricsLog(tmp_path, step=start)
        for step in range(start + 1, start + 6):
            log.train(1, step, loss, [0.1], 0.01)
        log.close()
    assert scalars(tmp_path, "train/loss") == {
        1: 0.5,
        2: 0.5,
        3: 0.5,
        4: 0.25,
        5: 0.25,
        6: 0.25,
        7: 0.25,
        8: 0.25,
    }


def test_a_new_run_starts_with_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_text('{"kind": "train", "step": 7}\n')
    MetricsLog(tmp_path).close()
    assert lines(tmp_path) == []


def test_half_lines_and_foreign_lines_are_dropped(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    whole = '{"kind": "train", "step": 1}\n{"kind": "eval", "step": 2}\n'
    path.write_text(whole + '[1]\nnot json\n{"step": "x"}\n{"kind": "train", "st')
    drop_later(path, 5)
    assert path.read_text() == whole
    drop_later(path, 5)
    assert path.read_text() == whole
    drop_later(tmp_path / "absent.jsonl", 5)
