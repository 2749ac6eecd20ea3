"""The machine as found, never changed: GPU, driver, clocks, versions; and the best it can do."""

from __future__ import annotations

import platform
import subprocess
from importlib.metadata import distributions

import torch

from ffnet3d.version import __version__
from gpu_parts.clock import Clock
from gpu_parts.precision import Precision, products_of_float32

QUERY = (
    "name,driver_version,clocks.sm,clocks.mem,clocks.max.sm,clocks.max.mem,power.draw,power.limit,"
    "temperature.gpu,utilization.gpu,memory.used"
)
PACKAGES = ("torch", "triton", "spconv", "cumm", "numpy")  # and those whose names begin so: spconv-cu126


def describe(device: torch.device) -> dict[str, str]:
    """Names and versions of what the results depend on."""
    found = {"ffnet3d": __version__, "python": platform.python_version(), "device": str(device)}
    for package in distributions():
        name = str(package.metadata["Name"])
        if name.lower().split("-")[0].split("_")[0] in PACKAGES:
            found[name] = package.version
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        found["GPU"] = f"{properties.name}, {properties.multi_processor_count} processors"
        found["memory"] = f"{properties.total_memory / 2**30:.1f} GiB"
        found["CUDA of torch"] = str(torch.version.cuda)
    return found | query_driver()


def query_driver() -> dict[str, str]:
    """What nvidia-smi says of the first GPU, clocks included; only asked, nothing is set."""
    command = ["nvidia-smi", f"--query-gpu={QUERY}", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        return {"nvidia-smi": f"no answer ({type(error).__name__})"}
    values = done.stdout.splitlines()[0].split(", ")
    return {f"nvidia-smi {key}": value for key, value in zip(QUERY.split(","), values, strict=False)}


def product_roof(clock: Clock, precision: Precision, side: int) -> float:
    """FLOP/s of the library's product of two square matrices with so many rows."""
    left = torch.randn(side, side, device=clock.device, dtype=precision.dtype)
    right = torch.randn(side, side, device=clock.device, dtype=precision.dtype)
    with products_of_float32(precision):
        times = clock.measure(lambda: torch.mm(left, right))
    return 2 * side**3 / (1e-3 * times.median)


def bandwidth_roof(clock: Clock, size: int) -> float:
    """Bytes/s, read and written together, of a copy of `size` bytes."""
    source = torch.zeros(size, dtype=torch.uint8, device=clock.device)
    target = torch.empty_like(source)
    times = clock.measure(lambda: target.copy_(source))
    return 2 * size / (1e-3 * times.median)
