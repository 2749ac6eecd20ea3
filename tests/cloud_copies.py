"""Columns to add to a cloud, and all of a cloud's points at once: what the tests of every format share."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from hypothesis import strategies as st

from ffnet3d.data.formats import Addition, Cloud, Column


def joined(cloud: Cloud, rows: int = 1000) -> dict[str, np.ndarray]:
    """Every column, whole."""
    chunks = list(cloud.chunks(rows))
    return {name: np.concatenate([chunk[name] for chunk in chunks]) for name in cloud.names}


def addition(columns: Mapping[str, np.ndarray]) -> Addition:
    """Arrays [N] as an addition."""
    return Addition(
        tuple(Column(name, array.dtype) for name, array in columns.items()),
        lambda start, stop: {name: array[start:stop] for name, array in columns.items()},
    )


@st.composite
def additions(
    draw: st.DrawFn, num_points: int, replaced: Mapping[str, np.dtype]
) -> tuple[Addition, dict[str, np.ndarray]]:
    """An addition with a label, a confidence and a colour, some in place of columns of the types `replaced`.

    The values of those fit their types.
    """
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    columns: dict[str, np.ndarray] = {
        "confidence": rng.random(num_points, dtype=np.float32),
        "label_red": rng.integers(0, 256, num_points).astype(np.uint8),
        "class_id": rng.integers(-1, 200, num_points).astype(np.int32),
    }
    columns = {name: columns[name] for name in draw(st.permutations(sorted(columns)))}
    for name in draw(st.lists(st.sampled_from(sorted(replaced)), unique=True)) if replaced else ():
        columns[name] = rng.integers(0, 100, num_points).astype(np.int64)
    return addition(columns), columns
