"""What every launch needs: which tensors the kernels take, how exact products are, how a problem is named."""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from ffnet3d.ops.triton_backend.configs import INTERPRETER, Config, Problem
from ffnet3d.ops.triton_library import triton_is_interpreted

DTYPES = (torch.float32, torch.float16, torch.bfloat16)
WORKSPACE_BYTES = 256 * 2**20
INTERPRETED_PROCESSORS = 4


def check_tensor(features: Tensor) -> None:
    """Raise ValueError for a dtype that the kernels do not compute in, or a device that they cannot reach."""
    if features.dtype not in DTYPES:
        raise ValueError(
            f"backend 'triton' computes in float32, float16 and bfloat16, got {features.dtype}: "
            "take backend 'torch' for it"
        )
    if features.device.type != "cuda" and not triton_is_interpreted():
        raise ValueError(
            f"backend 'triton' runs on cuda, and the tensors are on {features.device.type}: "
            "take backend 'torch', or set TRITON_INTERPRET=1 before Python starts, to test"
        )


def make_problem(kind: str, features: Tensor, offsets: int, cout: int) -> Problem:
    """The problem of a convolution of `features [N, Cin]` over so many offsets into `cout` channels."""
    count, cin = features.shape
    dtype = str(features.dtype).removeprefix("torch.")
    precision = "tf32" if dtype == "float32" and tf32_allowed() else dtype
    return Problem(kind, offsets, cin, cout, precision, count.bit_length(), _device_name(features.device))


def input_precision(problem: Problem) -> str:
    """What Triton is told of products of float32; it means nothing to those of 16 bits."""
    return "tf32" if problem.precision == "tf32" else "ieee"


def tf32_allowed() -> bool:
    """PyTorch's own switch for matrix products in float32 on CUDA."""
    matmul = torch.backends.cuda.matmul
    if hasattr(matmul, "fp32_precision"):  # PyTorch 2.9 and later; the older name may then not be read
        return bool(matmul.fp32_precision == "tf32")
    return bool(matmul.allow_tf32)


def compile_options(config: Config) -> dict[str, object]:
    """How a config's kernel is compiled."""
    return {"num_warps": config.warps, "num_stages": config.stages, "enable_fp_fusion": True}


def split_count(programs: int, most: int, bytes_each: int, device: torch.device) -> int:
    """Into how many shares to cut sums, for about eight programs on each of the GPU's processors.

    programs: how many there are without cutting. At most `most` shares, and results of bounded size.
    """
    wanted = -(-8 * _processors(device) // programs)
    return max(1, min(wanted, most, WORKSPACE_BYTES // bytes_each))


@functools.cache
def _device_name(device: torch.device) -> str:
    return INTERPRETER if triton_is_interpreted() else torch.cuda.get_device_name(device)


@functools.cache
def _processors(device: torch.device) -> int:
    if device.type != "cuda":
        return INTERPRETED_PROCESSORS
    return int(torch.cuda.get_device_properties(device).multi_processor_count)
