"""What `ffnet3d info` prints: versions, devices, and the backends with why each is or is not usable."""

from __future__ import annotations

import importlib.metadata
import platform
from pathlib import Path

import torch

from ffnet3d.ops.backends import available_backends
from ffnet3d.version import __version__

PACKAGES = (
    "torch",
    "numpy",
    "lightning-fabric",
    "tensorboard",
    "scipy",
    "safetensors",
    "addict",
    "matplotlib",
    "spconv",
)


def describe_environment() -> str:
    """A text of some lines: this package and Python, packages, devices, backends."""
    lines = [f"ffnet3d {__version__}, Python {platform.python_version()}, {platform.platform()}", ""]
    lines += ["packages"] + [f"  {name:<18}{installed_version(name)}" for name in PACKAGES] + [""]
    lines += ["devices"] + [f"  {line}" for line in describe_devices()] + [""]
    obstacles = available_backends().items()
    lines += ["backends"] + [f"  {name:<18}{obstacle or 'usable'}" for name, obstacle in obstacles]
    return "\n".join(lines)


def installed_version(package: str) -> str:
    """Version of an installed package, or that it is not installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def describe_devices() -> list[str]:
    """One line for the CPU and one for each GPU."""
    lines = [f"cpu: {torch.get_num_threads()} threads, {torch.backends.cpu.get_cpu_capability()}"]
    for index in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(index)
        lines.append(f"cuda:{index}: {properties.name}, {properties.total_memory / 2**30:.0f} GiB")
    if not torch.cuda.is_available():
        built = f"built for CUDA {torch.version.cuda}" if torch.version.cuda else "a CPU build"
        lines.append(f"cuda: not usable (this torch is {built}; no GPU was found)")
    return lines


def processor_name() -> str:
    """The processor's model name where the system tells it, else its architecture."""
    return cpuinfo("model name") or platform.machine()


def cpuinfo(key: str) -> str:
    """The first value of that key in Linux's /proc/cpuinfo, "" without one."""
    file = Path("/proc/cpuinfo")
    lines = file.read_text().splitlines() if file.is_file() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(key)), "")
