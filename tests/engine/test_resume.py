"""A run that was killed and resumed ends as the undisturbed run does, bit for bit."""

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
from tiny_run import tiny_config

pytest.importorskip("lightning_fabric", reason="pip install 'ffnet3d[train]'")

from ffnet3d.engine.checkpoint import load_checkpoint
from ffnet3d.engine.config import dump_config
from ffnet3d.engine.train import train

# Trains in a process that ends by SIGKILL in step 8 (the last of an epoch), or half-way through writing its
# third checkpoint.
VICTIM = """
import io, os, signal, sys
import torch
from ffnet3d.engine.config import load_config
from ffnet3d.engine.train import train
from ffnet3d.engine.trainer import Trainer

config_file, moment = sys.argv[1:]
update, save, calls = Trainer.update_weights, torch.save, []

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def dying_update(self):
    if self.state.step == 7:
        die()
    update(self)

def dying_save(state, file):
    calls.append(file)
    if len(calls) < 3:
        return save(state, file)
    whole = io.BytesIO()
    save(state, whole)
    file.write(whole.getvalue()[: len(whole.getvalue()) // 2])
    file.flush()
    die()

if moment == "step":
    Trainer.update_weights = dying_update
else:
    torch.save = dying_save
if __name__ == "__main__":
    train(load_config(config_file))
"""


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the rooms and of the run `whole`, trained without interruption."""
    folder = tmp_path_factory.mktemp("resume")
    train(tiny_config(folder, "whole"))
    return folder


def kill_at(moment: str, folder: Path, *overrides: str) -> None:
    """Start the run `folder`/killed in another process, and see it die."""
    config = tiny_config(folder, "killed", *overrides)
    file = folder / "killed_resolved.py"
    dump_config(config, file)
    paths = os.pathsep.join(filter(None, (str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH"))))
    environment = {**os.environ, "PYTHONPATH": paths}
    victim = [sys.executable, "-c", VICTIM, str(file), moment]
    # Output to a file: the victim's orphaned loading processes would hold a pipe open for seconds.
    with (folder / "output").open("w+") as output:
        done = subprocess.run(victim, env=environment, stdout=output, stderr=output, timeout=120, check=False)
        output.seek(0)
        assert done.returncode == -signal.SIGKILL, output.read()


def assert_same(first: Any, second: Any) -> None:
    """Equal all through, tensors bit for bit."""
    if isinstance(first, dict):
        assert list(first) == list(second)
        for key in first:
            assert_same(first[key], second[key])
    elif isinstance(first, list | tuple):
        assert len(first) == len(second)
        for one, other in zip(first, second, strict=True):
            assert_same(one, other)
    elif isinstance(first, torch.Tensor):
        assert torch.equal(first, second)
    else:
        assert first == second


def assert_same_run(first: Path, second: Path) -> None:
    """Same checkpoints, and same lines of metrics but for the time they took."""
    for name in ("model_last.pth", "model_best.pth"):
        checkpoints = [load_checkpoint(run / "model" / name) for run in (first, second)]
        for checkpoint in checkpoints:
            del checkpoint["ffnet3d"]["config"]  # holds save_path
        assert_same(*checkpoints)
    assert metrics(first) == metrics(second)


def metrics(run: Path) -> list[dict[str, Any]]:
    """Lines of metrics.jsonl without times."""
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key != "seconds"} for line in lines]


@pytest.mark.parametrize(("moment", "workers"), [("step", 2), ("checkpoint", 0)])
def test_killed_and_resumed_equals_undisturbed(
    undisturbed: Path, tmp_path: Path, moment: str, workers: int
) -> None:
    (tmp_path / "rooms").symlink_to(undisturbed / "rooms")
    kill_at(moment, tmp_path, f"num_worker={workers}")
    left = load_checkpoint(tmp_path / "killed" / "model" / "model_last.pth")
    assert left["step"] == {"step": 6, "checkpoint": 2}[moment]
    resumed = train(tiny_config(tmp_path, "killed", "resume=True", f"num_worker={workers}"))
    assert resumed.steps == 12
    assert_same_run(undisturbed / "whole", tmp_path / "killed")


def test_a_finished_run_resumed_only_tests_again(undisturbed: Path, tmp_path: Path) -> None:
    (tmp_path / "rooms").symlink_to(undisturbed / "rooms")
    first = train(tiny_config(tmp_path, "run"))
    before = (tmp_path / "run" / "model" / "model_last.pth").read_bytes()
    again = train(tiny_config(tmp_path, "run", "resume=True"))
    assert again == first
    assert (tmp_path / "run" / "model" / "model_last.pth").read_bytes() == before


def test_killed_before_any_checkpoint_starts_again_with_the_same_seed(tmp_path: Path) -> None:
    train(tiny_config(tmp_path, "run", "seed=None", "evaluate=False"))
    whole = load_checkpoint(tmp_path / "run" / "model" / "model_last.pth")
    for file in (tmp_path / "run" / "model").iterdir():
        file.unlink()
    train(tiny_config(tmp_path, "run", "seed=None", "evaluate=False", "resume=True"))
    assert_same(whole, load_checkpoint(tmp_path / "run" / "model" / "model_last.pth"))


def test_resuming_nothing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"nothing to resume in .*run"):
        train(tiny_config(tmp_path, "run", "resume=True"))


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("batch_size=1", "steps_per_epoch=4, but this config and data give 8"),
        ("seed=4", "seed=3, but this config and data give 4"),
        ("epoch=12 eval_epoch=6", "total_steps=12, but this config and data give 24"),
    ],
)
def test_another_run_cannot_resume(undisturbed: Path, override: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        train(tiny_config(undisturbed, "whole", "resume=True", *override.split()))
