"""How the C library treats memory that is freed."""

from __future__ import annotations

import ctypes
import platform

# Parameters of mallopt(3), from malloc.h.
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD = -1, -2, -3
MOST = 2**31 - 1  # bytes, the largest value that mallopt takes
PAD = 64 * 2**20  # bytes asked of the system at a time


def keep_freed_memory() -> bool:
    """Let this process keep the memory of freed tensors for the next ones; whether that could be set.

    By default glibc hands every large block back to the system, which clears each page anew when it is taken
    again: on a CPU that is up to a third of a training step's time. What the process once had it then keeps.
    Only glibc has this setting; elsewhere nothing changes.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return all(
        mallopt(name, ctypes.c_int(value)) == 1
        for name, value in ((M_MMAP_THRESHOLD, MOST), (M_TRIM_THRESHOLD, MOST), (M_TOP_PAD, PAD))
    )
