"""An even random sample of a cloud of any size, drawn in one pass that never holds more than the sample."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ffnet3d.data.formats.cloud import Cloud, Rows
from ffnet3d.registry import require

BLOCK = 2**20  # random numbers at a time


def even_sample(num_points: int, most: int, seed: int = 0) -> np.ndarray:
    """Indices int64 [min(num_points, most)] of points, in random order: every prefix is an even sample too.

    Each point draws a random number; those with the smallest are kept, in the order of their numbers.
    """
    rng = np.random.default_rng(seed)
    drawn, index = np.empty(0), np.empty(0, np.int64)
    limit = 1.0
    for start in range(0, num_points, BLOCK):
        block = rng.random(min(BLOCK, num_points - start))
        near = np.flatnonzero(block < limit)
        drawn, index = np.append(drawn, block[near]), np.append(index, near + start)
        if len(drawn) > 2 * most:
            kept = np.argpartition(drawn, most)[:most]
            drawn, index = drawn[kept], index[kept]
            limit = float(drawn.max(initial=0))
    order = np.argsort(drawn, kind="stable")[:most]
    return index[order]


def take(cloud: Cloud, names: Sequence[str], index: np.ndarray) -> Rows:
    """The columns `names` of the points `index` [n], in the order of `index`; one pass over the file.

    ValueError naming the file where it is not as it should be.
    """
    order = np.argsort(index, kind="stable")
    wanted = index[order]
    parts: dict[str, list[np.ndarray]] = {name: [] for name in names}
    start = 0
    bar = require("tqdm", "train").tqdm(
        total=cloud.num_points, desc=cloud.file.name, unit=" points", unit_scale=True, disable=None
    )
    with bar:
        for rows in cloud.chunks():
            count = len(rows[names[0]])
            first, last = np.searchsorted(wanted, (start, start + count))
            for name, part in parts.items():
                part.append(rows[name][wanted[first:last] - start])
            start += count
            bar.update(count)
    return {name: _put_back(part, order) for name, part in parts.items()}


def _put_back(parts: list[np.ndarray], order: np.ndarray) -> np.ndarray:
    """Values that were found in the file's order, in the order that was asked for."""
    if not parts:
        return np.empty(0)
    found = np.concatenate(parts)
    values = np.empty_like(found)
    values[order] = found
    return values
