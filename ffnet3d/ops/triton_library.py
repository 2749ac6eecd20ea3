"""Whether Triton can run kernels here. It is not imported to find out."""

from __future__ import annotations

import importlib.util
import os

import torch

LEAST_CAPABILITY = (8, 0)  # Ampere: Triton makes no code for older GPUs


def triton_available() -> tuple[bool, str]:
    """Whether backend "triton" can run here, and else what is missing."""
    if importlib.util.find_spec("triton") is None:
        return False, "Triton is not installed: pip install triton (PyTorch for CUDA brings it)"
    if triton_is_interpreted():
        return True, ""
    if not torch.cuda.is_available():
        return False, "no CUDA device is usable (TRITON_INTERPRET=1 runs it slowly on the CPU, to test)"
    if torch.version.cuda and torch.cuda.get_device_capability() < LEAST_CAPABILITY:
        found = ".".join(str(number) for number in torch.cuda.get_device_capability())
        return False, f"it needs a GPU of compute capability 8.0 (Ampere) or later, this one has {found}"
    return True, ""


def triton_is_interpreted() -> bool:
    """Whether Triton's interpreter runs the kernels, slowly and on any device, to test them."""
    return os.environ.get("TRITON_INTERPRET", "0").lower() in ("1", "true", "on", "yes", "y")
