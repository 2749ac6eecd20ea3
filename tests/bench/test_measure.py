"""Times are ordered, memory is that of a process alone, and the machine is described."""

from __future__ import annotations

import platform
from pathlib import Path

import numpy as np
import pytest
import torch

from ffnet3d.bench.measure import (
    Timing,
    describe_machine,
    in_own_process,
    peak_bytes,
    restart_peak,
    seconds_of,
    time_call,
)
from ffnet3d.bench.roofs import copy_rate, product_roof


def test_a_timing_orders_its_figures() -> None:
    assert Timing.of([3.0, 1.0, 2.0]) == Timing(median=2.0, minimum=1.0, maximum=3.0, repeats=3)
    with pytest.raises(ValueError, match="one call or more"):
        Timing.of([])


def test_calls_that_warm_up_do_not_count() -> None:
    calls: list[int] = []
    timing = time_call(lambda: calls.append(1), repeats=4, warmup=2)
    assert (len(calls), timing.repeats) == (6, 4)
    assert 0 <= timing.minimum <= timing.median <= timing.maximum
    assert seconds_of(lambda: torch.ones(10)) > 0


def take_and_report(megabytes: int) -> tuple[int, int]:
    np.ones(megabytes * 2**17)
    before = restart_peak()
    np.ones(megabytes * 2**16)
    return before, peak_bytes()


@pytest.mark.skipif(platform.system() != "Linux", reason="only Linux can start the peak anew: use Linux")
def test_the_peak_is_that_of_the_work_alone() -> None:
    before, peak = in_own_process(take_and_report, 256)
    assert 120 * 2**20 < peak - before < 160 * 2**20


def test_the_machine_is_described() -> None:
    machine = describe_machine()
    assert machine.threads == torch.get_num_threads()
    assert machine.memory > 2**28
    text = machine.describe()
    assert f"torch {torch.__version__}" in text
    assert f"numpy {np.__version__}" in text
    if Path("/proc/cpuinfo").is_file() and platform.machine() == "x86_64":
        assert machine.processor != "x86_64"


def test_roofs_are_of_a_sane_size() -> None:
    roof = product_roof("fp32", "ours", (256, 256, 256), repeats=3)
    assert 1e8 < roof.flops < 1e15
    assert 1e7 < copy_rate(2**20, repeats=3) < 1e14
