"""Which build of spconv is installed, why it cannot be used if so, and what is used of it.

There are three: a CUDA build (`spconv-cu120` and its siblings), the CPU build (`spconv`), and
`spconv-triton`, a rewrite with the same functions for any GPU that Triton knows.
"""

from __future__ import annotations

import functools
import importlib
import re
import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

# Published as spconv-cu<number>; each also serves later CUDA of its own major version.
CUDA_BUILDS = (114, 117, 118, 120, 121, 124, 126)


@dataclass(frozen=True)
class Kernels:
    """The two functions of `spconv.pytorch.ops`, or of `spconv_triton.pytorch.ops`, that a GPU needs."""

    implicit_gemm: Callable[..., Any]
    implicit_gemm_backward: Callable[..., Any]
    fp32_accum: bool | None  # their argument: whether halves are summed in float32; None: as they think best


def spconv_available() -> tuple[bool, str]:
    """Whether spconv can run on this machine's GPU, else why not and what to install."""
    if not torch.cuda.is_available():
        return False, "PyTorch finds no CUDA device"
    ops, reason = _find("spconv.pytorch.ops")
    if ops is None:
        return False, f"{reason}; {_advice()}"
    if ops.CPU_ONLY_BUILD:
        return False, f"the installed spconv is its CPU build; pip uninstall spconv cumm, then {_advice()}"
    version = importlib.import_module("spconv").__version__
    if _numbers(version) < (2, 3, 8) and _numbers(np.__version__) >= (2,):
        return False, f"spconv {version} crashes with numpy {np.__version__}; pip install 'numpy<2'"
    return True, ""


def spconv_triton_available() -> tuple[bool, str]:
    """The same of spconv-triton."""
    if not torch.cuda.is_available():
        return False, "PyTorch finds no CUDA device"
    ops, reason = _find("spconv_triton.pytorch.ops")
    return (True, "") if ops is not None else (False, f"{reason}; pip install spconv-triton")


def spconv_cpu_available() -> tuple[bool, str]:
    """The same of spconv on a CPU; every build can compute there."""
    ops, reason = _find("spconv.pytorch.ops")
    return (True, "") if ops is not None else (False, f"{reason}; pip install spconv")


@functools.cache
def spconv_kernels(fp32_sums: bool = True) -> Kernels:
    """The kernels of spconv's CUDA build.

    spconv 2.3 times the kernels of each layer's shape and keeps the fastest, of which half sum float16 in
    float16. It has an argument `fp32_accum` against that, but ignores it (2.3.6 and 2.3.8: the choice is
    overwritten in `ConvTunerSimple.get_all_available`). With `fp32_sums` the choice is therefore made among
    the kernels that sum in float32 alone. The kernels for the gradient of the weight always do.
    """
    ops = importlib.import_module("spconv.pytorch.ops")
    if not fp32_sums:
        return Kernels(ops.implicit_gemm, ops.implicit_gemm_backward, fp32_accum=None)
    tuner = _fp32_tuner()
    return Kernels(
        _with_tuner(ops.implicit_gemm, tuner), _with_tuner(ops.implicit_gemm_backward, tuner), fp32_accum=True
    )


@functools.cache
def spconv_triton_kernels() -> Kernels:
    """The kernels of spconv-triton; it heeds `fp32_accum`."""
    ops = importlib.import_module("spconv_triton.pytorch.ops")
    return Kernels(ops.implicit_gemm, ops.implicit_gemm_backward, fp32_accum=True)


def _fp32_tuner() -> Any:
    """A tuner as spconv's own (`spconv.algo.CONV_CPP`) that knows no kernel with float16 sums."""
    algo = importlib.import_module("spconv.algo")
    describe = importlib.import_module("spconv.algocore").get_conv_algo_desp_from_param
    half = importlib.import_module("cumm.tensorview").float16
    known = [describe(parameters) for parameters in algo.ALL_IMPGEMM_PARAMS]
    return algo.ConvTunerSimple([kernel for kernel in known if kernel.dacc != half])


def _with_tuner(function: Callable[..., Any], tuner: Any) -> Callable[..., Any]:
    """A copy of a function of `spconv.pytorch.ops` that asks `tuner`; spconv itself stays as it is."""
    if not isinstance(function, types.FunctionType) or "CONV_CPP" not in function.__globals__:
        raise ValueError(
            f"this version of spconv has no tuner to replace in {function}, so that it may sum float16 in "
            "float16; install spconv 2.3.6 or 2.3.8, or take backend='spconv-fp16acc' to accept that"
        )
    names = {**function.__globals__, "CONV_CPP": tuner}
    return types.FunctionType(function.__code__, names, function.__name__, function.__defaults__)


@functools.cache
def _find(module: str) -> tuple[Any, str]:
    """The imported module and "", or None and why it could not be imported."""
    try:
        return importlib.import_module(module), ""
    except Exception as error:  # a build that does not fit its cumm, CUDA or Python may raise anything
        return None, f"import {module} failed ({type(error).__name__}: {error})"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


def _advice() -> str:
    """What to install for the CUDA version that PyTorch was built for."""
    version = torch.version.cuda or "0"  # none on ROCm
    cuda = int(version.replace(".", ""))
    fitting = [build for build in CUDA_BUILDS if build // 10 == cuda // 10 and build <= cuda]
    if not fitting:
        platform = f"CUDA {version}" if torch.version.cuda else "ROCm"
        return f"for {platform} there is none: pip install spconv-triton, take backend='spconv-triton'"
    return f"pip install spconv-cu{fitting[-1]} (for CUDA {version})"
