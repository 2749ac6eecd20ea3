"""What the queue knows of finished scans: kept in each scan's summary, under "queue".

An output with such a summary is whole, and was made from that scan, by that network, with those options.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ffnet3d.atomic import write_atomic
from ffnet3d.segment.job import Job


def settings_key(files: Sequence[Path], options: Mapping[str, Any]) -> str:
    """A hash of what all scans of a queue have in common: the content of `files` (weights), and `options`.

    Other options than JSON can hold count as their text. OSError where a file cannot be read.
    """
    facts = [[_content(file) for file in files], dict(options)]
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()


def job_key(job: Job, key: str) -> str:
    """A hash of the queue's `key`, the name of the output, and names, sizes and times of the scan's files.

    OSError where the scan cannot be found.
    """
    facts = [key, job.out.name, [[name, size, time] for name, size, time in _files(job.scan)]]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def is_finished(job: Job, key: str) -> bool:
    """Whether the job's output is there, of its recorded size, and was made as it would be made now."""
    try:
        record = json.loads(job.summary.read_text(encoding="utf-8"))["queue"]
        return bool(record == _record(job, job_key(job, key)))
    except (OSError, ValueError, KeyError, TypeError):
        return False


def write_summary(job: Job, summary: Mapping[str, Any], key: str) -> None:
    """Write the summary of a job whose output is there; `key` is its `job_key` from before it was read."""
    text = json.dumps({**summary, "queue": _record(job, key)}, indent=1)
    write_atomic(job.summary, lambda file: file.write(f"{text}\n".encode()))


def _record(job: Job, key: str) -> dict[str, Any]:
    return {"key": key, "bytes": sum(size for _, size, _ in _files(job.out))}


def _files(path: Path) -> list[tuple[str, int, int]]:
    """(Name, bytes, time in ns) of a file, or of each file in a scene folder, sorted."""
    files = sorted(one for one in path.iterdir() if one.is_file()) if path.is_dir() else [path]
    return [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files]


def _content(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while block := stream.read(2**20):
            digest.update(block)
    return digest.hexdigest()
