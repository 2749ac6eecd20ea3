"""What former tests have left that still holds, so that an interrupted test goes on where it ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from ffnet3d.engine.testing.folder import ResultFolder
from ffnet3d.engine.testing.keys import SceneKey, hash_file
from ffnet3d.engine.testing.scene_record import SceneRecord, read_scene_record


@dataclass(frozen=True)
class Kept:
    """Results that hold, by the scene's number, and why others do not: reason -> number of scenes."""

    records: dict[int, SceneRecord] = field(default_factory=dict)
    stale: Mapping[str, int] = field(default_factory=Counter)

    def given_up(self, reason: str) -> Kept:
        """Nothing of it, for one more reason."""
        return Kept(stale=+Counter({**self.stale, reason: len(self.records)}))

    def describe_stale(self) -> str:
        """The reasons in words."""
        return ", ".join(f"{reason} ({count})" for reason, count in self.stale.items())


def find_kept(
    folder: ResultFolder, names: Mapping[int, str], keys: Mapping[int, SceneKey], probabilities: bool = False
) -> Kept:
    """The records in `folder` of the scenes `names` that have the same key, and their files as they were.

    With `probabilities` only those that have these too.
    """
    kept, stale = {}, Counter[str]()
    for number, name in names.items():
        record = read_scene_record(folder.record(name))
        reason = _reason(folder, record, keys[number], probabilities)
        if record is not None and not reason:
            kept[number] = record
        elif reason:
            stale[reason] += 1
    stale["of no scene of this test"] = len(folder.recorded() - set(names.values()))
    stale["without a record"] = len(folder.labelled() - folder.recorded())
    return Kept(kept, +stale)


def _reason(folder: ResultFolder, record: SceneRecord | None, key: SceneKey, probabilities: bool) -> str:
    """Why a record cannot stand for a new test; nothing where it can, or where there is none."""
    if record is None:
        return ""
    changes = key.changes(record.key)
    if changes:
        return f"other {' and '.join(changes)}"
    labels = folder.labels(record.name)
    if not labels.is_file() or hash_file(labels) != record.labels:
        return "other labels in the file"
    if probabilities and not folder.probabilities(record.name).is_file():
        return "no probabilities"
    return ""
