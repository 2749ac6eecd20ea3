"""The outcome of a finished test: its counts, and how they came about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ffnet3d.data.classes import S3DIS13
from ffnet3d.engine.experiments.json_files import read_json
from ffnet3d.engine.provenance import Provenance
from ffnet3d.engine.records import COUNTS, Record, read_record

MEANS = ("mIoU", "mIoU_present", "mAcc", "allAcc")


@dataclass(frozen=True)
class Tested:
    """A network tested on some scenes."""

    classes: tuple[str, ...]
    record: Record
    provenance: Provenance | None = None  # None: a record alone, or a test of an early version

    @property
    def means(self) -> dict[str, float]:
        """The mean scores, 0 to 1, by the names of `MEANS`."""
        scores = self.record.scores().as_dict()
        return {name: scores[name] for name in MEANS}

    def as_dict(self) -> dict[str, Any]:
        """Scores, counts and provenance, ready for JSON."""
        counts = {name: getattr(self.record, name).tolist() for name in COUNTS}
        provenance = None if self.provenance is None else self.provenance.as_dict()
        scores = self.record.scores().as_dict()
        return {"classes": list(self.classes), "scores": scores, **counts, "provenance": provenance}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Tested:
        """What `as_dict` made; ValueError or KeyError where it is something else."""
        record = Record(*(values[name] for name in COUNTS))
        return cls(tuple(values["classes"]), record, read_provenance(values))


def read_tested(file: Path) -> Tested:
    """From a run's result/test.json, or from the record of an S3DIS area.

    Raises ValueError naming the file where it is neither, or no point of its scenes is labelled.
    """
    tested = tested_area(file) if file.suffix == ".pth" else tested_run(file)
    if not tested.record.target.any():
        raise ValueError(f"{file}: no point of these scenes is labelled, so there are no scores")
    return tested


def tested_run(file: Path) -> Tested:
    """From a test.json."""
    summary = read_json(file)
    try:
        record = Record.from_confusion(summary["confusion"])
        return Tested(tuple(summary["classes"]), record, read_provenance(summary))
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{file} is no summary of a test ({error}): test again") from error


def tested_area(file: Path) -> Tested:
    """From a record of 13 classes."""
    record = read_record(file)
    if len(record.target) != len(S3DIS13):
        raise ValueError(f"{file} is of {len(record.target)} classes, not of the {len(S3DIS13)} of S3DIS")
    return Tested(S3DIS13, record)


def read_provenance(values: Mapping[str, Any]) -> Provenance | None:
    """The provenance among the values of a JSON file, if it is there."""
    held = values.get("provenance")
    return None if held is None else Provenance.from_dict(held)
