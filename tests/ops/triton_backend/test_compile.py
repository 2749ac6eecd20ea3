"""Every kernel compiles for Ampere and Hopper without a GPU, fits their shared memory and spills nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SHARED_BYTES = {80: 163 * 1024, 90: 227 * 1024}  # of one block, at most


@pytest.mark.slow
def test_default_tiles_fit_ampere_and_hopper(tmp_path: Path) -> None:
    pytest.importorskip(
        "triton.backends.nvidia", reason="pip install triton (for Linux) to compile its kernels"
    )
    script = Path(__file__).with_name("compile_kernels.py")
    package = Path(__file__).parents[3]
    environment = {**os.environ, "PYTHONPATH": str(package), "TRITON_CACHE_DIR": str(tmp_path)}
    options = {"env": environment, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    compilers = [subprocess.Popen([sys.executable, script, str(arch)], **options) for arch in SHARED_BYTES]
    reports = []
    for compiler in compilers:
        output, errors = compiler.communicate(timeout=300)
        assert compiler.returncode == 0, errors
        reports += json.loads(output)
    assert len({report["kernel"] for report in reports}) == 6
    for report in reports:
        assert report["stack"] == 0, f"spilled registers: {report}"
        assert report["registers"] <= 255, report
        assert report["shared"] <= SHARED_BYTES[report["arch"]], report
    for arch in SHARED_BYTES:
        precisions = {report["precision"] for report in reports if report["arch"] == arch}
        assert precisions == {"bfloat16", "float16", "float32", "tf32"}
