"""The table of backends of the submanifold convolutions, and the choice among them."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from dataclasses import dataclass

from ffnet3d.ops.operator import Convolution
from ffnet3d.ops.spconv_library import spconv_available, spconv_cpu_available, spconv_triton_available
from ffnet3d.ops.trial import trial_error
from ffnet3d.ops.triton_library import triton_available

logger = logging.getLogger(__name__)


def _reference() -> Convolution:
    from ffnet3d.ops.reference import subm_conv3d_reference

    return subm_conv3d_reference


def _reference_depthwise() -> Convolution:
    from ffnet3d.ops.reference import subm_conv3d_depthwise_reference

    return subm_conv3d_depthwise_reference


def _torch() -> Convolution:
    from ffnet3d.ops.torch_backend import subm_conv3d_torch

    return subm_conv3d_torch


def _torch_depthwise() -> Convolution:
    from ffnet3d.ops.depthwise import subm_conv3d_depthwise_torch

    return subm_conv3d_depthwise_torch


def _spconv() -> Convolution:
    from ffnet3d.ops.spconv_backend import subm_conv3d_spconv

    return subm_conv3d_spconv


def _spconv_fp16acc() -> Convolution:
    from ffnet3d.ops.spconv_backend import subm_conv3d_spconv_fp16acc

    return subm_conv3d_spconv_fp16acc


def _spconv_triton() -> Convolution:
    from ffnet3d.ops.spconv_backend import subm_conv3d_spconv_triton

    return subm_conv3d_spconv_triton


def _spconv_cpu() -> Convolution:
    from ffnet3d.ops.spconv_cpu import subm_conv3d_spconv_cpu

    return subm_conv3d_spconv_cpu


def _triton() -> Convolution:
    from ffnet3d.ops.triton_backend import subm_conv3d_triton

    return subm_conv3d_triton


def _triton_depthwise() -> Convolution:
    from ffnet3d.ops.triton_backend import subm_conv3d_depthwise_triton

    return subm_conv3d_depthwise_triton


def _always() -> tuple[bool, str]:
    return True, ""


@dataclass(frozen=True)
class Backend:
    """One implementation of the submanifold convolutions; its code is imported when it is first used."""

    name: str
    load: Callable[[], Convolution]
    load_depthwise: Callable[[], Convolution] | None = None  # None: it has none, see `resolve_depthwise`
    is_available: Callable[[], tuple[bool, str]] = _always  # (whether it can run here, else why not)
    device_types: tuple[str, ...] | None = None  # None: any device
    auto_device_types: tuple[str, ...] | None = None  # where "auto" may take it; None: wherever it runs

    @functools.cached_property
    def subm_conv3d(self) -> Convolution:
        """(features, weight [K, Cin, Cout], bias, neighbors, activation) -> [N, Cout]."""
        return self.load()

    @functools.cached_property
    def subm_conv3d_depthwise(self) -> Convolution:
        """(features, weight [K, C], bias, neighbors, activation) -> [N, C]; ValueError where it has none."""
        if self.load_depthwise is None:
            raise ValueError(f"backend {self.name!r} has no depthwise convolution: ask resolve_depthwise")
        return self.load_depthwise()

    def get(self, depthwise: bool) -> Convolution:
        """The depthwise convolution, or the dense one."""
        return self.subm_conv3d_depthwise if depthwise else self.subm_conv3d


BACKENDS = (
    Backend("reference", _reference, _reference_depthwise),
    Backend("torch", _torch, _torch_depthwise),
    Backend("spconv", _spconv, is_available=spconv_available, device_types=("cuda",)),
    Backend("spconv-fp16acc", _spconv_fp16acc, is_available=spconv_available, device_types=("cuda",)),
    Backend("spconv-triton", _spconv_triton, is_available=spconv_triton_available, device_types=("cuda",)),
    Backend("spconv-cpu", _spconv_cpu, is_available=spconv_cpu_available, device_types=("cpu",)),
    Backend(
        "triton",
        _triton,
        _triton_depthwise,
        triton_available,
        device_types=("cuda", "cpu"),  # the CPU under Triton's interpreter only
        auto_device_types=("cuda",),
    ),
)
AUTO = ("spconv", "triton", "torch")  # what "auto" may pick, the best first
YARDSTICK = "torch"  # the backend that the others are tried against
TRIAL_TOLERANCE = 5e-3  # of the largest value: TF32 products pass


def available_backends() -> dict[str, str]:
    """Each known backend by name, with "" if it can run here and else the reason why not."""
    return {backend.name: backend.is_available()[1] for backend in BACKENDS}


@functools.cache
def resolve_backend(name: str = "auto", device_type: str = "cpu") -> Backend:
    """The backend of that name, for a device type such as "cpu" or "cuda".

    "auto" takes the first of `AUTO` that can run there and passes a trial, and logs its choice. A backend
    asked for by name is that one or a ValueError with the reason: unknown, not available here, or not for
    this device.
    """
    if name == "auto":
        return _best(device_type, depthwise=False)
    backend = find_backend(name)
    if reason := _obstacle(backend, device_type):
        usable = ", ".join(other.name for other in BACKENDS if not _obstacle(other, device_type))
        raise ValueError(f"backend {name!r} cannot run here: {reason}; take 'auto', or one of {usable}")
    return backend


@functools.cache
def resolve_depthwise(name: str = "auto", device_type: str = "cpu") -> Backend:
    """The backend that computes the depthwise convolutions of the backend of that name.

    It is that backend where it has a depthwise convolution of its own, and else, as for "auto", the first of
    `AUTO` that has one, can run there and passes a trial; that choice is logged. ValueError as in
    `resolve_backend`.
    """
    if name == "auto":
        return _best(device_type, depthwise=True)
    backend = resolve_backend(name, device_type)
    return resolve_depthwise("auto", device_type) if backend.load_depthwise is None else backend


def _best(device_type: str, depthwise: bool) -> Backend:
    """The first of `AUTO` that has the convolution, can run on the device and passes a trial."""
    for backend in map(find_backend, AUTO):
        if _is_candidate(backend, device_type, depthwise) and _passes_trial(backend, device_type, depthwise):
            kind = "depthwise" if depthwise else "submanifold"
            logger.info("%s convolution on %s: backend %r", kind, device_type, backend.name)
            return backend
    raise ValueError(f"no backend can run on {device_type!r}: {available_backends()}")


def _is_candidate(backend: Backend, device_type: str, depthwise: bool) -> bool:
    if depthwise and backend.load_depthwise is None:
        return False
    wanted = backend.auto_device_types is None or device_type in backend.auto_device_types
    return wanted and not _obstacle(backend, device_type)


def _passes_trial(backend: Backend, device_type: str, depthwise: bool) -> bool:
    """Whether a backend computes a small known sum on this device.

    What cannot be compiled for a GPU, or is wrong on it, should cost its user a warning and not the results.
    """
    yardstick = find_backend(YARDSTICK)
    if backend is yardstick:
        return True
    try:
        error = trial_error(backend.get(depthwise), yardstick.get(depthwise), device_type, depthwise)
    except Exception as failure:
        logger.warning("backend %r fails on %s and is passed over: %s", backend.name, device_type, failure)
        return False
    if not error < TRIAL_TOLERANCE:
        logger.warning("backend %r is wrong on %s (by %g): passed over", backend.name, device_type, error)
    return error < TRIAL_TOLERANCE


def find_backend(name: str) -> Backend:
    """The backend of that name, whether it can run or not; ValueError for a name that is unknown."""
    for backend in BACKENDS:
        if backend.name == name:
            return backend
    raise ValueError(f"unknown backend {name!r}; known: auto, {_known()}")


def _known() -> str:
    return ", ".join(backend.name for backend in BACKENDS)


def _obstacle(backend: Backend, device_type: str) -> str:
    if backend.device_types is not None and device_type not in backend.device_types:
        return f"it runs on {', '.join(backend.device_types)}, and the tensors are on {device_type}"
    available, reason = backend.is_available()
    return "" if available else reason
