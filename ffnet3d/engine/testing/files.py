"""Writing what a test finds out of a scene: labels, probabilities, the arrays that the report shows."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import numpy as np

from ffnet3d.atomic import write_atomic
from ffnet3d.data.fragment_stream import SceneFacts
from ffnet3d.engine.testing.voting import Votes

DISPLAY_POINTS = 60_000
ROWS = 1 << 16  # of probabilities, worked out and written at a time


def save_labels(file: Path, labels: np.ndarray) -> None:
    """Write a scene's predictions, int64 [N]."""
    write_atomic(file, lambda stream: np.save(stream, labels.astype(np.int64)))


def save_probabilities(file: Path, votes: Votes) -> None:
    """Write the mean of the votes of each point on disk, float16 [N, C]."""

    def write(stream: BinaryIO) -> None:
        points, classes = len(votes.facts.coord), votes.sums.shape[1]
        header = {"descr": "<f2", "fortran_order": False, "shape": (points, classes)}
        np.lib.format.write_array_header_1_0(stream, header)
        for start in range(0, points, ROWS):
            stream.write(votes.probabilities(slice(start, start + ROWS)).astype("<f2").tobytes())

    write_atomic(file, write)


def save_display(file: Path, scene: SceneFacts, labels: np.ndarray, ignore_index: int) -> None:
    """Write the arrays by which the report shows a scene."""
    arrays = display_arrays(scene, labels, ignore_index)
    write_atomic(file, lambda stream: np.savez(stream, allow_pickle=False, **arrays))


def display_arrays(scene: SceneFacts, labels: np.ndarray, ignore_index: int) -> dict[str, np.ndarray]:
    """At most DISPLAY_POINTS points, drawn at random: coord f32, color u8 (or grey), segment and pred i16.

    Unlabelled points have the segment -1, whatever `ignore_index` is.
    """
    count = len(scene.coord)
    rows = np.random.default_rng(0).permutation(count)[:DISPLAY_POINTS]
    rows.sort()
    color = np.full((count, 3), 160) if scene.color is None else scene.color
    segment = np.where(scene.segment == ignore_index, -1, scene.segment)
    return {
        "coord": scene.coord[rows].astype(np.float32),
        "color": color[rows].astype(np.uint8),
        "segment": segment[rows].astype(np.int16),
        "pred": labels[rows].astype(np.int16),
    }
