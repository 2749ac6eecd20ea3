"""The scans that a command line names, and where each one's answer goes."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ffnet3d.data.formats.open import SUFFIXES, is_cloud
from ffnet3d.segment.output import names_a_file, output_path

FAILED = "failed.json"
"""In the output folder: the scans that could not be segmented."""


@dataclass(frozen=True)
class Job:
    """One scan to segment.

    Args:
        scan: point file or scene folder.
        out: file (or scene folder) to write.
    """

    scan: Path
    out: Path

    @property
    def summary(self) -> Path:
        """The JSON file beside `out` that tells of it: `room.json` of `room.ply` and of the folder `room`."""
        known = self.out.suffix.lower() in SUFFIXES
        return self.out.with_name(f"{self.out.stem if known else self.out.name}.json")


def find_jobs(scans: Sequence[Path], out: Path, format: str | None = None) -> list[Job]:
    """A job for each scan: point files and scene folders, named or found in the named folders.

    Folders are searched to the bottom, leaving out what is hidden, and `out` where it lies in them; their
    scans keep the path below the folder. A scan that is named twice counts once.

    Args:
        scans: point files, scene folders, folders to search.
        out: folder for the answers; for one scan, a file's name too, as in `output_path`.
        format: of the answers, as in `output_path`; None: as the scan's.

    Raises ValueError for a path that does not exist or holds no scan, for two scans whose answers would be
    one file, and for answers that would overwrite a scan or lie among those that are searched for.
    """
    found: dict[Path, tuple[Path, Path]] = {}
    for named in scans:
        for scan, below in _scans_in(named, out):
            found.setdefault(scan.resolve(), (scan, below))
    is_file = names_a_file(out)
    if is_file and len(found) > 1:
        raise ValueError(f"{out} names a file, but there are {len(found)} scans: name a folder")
    places = [(scan, out if is_file else out / below) for scan, below in found.values()]
    jobs = [Job(scan, output_path(scan, place, format)) for scan, place in places]
    _check_places(jobs, jobs[0].out.parent if is_file else out)
    return jobs


def _scans_in(named: Path, out: Path) -> list[tuple[Path, Path]]:
    """Each scan, and the folder that it lies in, relative to the named one."""
    if not named.exists():
        raise ValueError(f"{named}: no such file or folder")
    if is_cloud(named) or not named.is_dir():
        return [(named, Path())]  # a file of another kind is refused by name when it is read
    if named.resolve() == out.resolve():
        raise ValueError(f"{named} is searched for scans, and the output folder too: name another one")
    if found := sorted(_search(named, out.resolve())):
        return [(scan, scan.parent.relative_to(named)) for scan in found]
    raise ValueError(
        f"{named} holds no scan: needed are files {', '.join(sorted(SUFFIXES))}, or scene folders (coord.npy)"
    )


def _search(folder: Path, leave_out: Path) -> Iterator[Path]:
    for place, folders, files in os.walk(folder):
        here = Path(place)
        if here != folder and is_cloud(here):
            folders.clear()
            yield here
            continue
        folders[:] = [name for name in folders if name[0] != "." and (here / name).resolve() != leave_out]
        yield from (here / name for name in files if name[0] != "." and is_cloud(here / name))


def _check_places(jobs: Sequence[Job], out: Path) -> None:
    taken: dict[Path, Job] = {}
    scans = {job.scan.resolve() for job in jobs}
    for job in jobs:
        if job.out.resolve() in scans:
            raise ValueError(f"{job.out} would overwrite a scan: name another output folder than {out}")
        if job.summary == out / FAILED:
            raise ValueError(
                f"{job.scan}: its summary would be {FAILED}, which lists failed scans: rename it"
            )
        for place in (job.out, job.summary):
            other = taken.setdefault(place, job)
            if other is not job:
                raise ValueError(
                    f"{other.scan} and {job.scan} would both be written to {place}: rename one, name a "
                    "folder above both, or use two output folders"
                )
