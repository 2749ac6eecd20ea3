"""The benchmarks start: what they import is there, and they explain themselves."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from ffnet3d.ops import available_backends

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("script", sorted(path.name for path in (ROOT / "benchmarks").glob("*.py")))
def test_a_benchmark_explains_itself(script: str) -> None:
    command = [sys.executable, str(ROOT / "benchmarks" / script), "--help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "usage:" in done.stdout


def test_the_gpu_benchmark_runs_dry(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "benchmarks" / "gpu.py"), "--dry-run", "--out", str(tmp_path)]
    done = subprocess.run(
        [*command, "--backends", "torch,spconv"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "left out: spconv: a dry run is on a CPU" in done.stdout
    written = json.loads((tmp_path / "gpu.json").read_text())
    records = written["records"]
    assert {record["part"] for record in records} == {
        *("roofs", "check", "pyramid", "network", "graph", "training", "convolution")
    }
    assert {record["scenes"] for record in records if record["part"] == "training"} == {1, 2}
    assert not [record for record in records if "error" in record or record.get("verdict") == "WRONG"]
    assert {goal["verdict"] for goal in written["goals"]} == {"not measured"}
    assert "| network: faster than the authors' form | 3 times |" in (tmp_path / "gpu.md").read_text()


def record(part: str, what: str, backend: str, precision: str, median_ms: float) -> dict[str, Any]:
    """A result at the goals' size."""
    where = {"size": 100_000, "scenes": 1, "precision": precision, "backend": backend}
    return {"part": part, "what": what, "median_ms": median_ms, **where}


def test_goals_are_judged_by_the_figures() -> None:
    goals = importlib.import_module("gpu_parts.goals")
    records = [
        record("network", "eager, pyramid given", "triton", "bf16", 7.5),
        record("network", "eager, pyramid given", "triton", "fp16", 1.0),  # the goals are for bf16
        record("network", "eager, pyramid given", "spconv", "bf16", 9.0),
        record("network", "eager, pyramid given", "spconv", "fp16", 7.0),  # its best form counts
        record("authors", "forward", "spconv", "fp16", 30.0),
        record("training", "pyramid given", "triton", "bf16", 25.0),
        {"part": "graph", "what": "graph, features alone", "backend": "triton", "error": "no memory"},
    ]
    verdicts = {row["goal"]: (row["measured"], row["verdict"]) for row in goals.judge(records)}
    assert verdicts["forward, eager, pyramid given"] == ("7.50 ms", "met")
    assert verdicts["forward, CUDA graph"] == ("", "not measured")
    assert verdicts["training step"] == ("25.00 ms", "NOT MET")
    assert verdicts["network: faster than the authors' form"] == ("4.00 times", "met")
    assert verdicts["network: faster than spconv, shared maps"] == ("0.93 times", "NOT MET")


def test_a_backend_that_is_wrong_is_left_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    check, bench, precision = (importlib.import_module(f"gpu_parts.{name}") for name in PARTS)
    ours = dry_bench(tmp_path)
    monkeypatch.setattr(check, "largest_errors", lambda *_: {"forward": 1e-7, "of_weight": float("nan")})
    check.check(ours, bench.Case(10, 1), precision.PRECISIONS["fp32"], "torch")
    assert ours.failed == {("torch", "fp32")}
    assert "!!! torch in fp32 is WRONG" in capsys.readouterr().out


@pytest.mark.skipif(bool(available_backends()["spconv-cpu"]), reason=available_backends()["spconv-cpu"])
def test_the_authors_form_computes_the_same(tmp_path: Path) -> None:
    authors = importlib.import_module("gpu_parts.authors")
    bench, precision = (importlib.import_module(f"gpu_parts.{name}") for name in PARTS[1:])
    ours, threads = dry_bench(tmp_path), torch.get_num_threads()
    torch.set_num_threads(1)  # spconv's CPU build is wrong on more
    try:
        authors.authors(ours, bench.Case(300, 2), precision.PRECISIONS["fp32"], "spconv")
    finally:
        torch.set_num_threads(threads)
    (record,) = ours.results.records
    assert record["off_by"] < 1e-5


PARTS = ("check", "bench", "precision")


def dry_bench(folder: Path) -> Any:
    """What a dry run has."""
    bench, clock, report = (
        importlib.import_module(f"gpu_parts.{name}") for name in ("bench", "clock", "report")
    )
    device = torch.device("cpu")
    return bench.Bench(device, True, clock.Clock(device), report.Results(folder, "dry", {}))


class Waits(TorchDispatchMode):
    """Notes the operators that wait for a GPU: a CUDA graph cannot be recorded where there is one."""

    WAITING = ("_local_scalar_dense", "nonzero", "unique", "masked_select", "bincount", "equal")

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = function._schema.name.removeprefix("aten::")
        if name.startswith(self.WAITING):
            self.found.append(name)
        return function(*args, **(kwargs or {}))


def test_a_fused_network_waits_for_nothing_after_its_first_run(tmp_path: Path) -> None:
    bench, precision = (importlib.import_module(f"gpu_parts.{name}") for name in PARTS[1:])
    network = importlib.import_module("gpu_parts.network")
    ours = dry_bench(tmp_path)
    batch = network.inputs(ours, bench.Case(300, 2))
    forward = network.fused_forward(ours.network("torch").eval(), precision.PRECISIONS["bf16"])
    for expected in (True, False):
        with Waits() as waits:
            forward(batch)
        assert bool(waits.found) == expected, waits.found
