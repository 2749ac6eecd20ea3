"""The voxels of a scan on disk, brick by brick: the means of their points, all that a network needs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ffnet3d.segment.points import Points
from ffnet3d.segment.tiles.layout import Ints, Layout
from ffnet3d.segment.tiles.progress import NoBar
from ffnet3d.segment.tiles.scratch import RecordFile
from ffnet3d.segment.tiles.spill import Spill

VALUES = ("coord", "color", "normal")


class VoxelStore:
    """Parts of voxels (see `Layout.parts`): key, number of points, means; by key within each brick.

    Args:
        folder: of the scratch file.
        layout: tells the voxels.
        names: of VALUES, what the points have.
    """

    def __init__(self, folder: Path, layout: Layout, names: tuple[str, ...]) -> None:
        self.layout = layout
        values = [(name, np.float32, (3,)) for name in names]
        self.dtype = np.dtype([("key", np.int64), ("count", np.int32), *values])
        self._file = RecordFile(folder, self.dtype)
        self._runs: list[tuple[int, int]] = []  # of each brick: first record, count
        self._counts: list[int] = []

    def append(self, records: NDArray) -> None:
        """The parts of the next brick."""
        self._runs.append((self._file.append(records), len(records)))
        self._counts.append(len(self.voxel_keys(records)))

    @property
    def counts(self) -> Ints:
        """Number of voxels of each brick, [B]."""
        return np.array(self._counts, dtype=np.int64)

    def read(self, brick: int) -> NDArray:
        """The parts of the brick with this number."""
        return self._file.read(*self._runs[brick])

    def write(self, brick: int, records: NDArray) -> None:
        """Put the parts of that brick, changed, in their former place."""
        self._file.write(self._runs[brick][0], records)

    @property
    def sizes(self) -> Ints:
        """Number of parts of each brick, [B]."""
        return np.array([count for _, count in self._runs], dtype=np.int64)

    def voxel_keys(self, records: NDArray) -> Ints:
        """Keys of the distinct voxels of some records of one brick, ascending."""
        return np.unique(records["key"] // self.layout.parts**3)

    def points(self, records: NDArray, first: NDArray[np.bool_]) -> Points:
        """The means of voxels [V], of whose parts' records [P] those begin a voxel that `first` [P] marks."""
        known = {name: records[name] for name in VALUES if name in (self.dtype.names or ())}
        if self.layout.parts > 1:
            starts, counts = np.flatnonzero(first), records["count"].astype(np.float64)
            totals = np.add.reduceat(counts, starts)
            known = {
                name: (np.add.reduceat(value * counts[:, None], starts) / totals[:, None]).astype(np.float32)
                for name, value in known.items()
            }
        return Points(known["coord"], known.get("color"), known.get("normal"))

    def close(self) -> None:
        """Give the disk's space back."""
        self._file.close()


def store_voxels(spill: Spill, folder: Path, bar: NoBar, room_for_normals: bool = False) -> VoxelStore:
    """Reduce the bricks of `spill`, in ascending order, to voxels; `bar` is told the points of each.

    `room_for_normals`: normals that the points lack are 0, to be filled in.
    """
    store: VoxelStore | None = None
    for brick in spill.bricks().tolist():
        sums = [_sum_up(block, spill.layout) for block in spill.blocks(brick)]
        keys, counts, values = _merge(sums)
        if store is None:
            store = VoxelStore(folder, spill.layout, (*values, *(["normal"] if room_for_normals else [])))
        records = np.zeros(len(keys), dtype=store.dtype)
        records["key"], records["count"] = keys, counts
        for name, total in values.items():
            records[name] = total / counts[:, None]
        store.append(records)
        bar.update(int(counts.sum()))
    assert store is not None, "a scan without points has no voxels"
    return store


_Sums = tuple[Ints, Ints, dict[str, NDArray[np.float64]]]
"""Keys, ascending; number of points of each; sums of their values."""


def _sum_up(block: NDArray, layout: Layout) -> _Sums:
    _, keys = layout.locate(block["coord"])
    values = {name: block[name] for name in VALUES if name in (block.dtype.names or ())}
    return _group(keys, np.ones(len(keys), dtype=np.int64), values)


def _merge(sums: list[_Sums]) -> _Sums:
    if len(sums) == 1:
        return sums[0]
    keys, counts = (np.concatenate([part[i] for part in sums]) for i in (0, 1))
    return _group(
        keys, counts, {name: np.concatenate([part[2][name] for part in sums]) for name in sums[0][2]}
    )


def _group(keys: Ints, counts: Ints, values: dict[str, NDArray]) -> _Sums:
    order = np.argsort(keys, kind="stable")
    distinct, starts = np.unique(keys[order], return_index=True)
    sums = {
        name: np.add.reduceat(value[order].astype(np.float64), starts, axis=0)
        for name, value in values.items()
    }
    return distinct, np.add.reduceat(counts[order], starts), sums
