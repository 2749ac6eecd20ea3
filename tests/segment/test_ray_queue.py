"""`ray_cases.py` in a process of its own, with an end: a Ray that hangs must not stop all tests."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

if importlib.util.find_spec("ray") is None:
    pytest.skip("Ray is not installed: pip install 'ffnet3d[ray]'", allow_module_level=True)

CASES = Path(__file__).with_name("ray_cases.py")
SECONDS = 240  # they take 20 to 60
TRIES = 2  # on a busy machine Ray itself was seen to hang once, when it was told to stop


@pytest.mark.skipif(os.name != "posix", reason="process groups are needed to end a Ray that hangs")
def test_the_queue_on_ray(tmp_path: Path) -> None:
    for number in range(TRIES):
        code, output = run_cases(tmp_path / f"{number}.log")
        if code == 0:
            break
    assert code == 0, output
    assert " passed" in output


def run_cases(log: Path) -> tuple[int, str]:
    """Exit status and output of pytest; what runs too long is ended, with its processes."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", str(CASES)]
    # A file, no pipe: Ray's servers, which outlive a kill for a while, would keep a pipe open.
    with (
        log.open("w") as file,
        subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT, start_new_session=True) as run,
    ):
        try:
            run.wait(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(run.pid, signal.SIGKILL)
            run.wait()
    return run.returncode, log.read_text()
