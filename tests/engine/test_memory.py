"""The memory of freed tensors stays with the process where the C library lets it."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

PROGRAM = """
import resource
import torch
from ffnet3d.engine.memory import keep_freed_memory, return_freed_memory

if {keep}:
    assert keep_freed_memory()
if {back}:
    assert return_freed_memory()
def faults(megabytes):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.ones(megabytes * 2**18)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
faults(64)
print(faults(48))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has mallopt: use Linux with glibc")
def test_a_second_tensor_takes_pages_of_the_first() -> None:
    def page_faults(keep: bool, back: bool = False) -> int:
        command = [sys.executable, "-c", PROGRAM.format(keep=keep, back=back)]
        return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    kept = page_faults(keep=True)
    assert kept * 10 < page_faults(keep=False)
    assert kept * 10 < page_faults(keep=True, back=True)


def test_elsewhere_nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    from ffnet3d.engine.memory import keep_freed_memory

    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    assert not keep_freed_memory()
