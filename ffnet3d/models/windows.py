"""Windows of voxels that follow one another along the serialization curve (as in PTv3, arXiv 2312.10035)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ffnet3d.ops.derived import Derived


@dataclass(frozen=True)
class Windows:
    """A level's voxels in windows of P places; no window holds voxels of two scenes, and none is empty."""

    size: int  # P
    rows: Tensor  # [W * P] int64: the voxel in each place, V where there is none
    places: Tensor  # [V] int64: the place of each voxel
    taken: Tensor  # [W, 1, 1, P] bool: whether a place has a voxel

    def split(self, features: Tensor, heads: int) -> Tensor:
        """Features [V, heads * D] -> [W, heads, P, D], zeros in places without a voxel."""
        padded = torch.cat((features, features.new_zeros(1, features.shape[1])))
        rows = padded.index_select(0, self.rows)
        return rows.view(-1, self.size, heads, features.shape[1] // heads).transpose(1, 2)

    def join(self, windows: Tensor) -> Tensor:
        """Features [W, heads, P, D] -> [V, heads * D]."""
        _, heads, _, width = windows.shape
        return windows.transpose(1, 2).reshape(-1, heads * width).index_select(0, self.places)


def cut_windows(batch: Tensor, size: int, shifted: bool) -> Windows:
    """The windows of voxels in serialized order whose scenes are `batch` [V], non-decreasing.

    `shifted` windows begin half a window earlier, so that they bridge the borders of those that do not.
    """
    shift = size // 2 if shifted else 0
    counts = torch.bincount(batch)
    spaces = (counts + shift + size - 1) // size * size * (counts > 0)
    offsets = (spaces.cumsum(0) - spaces) + shift - (counts.cumsum(0) - counts)
    places = torch.arange(len(batch), device=batch.device) + offsets[batch]
    rows = batch.new_full((int(spaces.sum()),), len(batch))
    rows[places] = torch.arange(len(batch), device=batch.device)
    return Windows(size, rows, places, (rows < len(batch)).view(-1, 1, 1, size))


class Cuts:
    """The windows of one level, each kind cut once."""

    def __init__(self, batch: Tensor) -> None:
        self.batch = batch.detach()
        self.known: dict[tuple[int, bool], Windows] = {}

    def of(self, size: int, shifted: bool) -> Windows:
        """See `cut_windows`."""
        if (size, shifted) not in self.known:
            self.known[size, shifted] = cut_windows(self.batch, size, shifted)
        return self.known[size, shifted]


windows_of = Derived(Cuts)
"""The windows of a level by its `batch` [V]: `windows_of(level.batch).of(size, shifted)`."""
