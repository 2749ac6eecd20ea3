"""How far a fast test lies from the full protocol, on the scenes that both have labelled."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np

from ffnet3d.engine.testing.folder import ResultFolder
from ffnet3d.engine.testing.scene_record import SceneRecord
from ffnet3d.engine.testing.summary import total_scores

logger = logging.getLogger(__name__)

SCORES = ("mIoU", "mIoU_present", "allAcc")


def compare(
    fast: ResultFolder,
    fast_records: Mapping[int, SceneRecord],
    full: ResultFolder,
    full_records: Mapping[int, SceneRecord],
) -> dict[str, Any] | None:
    """The difference on all common scenes, and `per_scene`; None where there is no such scene.

    `equal_labels` is the share of the points with the same label; scores are those of fast minus full.
    """
    rows, pairs, equal = [], [], []
    for number, record in sorted(fast_records.items()):
        files = fast.labels(record.name), full.labels(record.name)
        if number not in full_records or not all(file.is_file() for file in files):
            continue
        pair = record, full_records[number]
        same = np.load(files[0]) == np.load(files[1])
        rows.append({"name": record.name, **_row([pair], int(same.sum()))})
        pairs.append(pair)
        equal.append(int(same.sum()))
    if not pairs:
        return None
    return {"scenes": len(pairs), "of": len(fast_records), **_row(pairs, sum(equal)), "per_scene": rows}


def log_difference(difference: Mapping[str, Any] | None) -> None:
    """Say how much a fast test differs, or how to find out."""
    if difference is None:
        logger.info(
            "How far these results are from the full protocol is unknown: no scene was tested in full with "
            "the same weights, config and code. --fast --compare N tests N scenes in full as well"
        )
        return
    for row in difference["per_scene"]:
        logger.info("Fast beside full: %s: %s", row["name"], _describe(row))
    where = f"{difference['scenes']} of {difference['of']} scenes"
    logger.info("Fast beside full, %s: %s", where, _describe(difference))


def _row(pairs: list[tuple[SceneRecord, SceneRecord]], equal: int) -> dict[str, Any]:
    fast, full = ([pair[side] for pair in pairs] for side in (0, 1))
    scores = [total_scores(side).as_dict() for side in (fast, full)]
    return {
        "equal_labels": equal / max(sum(record.points for record in fast), 1),
        **{name: scores[0][name] - scores[1][name] for name in SCORES},
        "seconds_fast": round(sum(record.seconds for record in fast), 3),
        "seconds_full": round(sum(record.seconds for record in full), 3),
    }


def _describe(row: Mapping[str, Any]) -> str:
    scores = ", ".join(f"{name} {row[name]:+.4f}" for name in SCORES)
    times = f"{row['seconds_fast']:.1f} s instead of {row['seconds_full']:.1f} s"
    return f"{row['equal_labels']:.4f} of the labels are equal, {scores} (fast minus full), {times}"
