"""The choice of tile sizes: measured once, kept on disk, never where it must not be."""

from __future__ import annotations

import functools
import itertools
import json
import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

MISSING = "pip install triton to test the triton backend"
configs = pytest.importorskip("ffnet3d.ops.triton_backend.configs", reason=MISSING)
tuning = pytest.importorskip("ffnet3d.ops.triton_backend.tuning", reason=MISSING)
errors = pytest.importorskip("triton.runtime.errors", reason=MISSING)

PROBLEM = configs.Problem("forward", 27, 64, 64, "bfloat16", 15, "a GPU")
CONFIGS = configs.candidates(PROBLEM)
KINDS = ("forward", "input gradient", "weight gradient", "depthwise", "depthwise weight gradient")


def run(config: Any) -> None:
    """Stands for a launch."""


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What was logged as a warning or worse."""
    return [record.message for record in caplog.records if record.levelno >= logging.WARNING]


class Clock:
    """Measures a run as the place of its config among `CONFIGS`, or as told."""

    def __init__(self, times: dict[Any, float] | None = None) -> None:
        self.times = times or {config: float(place) for place, config in enumerate(reversed(CONFIGS))}
        self.asked: list[Any] = []

    def __call__(self, call: Callable[[], object]) -> float:
        assert isinstance(call, functools.partial)
        call()
        self.asked.append(call.args[0])
        return self.times[call.args[0]]


def test_the_fastest_is_measured_once_and_read_by_the_next_process(tmp_path: Path) -> None:
    clock, later = Clock(), Clock()
    tuner = tuning.Tuner(tmp_path / "cache" / "tiles.json", "1", clock)
    assert [tuner.choose(PROBLEM, CONFIGS, run) for _ in range(2)] == [CONFIGS[-1]] * 2
    assert tuple(clock.asked) == CONFIGS
    assert tuning.Tuner(tuner.path, "1", later).choose(PROBLEM, CONFIGS, run) == CONFIGS[-1]
    assert later.asked == []


@pytest.mark.parametrize(
    "change",
    [{"bits": 16}, {"cin": 32}, {"kind": "input gradient"}, {"precision": "float16"}, {"device": "b"}],
)
def test_another_problem_is_measured_by_itself(change: dict[str, Any], tmp_path: Path) -> None:
    clock = Clock()
    tuner = tuning.Tuner(tmp_path / "tiles.json", "1", clock)
    tuner.choose(PROBLEM, CONFIGS, run)
    tuner.choose(replace(PROBLEM, **change), CONFIGS, run)
    assert len(clock.asked) == 2 * len(CONFIGS)


def test_a_config_that_is_no_candidate_any_more_is_measured_again(tmp_path: Path) -> None:
    clock = Clock()
    tuner = tuning.Tuner(tmp_path / "tiles.json", "1", clock)
    tuner.choose(PROBLEM, CONFIGS, run)
    assert tuning.Tuner(tuner.path, "1", clock).choose(PROBLEM, CONFIGS[:-1], run) == CONFIGS[-2]


def test_the_file_of_another_version_is_replaced(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path, clock = tmp_path / "tiles.json", Clock()
    tuning.Tuner(path, "1", Clock()).choose(PROBLEM, CONFIGS, run)
    with caplog.at_level(logging.WARNING):
        tuning.Tuner(path, "2", clock).choose(PROBLEM, CONFIGS, run)
    assert len(clock.asked) == len(CONFIGS)
    assert not warnings(caplog)
    assert json.loads(path.read_text())["version"] == "2"


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{", '{"version": "1"}', '{"version": "1", "choices": {"key": {"rows": 3}}}', b"\xff\xfe"],
)
def test_a_damaged_file_is_replaced_with_a_warning(
    content: str | bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "tiles.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with caplog.at_level(logging.WARNING):
        tuning.Tuner(path, "1", Clock()).choose(PROBLEM, CONFIGS, run)
    assert [text.split(":")[0] for text in warnings(caplog)] == [f"{path} is damaged and is replaced"]
    assert len(json.loads(path.read_text())["choices"]) == 1


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    tuner = tuning.Tuner(tmp_path / "file" / "tiles.json", "1", Clock())
    with caplog.at_level(logging.WARNING):
        assert tuner.choose(PROBLEM, CONFIGS, run) == CONFIGS[-1]
        assert tuner.choose(PROBLEM, CONFIGS, run) == CONFIGS[-1]
    assert "What was tuned is lost when this process ends" in caplog.text


def test_processes_that_tune_at_once_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "tiles.json"
    problems = [replace(PROBLEM, cin=channels) for channels in range(16, 24)]
    tuners = [
        tuning.Tuner(path, "1", Clock()) for _ in problems
    ]  # each knows only its own, as a process does
    threads = [
        threading.Thread(target=tuner.choose, args=(problem, CONFIGS, run))
        for tuner, problem in zip(tuners, problems, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(json.loads(path.read_text())["choices"]) == len(problems)


def test_a_config_that_the_gpu_cannot_hold_is_left_out(tmp_path: Path) -> None:
    def measure(call: Callable[[], object]) -> float:
        if call.args[0] != CONFIGS[2]:
            raise errors.OutOfResources(2**18, 2**17, "shared memory")
        return 1.0

    tuner = tuning.Tuner(tmp_path / "tiles.json", "1", measure)
    assert tuner.choose(PROBLEM, CONFIGS, run) == CONFIGS[2]
    with pytest.raises(ValueError, match=r"no tile size of forward .* fits this GPU: take backend 'torch'"):
        tuner.choose(replace(PROBLEM, cin=32), CONFIGS[:2], run)


def test_where_the_file_lies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FFNET3D_CACHE", str(tmp_path / "own"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert tuning.cache_folder() == tmp_path / "own"
    monkeypatch.delenv("FFNET3D_CACHE")
    assert tuning.cache_folder() == tmp_path / "xdg" / "ffnet3d"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert tuning.cache_folder() == tmp_path / ".cache" / "ffnet3d"


def test_nothing_is_measured_when_it_would_not_be_right(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tuner = tuning.Tuner(tmp_path / "tiles.json", "1", Clock())
    monkeypatch.setattr(tuning, "_tuner", lambda: tuner)
    monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: capturing)
    capturing = True
    assert tuning.choose(PROBLEM, run) == CONFIGS[0]
    capturing = False
    assert tuning.choose(replace(PROBLEM, device=configs.INTERPRETER), run) == CONFIGS[0]
    torch.use_deterministic_algorithms(True)
    try:
        assert tuning.choose(PROBLEM, run) == CONFIGS[0]
    finally:
        torch.use_deterministic_algorithms(False)
    assert not tuner.path.exists()
    assert tuning.choose(PROBLEM, run) == CONFIGS[-1]


def test_a_graph_is_recorded_with_the_tiles_that_were_found_before(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    clock = Clock()
    earlier = tuning.Tuner(tmp_path / "tiles.json", "1", clock)
    fastest = earlier.choose(PROBLEM, CONFIGS, run)
    fresh = tuning.Tuner(earlier.path, "1", clock)
    monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: True)
    for tuner in (earlier, fresh):  # this process found it, or another did
        monkeypatch.setattr(tuning, "_tuner", functools.partial(lambda known: known, tuner))
        assert tuning.choose(PROBLEM, run) == fastest != CONFIGS[0]
    assert len(clock.asked) == len(CONFIGS)


@pytest.mark.parametrize("precision", ["float32", "tf32", "bfloat16"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_candidate_is_a_tile_that_triton_can_multiply(kind: str, precision: str) -> None:
    for bits, channels in itertools.product((0, 11, 12, 13, 20), (1, 6, 16, 48, 96, 512)):
        found = configs.candidates(configs.Problem(kind, 27, channels, channels, precision, bits, "a GPU"))
        assert len(set(found)) == len(found) > 0
        for config in found:
            products = not kind.startswith("depthwise")
            sizes = (
                (config.rows, config.channels_in, config.channels_out) if products else (config.channels_out,)
            )
            assert all(size >= 16 and size & (size - 1) == 0 for size in sizes)
            assert config.channels_out < 2 * max(16, channels)


def test_few_rows_are_grouped_and_many_never() -> None:
    def forms(bits: int, channels: int = 64, offsets: int = 27) -> list[str]:
        problem = configs.Problem("forward", offsets, channels, channels, "bfloat16", bits, "a GPU")
        return list(dict.fromkeys(config.form for config in configs.candidates(problem)))

    assert forms(11) == ["grouped", "masked"]
    assert forms(12) == forms(13) == ["masked", "grouped"]
    assert forms(14) == ["masked"]
    assert forms(13, channels=512) == ["masked"]  # all products would take more than 256 MB
