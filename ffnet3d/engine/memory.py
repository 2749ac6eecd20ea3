"""How the C library treats memory that is freed."""

from __future__ import annotations

import ctypes
import platform

# Parameters of mallopt(3), from malloc.h.
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD = -1, -2, -3
MOST = 2**31 - 1  # bytes, the largest value that mallopt takes
PAD = 64 * 2**20  # bytes asked of the system at a time
DEFAULT = 128 * 2**10  # bytes, of all three


def keep_freed_memory() -> bool:
    """Let this process keep the memory of freed tensors for the next ones; whether that could be set.

    By default glibc hands every large block back to the system, which clears each page anew when it is taken
    again: on a CPU that is up to a third of a training step's time. What the process once had it then keeps.
    Only glibc has this setting; elsewhere nothing changes.
    """
    return _set(mmap_threshold=MOST, trim_threshold=MOST, top_pad=PAD)


def return_freed_memory() -> bool:
    """Let this process hand freed tensors back to the system again; whether that could be set.

    For processes that keep_freed_memory's process starts, and that need much memory for moments only.
    """
    return _set(mmap_threshold=DEFAULT, trim_threshold=DEFAULT, top_pad=DEFAULT)


def _set(mmap_threshold: int, trim_threshold: int, top_pad: int) -> bool:
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    values = ((M_MMAP_THRESHOLD, mmap_threshold), (M_TRIM_THRESHOLD, trim_threshold), (M_TOP_PAD, top_pad))
    return all(mallopt(name, ctypes.c_int(value)) == 1 for name, value in values)
