"""The choice of a backend: by name without fallback, or automatic and said."""

from __future__ import annotations

import dataclasses
import logging
import re
from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor

from ffnet3d.ops import (
    Backend,
    available_backends,
    resolve_backend,
    resolve_depthwise,
    subm_conv3d,
    subm_conv3d_depthwise,
)
from ffnet3d.ops.backends import BACKENDS
from ffnet3d.ops.operator import Convolution
from ffnet3d.ops.reference import subm_conv3d_depthwise_reference, subm_conv3d_reference
from ffnet3d.ops.trial import trial_error


def load() -> Convolution:
    return subm_conv3d_reference


@pytest.fixture(autouse=True)
def _fresh_choice() -> Iterator[None]:
    resolve_backend.cache_clear()
    resolve_depthwise.cache_clear()
    yield
    resolve_backend.cache_clear()
    resolve_depthwise.cache_clear()


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


def test_the_reference_is_the_reference_for_depthwise_too() -> None:
    assert resolve_depthwise("reference", "cpu").subm_conv3d_depthwise is subm_conv3d_depthwise_reference


@pytest.mark.parametrize("name", ["auto", "spconv", "spconv-fp16acc", "spconv-triton"])
def test_depthwise_on_cuda_is_triton_where_it_runs_and_else_torch(
    name: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    only_named_backends(monkeypatch, {"spconv", "spconv-fp16acc", "spconv-triton", "triton", "torch"})
    monkeypatch.setattr("ffnet3d.ops.backends.trial_error", lambda *_: 1e-7)
    with caplog.at_level(logging.INFO, logger="ffnet3d.ops.backends"):
        chosen = [resolve_depthwise(name, "cuda") for _ in range(2)]
        assert resolve_depthwise("auto", "cuda") is chosen[0]
    assert [backend.name for backend in chosen] == ["triton"] * 2
    assert [record.message for record in caplog.records] == [
        "depthwise convolution on cuda: backend 'triton'"
    ]
    assert resolve_backend("auto", "cuda").name == "spconv"

    resolve_depthwise.cache_clear()
    monkeypatch.setattr("ffnet3d.ops.backends.trial_error", lambda *_: 0.1)
    assert resolve_depthwise(name, "cuda").name == "torch"
    assert "backend 'triton' is wrong on cuda (by 0.1): passed over" in caplog.messages


def only_named_backends(monkeypatch: pytest.MonkeyPatch, names: set[str]) -> None:
    """As if those were installed, and there were a GPU."""
    there = [
        dataclasses.replace(backend, is_available=lambda: (True, ""))
        for backend in BACKENDS
        if backend.name in names
    ]
    monkeypatch.setattr("ffnet3d.ops.backends.BACKENDS", tuple(there))


def test_depthwise_of_a_named_backend_that_cannot_run_is_an_error() -> None:
    inputs = torch.ones(1, 2), torch.ones(1, 2), None, torch.zeros(1, 1, dtype=torch.int32)
    with pytest.raises(ValueError, match="backend 'spconv' cannot run here: it runs on cuda"):
        subm_conv3d_depthwise(*inputs, backend="spconv")
    with pytest.raises(ValueError, match="unknown backend 'fastest'"):
        subm_conv3d_depthwise(*inputs, backend="fastest")


def test_depthwise_of_a_backend_without_it_is_that_of_auto(caplog: pytest.LogCaptureFixture) -> None:
    plain = Backend("plain", load)
    with pytest.raises(ValueError, match="backend 'plain' has no depthwise convolution"):
        _ = plain.subm_conv3d_depthwise
    with pytest.MonkeyPatch.context() as patch, caplog.at_level(logging.INFO):
        patch.setattr("ffnet3d.ops.backends.BACKENDS", (plain, resolve_backend("torch")))
        patch.setattr("ffnet3d.ops.backends.AUTO", ("plain", "torch"))
        assert resolve_depthwise("plain", "cpu").name == "torch"
        assert resolve_backend("plain", "cpu").name == "plain"
    assert caplog.messages == ["depthwise convolution on cpu: backend 'torch'"]


@pytest.mark.skipif(bool(available_backends()["triton"]), reason=available_backends()["triton"])
def test_triton_passes_the_depthwise_trial() -> None:
    triton, torch_backend = resolve_backend("triton", "cpu"), resolve_backend("torch", "cpu")
    error = trial_error(triton.get(True), torch_backend.get(True), "cpu", depthwise=True)
    assert error < 1e-5


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
