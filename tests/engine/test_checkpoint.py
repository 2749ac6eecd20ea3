"""Checkpoints survive full disks and kills, and only what fits is loaded."""

from __future__ import annotations

import errno
import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from ffnet3d.engine.checkpoint import load_checkpoint, load_weights, save_checkpoint

KILLED = """
import os, signal, sys, torch
from pathlib import Path
from ffnet3d.engine.checkpoint import save_checkpoint

class Slow:
    '''A file whose second large write never ends: the process is killed in the middle of the checkpoint.'''
    def __init__(self, file): self.file, self.writes = file, 0
    def __getattr__(self, name): return getattr(self.file, name)
    def write(self, data):
        self.writes += len(data) > 10_000
        if self.writes == 2:
            self.file.write(bytes(data)[:5000])
            self.file.flush()
            os.kill(os.getpid(), signal.SIGKILL)
        return self.file.write(data)

torch_save = torch.save
torch.save = lambda state, file: torch_save(state, Slow(file))
state = {"state_dict": {str(i): torch.full((5000,), 2.0) for i in range(4)}, "step": 2}
save_checkpoint(Path(sys.argv[1]), state)
"""

FULL = """
import resource, signal, sys, torch
from pathlib import Path
from ffnet3d.engine.checkpoint import save_checkpoint

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
try:
    save_checkpoint(Path(sys.argv[1]), {"state_dict": {"weight": torch.ones(100_000)}, "step": 2})
except OSError as error:
    print(error)
"""


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))


def saved(path: Path, **more: Any) -> dict[str, Any]:
    state = {"epoch": 1, "state_dict": network().state_dict(), "best_metric_value": float("-inf"), **more}
    save_checkpoint(path, state)
    return state


def in_subprocess(program: str, path: Path) -> subprocess.CompletedProcess[str]:
    root = str(Path(__file__).parents[2])
    environment = {**os.environ, "PYTHONPATH": root, "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, "-c", program, str(path)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    optimizer = torch.optim.AdamW(network().parameters())
    path = tmp_path / "model" / "model_last.pth"
    state = saved(
        path, optimizer=optimizer.state_dict(), scaler=None, ffnet3d={"version": "1", "config": "a = 1"}
    )
    loaded = load_checkpoint(path)
    assert loaded.keys() == state.keys()
    assert loaded["best_metric_value"] == float("-inf")
    assert loaded["optimizer"] == state["optimizer"]
    assert all(torch.equal(loaded["state_dict"][name], value) for name, value in state["state_dict"].items())
    assert [file.name for file in path.parent.iterdir()] == ["model_last.pth"]


def test_kill_during_the_write_leaves_the_former_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "model_last.pth"
    saved(path, step=1)
    assert in_subprocess(KILLED, path).returncode == -signal.SIGKILL
    assert (tmp_path / "model_last.pth.tmp").stat().st_size > 5000
    assert load_checkpoint(path)["step"] == 1
    saved(path, step=3)
    assert load_checkpoint(path)["step"] == 3
    assert [file.name for file in tmp_path.iterdir()] == ["model_last.pth"]


def test_a_disk_that_is_full_halfway_leaves_the_former_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "model_last.pth"
    saved(path, step=1)
    result = in_subprocess(FULL, path)
    assert f"cannot write {path}: File too large; the former file is untouched" in result.stdout, (
        result.stderr
    )
    assert load_checkpoint(path)["step"] == 1
    assert [file.name for file in tmp_path.iterdir()] == ["model_last.pth"]


def test_no_space_left_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model_last.pth"
    saved(path, step=1)

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left on device; the former file is untouched") as caught:
        saved(path, step=2)
    assert caught.value.errno == errno.ENOSPC
    with pytest.raises(OSError, match=r"cannot write .*other.pth: No space left on device$"):
        saved(tmp_path / "other.pth")
    assert load_checkpoint(path)["step"] == 1


def test_an_interrupt_during_the_write_leaves_no_litter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(torch, "save", interrupted)
    with pytest.raises(KeyboardInterrupt):
        saved(tmp_path / "model_last.pth")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kept", [0, 10, 0.5, 0.99])
def test_a_truncated_file_is_refused(tmp_path: Path, kept: float) -> None:
    path = tmp_path / "cut.pth"
    saved(path)
    content = path.read_bytes()
    path.write_bytes(content[: kept if isinstance(kept, int) else int(kept * len(content))])
    with pytest.raises(ValueError, match=r"cut\.pth \(\d+ bytes\) is truncated"):
        load_checkpoint(path)


def test_files_that_are_no_checkpoints_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.pth"
    path.write_text("weights: none")
    with pytest.raises(ValueError, match=r"other\.pth .*is no checkpoint"):
        load_checkpoint(path)
    torch.save({"weight": torch.ones(1)}, path)
    with pytest.raises(
        ValueError, match=r"other\.pth is not a checkpoint: it holds no dict with a 'state_dict'"
    ):
        load_checkpoint(path)
    with pytest.raises(ValueError, match=r"there is no checkpoint .*absent\.pth"):
        load_checkpoint(tmp_path / "absent.pth")


def test_code_in_a_file_does_not_run(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.mkdir, (str(tmp_path / "ran"),)

    path = tmp_path / "evil.pth"
    torch.save({"state_dict": {}, "evil": Evil()}, path)
    with pytest.raises(ValueError, match="holds more than tensors"):
        load_checkpoint(path)
    path.write_bytes(pickle.dumps({"state_dict": {}, "evil": Evil()}, protocol=2))
    with pytest.raises(ValueError, match=r"evil\.pth"):
        load_checkpoint(path)
    assert not (tmp_path / "ran").exists()


def test_the_numpy_scores_of_pointcept_are_read(tmp_path: Path) -> None:
    path = tmp_path / "pointcept.pth"
    saved(path, best_metric_value=np.float64(0.5))
    assert load_checkpoint(path)["best_metric_value"] == 0.5


def test_the_schedule_of_an_older_pytorch_is_read(tmp_path: Path) -> None:
    path = tmp_path / "old.pth"
    function = torch.optim.lr_scheduler.OneCycleLR._annealing_cos  # pickled as getattr(OneCycleLR, its name)
    saved(path, scheduler={"total_steps": 10, "anneal_func": function})
    assert load_checkpoint(path)["scheduler"] == {"total_steps": 10, "anneal_func": "_annealing_cos"}


def test_getattr_in_a_file_reaches_nothing(tmp_path: Path) -> None:
    class Reach:
        def __reduce__(self) -> tuple[Any, ...]:
            return getattr, (str, "join")

    path = tmp_path / "reach.pth"
    saved(path, reach=Reach())
    with pytest.raises(ValueError, match=r"reach\.pth .*holds more than tensors"):
        load_checkpoint(path)


@pytest.mark.parametrize("prefix", ["", "module."])
def test_weights_load_with_and_without_the_prefix_of_ddp(tmp_path: Path, prefix: str) -> None:
    expected = network().state_dict()
    path = tmp_path / "model.pth"
    save_checkpoint(path, {"state_dict": {prefix + name: value for name, value in expected.items()}})
    plain, wrapped = network(), nn.ModuleDict({"module": network()})
    for model in (plain, wrapped):
        nn.init.zeros_(next(model.parameters()))
        load_weights(model, path)
        assert all(
            torch.equal(value, expected[name.removeprefix("module.")])
            for name, value in model.state_dict().items()
        )


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    weights = network().state_dict()
    weights["0.weight"] = torch.zeros(5, 3)
    weights["head.weight"] = weights.pop("0.bias")
    for index in range(5):
        weights[f"extra.{index}"] = torch.zeros(1)
    path = tmp_path / "other.pth"
    save_checkpoint(path, {"state_dict": weights})
    model = network()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(ValueError, match=r"other\.pth are of another network") as caught:
        load_weights(model, path)
    text = str(caught.value)
    assert "1 missing (0.bias)" in text
    assert "6 unexpected (head.weight, extra.0, extra.1, ...)" in text
    assert "1 of another shape (0.weight (5, 3) instead of (4, 3))" in text
    assert "config.py beside the model/ folder" in text
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_shared_weights_load_too(tmp_path: Path) -> None:
    safetensors = pytest.importorskip("safetensors.torch", reason="pip install 'ffnet3d[train]'")
    path = tmp_path / "model.safetensors"
    safetensors.save_file(network().state_dict(), path)
    model = network()
    nn.init.zeros_(model[0].weight)
    load_weights(model, path)
    assert torch.equal(model[0].weight, network()[0].weight)
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(
        ValueError, match=r"model\.safetensors is truncated or not a safetensors file .*: copy"
    ):
        load_weights(model, path)
    path.unlink()
    with pytest.raises(ValueError, match=r"model\.safetensors is missing"):
        load_weights(model, path)
