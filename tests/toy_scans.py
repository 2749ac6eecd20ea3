"""A data set of made-up scans, for the tests of the preparation: a text file of `x y z label` a scan.

Importable by its own name, as worker processes need it. `python -m toy_scans SOURCE TARGET WORKERS` prepares.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import numpy as np

from ffnet3d.data.prepare import Prepared, SceneJob, Summary, prepare


def write_scans(folder: Path, count: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        rng = np.random.default_rng(number)
        points = np.column_stack([rng.normal(size=(200, 3)), rng.integers(-1, 4, 200)])
        np.savetxt(folder / f"scan{number}.txt", points, fmt="%.6f")


def list_jobs(folder: Path) -> list[SceneJob]:
    files = sorted(folder.glob("*.txt"))
    return [
        SceneJob(
            name=file.stem,
            split="train" if number % 3 else "val",
            target=Path("train" if number % 3 else "val") / file.stem,
            source_root=folder,
            sources=(file,),
        )
        for number, file in enumerate(files)
    ]


def make(job: SceneJob) -> Prepared:
    """The scan of a job; a file that starts with a word plays the part that the word says."""
    file = job.sources[0]
    text = file.read_text()
    if text.startswith("die"):
        os.kill(os.getpid(), signal.SIGKILL)
    if text.startswith("broken"):
        raise ValueError(f"{file}:1: not a number: 'broken'")
    if text.startswith("bug"):
        raise KeyError("unforeseen")
    time.sleep(float(os.environ.get("TOY_SCANS_SECONDS", "0")))
    rows = np.loadtxt(file)
    arrays = {"coord": rows[:, :3].astype(np.float32), "segment": rows[:, 3].astype(np.int64)}
    repairs = (f"{job.shown(file)}:1: a made-up defect",) if file.stem.endswith("1") else ()
    return Prepared(arrays, repairs)


def run(source: Path, target: Path, workers: int = 0, version: int = 1) -> Summary:
    return prepare(list_jobs(source), make, target, dataset="toys", version=version, workers=workers)


if __name__ == "__main__":
    run(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
