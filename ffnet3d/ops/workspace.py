"""Scratch memory that a thread keeps from one convolution to the next.

The C library gives large blocks back to the system when they are freed, and the system clears each page that
is taken again: a scratch buffer of 60 MB costs as much time that way as the products that are written to it.
"""

from __future__ import annotations

import threading
from enum import Enum

import torch
from torch import Tensor

MOST_KEPT = 96 * 2**20  # bytes of one buffer; a larger one is not kept


class Scratch(Enum):
    """What a buffer is for: buffers of one purpose are never used at the same time."""

    PADDED = "padded"
    GATHERED = "gathered"
    GRADIENT = "gradient"
    PRODUCTS = "products"


class _Kept(threading.local):
    def __init__(self) -> None:
        self.buffers: dict[Scratch, Tensor] = {}


_kept = _Kept()


def scratch(purpose: Scratch, rows: int, channels: int, like: Tensor) -> Tensor:
    """Uninitialised [rows, channels] in the dtype and on the device of `like`, valid until asked for again.

    On a CPU it is a view of memory that the thread keeps; elsewhere the device's allocator does that already.
    """
    size = rows * channels * like.element_size()
    if like.device.type != "cpu" or size > MOST_KEPT:
        return like.new_empty(rows, channels)
    buffer = _kept.buffers.get(purpose)
    if buffer is None or len(buffer) < size:
        with torch.inference_mode(False):  # it may be written to outside of inference mode later
            buffer = _kept.buffers[purpose] = torch.empty(size, dtype=torch.uint8)
    return buffer[:size].view(like.dtype).view(rows, channels)
