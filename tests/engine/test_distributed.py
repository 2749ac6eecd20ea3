"""Processes, devices, precision, and batch norm over processes."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from ffnet3d.engine.distributed import (
    Layout,
    choose_precision,
    external_layout,
    launch,
    resolve_devices,
    resolve_layout,
)
from ffnet3d.engine.sync_bn import SyncBatchNorm1d, all_reduce_sum, convert_sync_batchnorm

pytest.importorskip("lightning_fabric", reason="pip install 'ffnet3d[train]'")


def test_devices_default_to_all_gpus_or_one_cpu_process() -> None:
    assert resolve_devices(None, gpus=4) == ("cuda", 4)
    assert resolve_devices(None, gpus=0) == ("cpu", 1)
    assert resolve_devices(0, gpus=4) == ("cpu", 1)
    assert resolve_devices(2, gpus=4) == ("cuda", 2)
    assert resolve_devices(2, gpus=0) == ("cpu", 2)


def test_more_devices_than_gpus_is_an_error() -> None:
    with pytest.raises(ValueError, match="-g 3: only 2 GPUs are visible"):
        resolve_devices(3, gpus=2)
    with pytest.raises(ValueError, match="0 or more, not -1"):
        resolve_devices(-1, gpus=2)


def test_machines_need_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NODE_RANK", "MASTER_ADDR", "MASTER_PORT", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ValueError, match="-m 2: set NODE_RANK, MASTER_ADDR, MASTER_PORT"):
        resolve_layout(None, machines=2)
    with pytest.raises(ValueError, match="1 or more, not 0"):
        resolve_layout(None, machines=0)


def test_torchrun_decides_the_layout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "4")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    assert external_layout(None, gpus=0) == Layout("cpu", devices=2, machines=2, external=True)
    with pytest.raises(ValueError, match="-g 3, but the launcher has started 2"):
        external_layout(3, gpus=0)


def test_float16_on_a_cpu_becomes_bfloat16_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert choose_precision(True, "float16", "cpu").dtype is torch.bfloat16
    assert "bfloat16 instead" in caplog.text
    assert choose_precision(False, "float16", "cpu").dtype is None
    assert choose_precision(True, "float16", "cuda").dtype is torch.float16
    with pytest.raises(ValueError, match="amp_dtype='half'"):
        choose_precision(True, "half", "cpu")


def batch(rank: int, points: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Features and cotangents that one rank sees."""
    generator = torch.Generator().manual_seed(rank)
    return tuple(torch.randn(points, 4, generator=generator) + 3 for _ in range(2))  # type: ignore[return-value]


def normalise(norm: nn.Module, features: torch.Tensor, cotangent: torch.Tensor) -> list[torch.Tensor]:
    """Output, gradients and running statistics of one training step of a batch norm."""
    features.requires_grad_()
    output = norm(features)
    gradients = torch.autograd.grad((output * cotangent).sum(), (features, norm.weight, norm.bias))
    return [output.detach(), *gradients, norm.running_mean, norm.running_var]


def sync_worker(fabric: Any, points: tuple[int, ...]) -> list[Any]:
    """SyncBatchNorm1d on this rank's share; parameter gradients summed over the ranks."""
    norm = convert_sync_batchnorm(nn.Sequential(nn.BatchNorm1d(4, eps=1e-3, momentum=0.01)), "cpu")[0]
    assert type(norm) is SyncBatchNorm1d
    values = normalise(norm, *batch(fabric.global_rank, points[fabric.global_rank]))
    values[2], values[3] = all_reduce_sum(values[2]), all_reduce_sum(values[3])
    return [value.tolist() for value in values]


def failing_worker(fabric: Any) -> None:
    raise ValueError(f"rank {fabric.global_rank}: this file is broken")


def test_sync_batch_norm_of_two_processes_equals_one() -> None:
    points = (30, 50)
    layout = Layout("cpu", devices=2, machines=1, external=False)
    output, inputs, *shared = (torch.tensor(values) for values in launch(layout, sync_worker, points))
    whole = [torch.cat(parts) for parts in zip(*(batch(rank, points[rank]) for rank in (0, 1)), strict=True)]
    expected = normalise(nn.BatchNorm1d(4, eps=1e-3, momentum=0.01), *whole)
    torch.testing.assert_close(output, expected[0][:30], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(inputs, expected[1][:30], rtol=1e-4, atol=1e-5)
    for got, wanted in zip(shared, expected[2:], strict=True):
        torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-5)


def test_sync_batch_norm_alone_is_batch_norm() -> None:
    features, cotangent = batch(0, 20)
    plain = normalise(nn.BatchNorm1d(4), features, cotangent)
    alone = normalise(SyncBatchNorm1d(4), features.detach().clone(), cotangent)
    assert all(torch.equal(a, b) for a, b in zip(plain, alone, strict=True))


def test_a_value_error_of_a_process_stays_one() -> None:
    with pytest.raises(ValueError, match=r"^rank \d: this file is broken$"):
        launch(Layout("cpu", devices=2, machines=1, external=False), failing_worker)


TWO_RUNS = """
from ffnet3d.engine.distributed import all_reduce, launch, resolve_layout

def total(fabric):
    import torch
    return float(all_reduce(fabric, torch.tensor(1.0 + fabric.global_rank), "sum"))

if __name__ == "__main__":
    layout = resolve_layout(None, 1)
    assert layout.external and layout.world_size == 2
    assert [launch(layout, total), launch(layout, total)] == [3.0, 3.0]
"""


def test_processes_of_torchrun_do_one_run_after_another(tmp_path: Path) -> None:
    script = tmp_path / "two_runs.py"
    script.write_text(TWO_RUNS)
    words = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc_per_node",
        "2",
        str(script),
    ]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
