"""The folders that a user names: SOURCE, which is only read, and TARGET, where nothing else is touched."""

from __future__ import annotations

from pathlib import Path

from ffnet3d.atomic import write_atomic
from ffnet3d.data.prepare.record import RECORDS

MARK = Path(RECORDS, "dataset")  # in the target: which data set it is of


def check_source(source: Path, needs: str, raw: str) -> None:
    """ValueError where `source` is no folder, or holds scene folders and nothing called `raw` (a pattern)."""
    if not source.is_dir():
        raise ValueError(f"{source}: {'a file' if source.exists() else 'no such folder'}; {needs}")
    if _holds(source, "coord.npy", 2) and not _holds(source, raw, 3):
        raise ValueError(f"{source} is prepared already: check it with ffnet3d check, use its root as -D")


def _holds(folder: Path, pattern: str, depth: int) -> bool:
    return any(next(folder.glob("*/" * level + pattern), None) for level in range(depth + 1))


def check_target(source: Path, target: Path, dataset: str) -> None:
    """ValueError for a target in the source or around it, or one that holds something else."""
    ours, theirs = target.resolve(), source.resolve()
    if ours.is_relative_to(theirs) or theirs.is_relative_to(ours):
        raise ValueError(
            f"the target {target} and the source {source} are the same folder, or one lies in the other: "
            "name a target outside the download"
        )
    _check_owner(target, dataset)


def claim(target: Path, dataset: str) -> None:
    """Mark the target as this data set's; ValueError where it holds something else."""
    _check_owner(target, dataset)
    if not (target / MARK).is_file():
        write_atomic(target / MARK, lambda file: file.write(dataset.encode()))


def _check_owner(target: Path, dataset: str) -> None:
    mark = target / MARK
    if mark.is_file():
        if (other := mark.read_text()) != dataset:
            raise ValueError(f"{target} holds {other}, not {dataset}: name another folder")
        return
    if (target / "manifest.json").is_file():
        raise ValueError(
            f"{target} holds a manifest.json but no {RECORDS}/, which tells how each scene was made: use it "
            "as it is, or delete it, or name another folder, and prepare again"
        )
    if target.exists() and (not target.is_dir() or any(path.name != RECORDS for path in target.iterdir())):
        raise ValueError(
            f"{target} exists and was not begun by ffnet3d prepare: name a new or an empty folder, so that "
            "nothing in it is overwritten"
        )
