"""The scores of a whole test: test.json, the log, the records of areas."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ffnet3d.atomic import write_atomic
from ffnet3d.data.datasets import S3DISDataset, SceneDataset
from ffnet3d.engine.config import Config
from ffnet3d.engine.metrics import Scores, describe_presence
from ffnet3d.engine.provenance import Provenance, one_line
from ffnet3d.engine.records import Record, sum_records, write_record
from ffnet3d.engine.testing.folder import ResultFolder
from ffnet3d.engine.testing.scene_record import SceneRecord

logger = logging.getLogger(__name__)


def total_scores(records: Sequence[SceneRecord]) -> Scores:
    """The scores of all points of one or more scenes."""
    return Record.from_confusion(total_confusion(records)).scores()


def total_confusion(records: Sequence[SceneRecord]) -> np.ndarray:
    """The confusion matrix of all points, int64 [C, C]."""
    total: np.ndarray = sum(record.confusion for record in records[1:]) + records[0].confusion
    return total


def write_summary(
    file: Path,
    config: Config,
    weight: Path,
    records: Sequence[SceneRecord],
    provenance: Provenance,
    **more: Any,
) -> None:
    """Write test.json; in its `confusion` rows are the truth, columns the prediction."""
    summary = {
        "classes": class_names(config),
        "confusion": total_confusion(records).tolist(),
        "scores": total_scores(records).as_dict(),
        "scenes": [record.summary() for record in records],
        "weight": str(weight),
        "views": records[0].views,
        "provenance": provenance.as_dict(),
        **more,
    }
    write_atomic(file, lambda stream: stream.write(json.dumps(summary, indent=1).encode()))


def write_areas(folder: ResultFolder, dataset: SceneDataset, records: dict[int, SceneRecord]) -> None:
    """Write the counts of each area of S3DIS among the scenes, as Pointcept does; nothing for other data."""
    if not isinstance(dataset, S3DISDataset):
        return
    areas: dict[str, list[Record]] = {}
    for number, record in records.items():
        name = dataset.scenes[number].parent.name
        areas.setdefault(name, []).append(Record.from_confusion(record.confusion))
    for name, parts in areas.items():
        write_record(folder.area(name), sum_records(parts))


def log_scores(scores: Scores, names: Sequence[str], provenance: Provenance) -> None:
    """Log the means, and each class's IoU and accuracy; without labelled points there are none."""
    if not sum(scores.support):
        logger.info(
            "Test result: no point of these scenes is labelled, so there are predictions but no scores"
        )
        return
    logger.info(
        "Test result: mIoU %.4f (present classes %.4f), mAcc %.4f, allAcc %.4f; %s",
        scores.miou,
        scores.miou_present,
        scores.macc,
        scores.allacc,
        describe_presence(scores.support),
    )
    for name, iou, acc, support in zip(names, scores.iou, scores.acc, scores.support, strict=True):
        logger.info("  %-20s IoU %.4f, accuracy %.4f, %d points", name, iou, acc, support)
    logger.info("%s", one_line(provenance))


def class_names(config: Config) -> list[str]:
    """Names of the classes; their numbers where the config has no `data.names`."""
    return list(config.data.get("names") or map(str, range(config.data.num_classes)))
