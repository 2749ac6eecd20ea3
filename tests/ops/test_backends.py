"""The choice of a backend: by name without fallback, or automatic and said."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor

from ffnet3d.ops import Backend, available_backends, resolve_backend, subm_conv3d
from ffnet3d.ops.operator import Convolution
from ffnet3d.ops.reference import subm_conv3d_reference


def load() -> Convolution:
    return subm_conv3d_reference


@pytest.fixture(autouse=True)
def _fresh_choice() -> Iterator[None]:
    resolve_backend.cache_clear()
    yield
    resolve_backend.cache_clear()


def test_the_backends_that_need_nothing_are_available() -> None:
    obstacles = available_backends()
    assert list(obstacles) == [
        "reference",
        "torch",
        "spconv",
        "spconv-fp16acc",
        "spconv-triton",
        "spconv-cpu",
        "triton",
    ]
    assert obstacles["reference"] == obstacles["torch"] == ""


def test_triton_says_what_it_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    assert available_backends()["triton"].startswith("Triton is not installed: pip install triton")
    monkeypatch.setattr("importlib.util.find_spec", lambda _: object())
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setenv("TRITON_INTERPRET", "0")
    assert available_backends()["triton"].startswith("no CUDA device is usable (TRITON_INTERPRET=1 runs it")
    with pytest.raises(ValueError, match="backend 'triton' cannot run here: no CUDA device is usable"):
        resolve_backend("triton", "cuda")
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.version.cuda", "13.0")
    monkeypatch.setattr("torch.cuda.get_device_capability", lambda: (7, 5))
    assert available_backends()["triton"].endswith("8.0 (Ampere) or later, this one has 7.5")
    monkeypatch.setattr("torch.cuda.get_device_capability", lambda: (9, 0))
    assert available_backends()["triton"] == ""


@pytest.mark.parametrize(("device_type", "chosen"), [("cuda", "triton"), ("cpu", "torch"), ("mps", "torch")])
def test_auto_takes_triton_on_cuda_only(
    device_type: str, chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: object())
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    monkeypatch.setattr("ffnet3d.ops.backends.trial_error", lambda *_: 1e-7)
    monkeypatch.setattr("ffnet3d.ops.backends.AUTO", ("triton", "torch"))
    assert resolve_backend("auto", device_type).name == chosen


def broken() -> Convolution:
    def convolution(*_: object) -> Tensor:
        raise RuntimeError("no kernel image for this device")

    return convolution


def wrong() -> Convolution:
    return lambda *arguments: 1.01 * subm_conv3d_reference(*arguments)


@pytest.mark.parametrize(
    ("load_fast", "chosen", "warning"),
    [
        (load, "fast", None),
        (broken, "torch", "backend 'fast' fails on cpu and is passed over: no kernel image"),
        (wrong, "torch", r"backend 'fast' is wrong on cpu \(by 0.01\): passed over"),
    ],
)
def test_auto_passes_over_what_fails_a_trial(
    load_fast: Callable[[], Convolution],
    chosen: str,
    warning: str | None,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    torch_backend = resolve_backend("torch", "cpu")
    monkeypatch.setattr("ffnet3d.ops.backends.BACKENDS", (Backend("fast", load_fast), torch_backend))
    monkeypatch.setattr("ffnet3d.ops.backends.AUTO", ("fast", "torch"))
    assert resolve_backend("auto", "cpu").name == chosen
    warnings = [record.message for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == (warning is not None)
    assert all(re.match(str(warning), message) for message in warnings)


def test_auto_leaves_float64_to_the_backend_that_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ffnet3d.ops.backends.AUTO", ())
    features, weight = torch.ones(1, 2, dtype=torch.float64), torch.ones(1, 2, 2, dtype=torch.float64)
    out = subm_conv3d(features, weight, None, torch.zeros(1, 1, dtype=torch.int32))
    assert out.tolist() == [[2.0, 2.0]]


def test_auto_logs_its_choice_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="ffnet3d.ops.backends"):
        chosen = [resolve_backend("auto", "cpu") for _ in range(3)]
    assert [backend.name for backend in chosen] == ["torch"] * 3
    assert [record.message for record in caplog.records] == [
        "submanifold convolution on cpu: backend 'torch'"
    ]


def test_a_named_backend_is_taken_silently(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        assert resolve_backend("reference", "cpu").subm_conv3d is subm_conv3d_reference
    assert not caplog.records


def test_unknown_backend_lists_the_known() -> None:
    neighbors = torch.zeros(1, 1, dtype=torch.int32)
    with pytest.raises(ValueError, match="unknown backend 'fastest'; known: auto, reference, torch"):
        subm_conv3d(torch.ones(1, 2), torch.ones(1, 2, 2), None, neighbors, backend="fastest")


@pytest.mark.parametrize(
    ("backend", "reason"),
    [
        (Backend("fast", load, is_available=lambda: (False, "library missing")), "library missing"),
        (Backend("fast", load, device_types=("cuda",)), "it runs on cuda, .* are on cpu"),
    ],
)
def test_no_fallback_by_name_but_by_auto(
    backend: Backend, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch_backend = resolve_backend("torch", "cpu")
    resolve_backend.cache_clear()
    monkeypatch.setattr("ffnet3d.ops.backends.BACKENDS", (backend, torch_backend))
    monkeypatch.setattr("ffnet3d.ops.backends.AUTO", ("fast", "torch"))
    with pytest.raises(ValueError, match=f"backend 'fast' cannot run here: {reason}.*or one of torch$"):
        resolve_backend("fast", "cpu")
    assert resolve_backend("auto", "cpu").name == "torch"
    monkeypatch.setattr("ffnet3d.ops.backends.AUTO", ("fast",))
    resolve_backend.cache_clear()
    with pytest.raises(ValueError, match="no backend can run on 'cpu'"):
        resolve_backend("auto", "cpu")
    resolve_backend.cache_clear()
