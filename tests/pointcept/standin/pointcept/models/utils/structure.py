"""A Point: a dict with attributes that completes batch and offset."""

from __future__ import annotations

from typing import Any

import torch
from addict import Dict


class Point(Dict):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "batch" not in self and "offset" in self:
            counts = torch.diff(self.offset, prepend=self.offset.new_zeros(1))
            self["batch"] = torch.repeat_interleave(torch.arange(len(counts)), counts)
        elif "offset" not in self and "batch" in self:
            self["offset"] = torch.bincount(self.batch).cumsum(0)
