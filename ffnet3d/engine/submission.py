"""Submissions to the ScanNet and ScanNet200 benchmarks, from the predictions that a test has saved."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ffnet3d.atomic import write_atomic
from ffnet3d.data.scene import load_array
from ffnet3d.engine.config import load_config
from ffnet3d.engine.provenance import counted
from ffnet3d.engine.run_folder import RunFolder
from ffnet3d.engine.submission_check import benchmark_ids, listed, points_on_disk, validate_submission
from ffnet3d.registry import require

FOLDER, FILE = "submit", "submission.zip"  # in result/
EPOCH = (1980, 1, 1, 0, 0, 0)  # date of every file in a zip: the same predictions make the same bytes


@dataclass(frozen=True)
class SubmissionReport:
    """A submission that was written."""

    file: Path
    scenes: int
    points: int
    problems: tuple[str, ...]  # why the benchmark would not take it; none: it can be uploaded

    def describe(self) -> str:
        """What was written, and whether it can be uploaded."""
        text = f"{self.file}: {counted(self.scenes, 'scene')}, {counted(self.points, 'point')}"
        if not self.problems:
            return f"{text}; it can be uploaded"
        return f"{text}; it cannot be uploaded: {listed(self.problems)}"


def submit_run(run: RunFolder, data_root: Path | None = None) -> SubmissionReport:
    """Write result/submission.zip of a run whose test is finished.

    data_root: where the scenes are, by default where the run's config has them; those that are there must
    have as many points as labels. ValueError where the test is not finished, or not of one of the benchmarks.
    """
    test = read_test(run)
    dataset = tested_dataset(run, test)
    ids = benchmark_ids(dataset)
    if len(test["classes"]) != len(ids):
        raise ValueError(f"{run.test_summary} has {len(test['classes'])} classes, the benchmark {len(ids)}")
    if data_root is not None and not data_root.is_dir():
        raise ValueError(f"{data_root}: no such folder, so that points cannot be counted")
    points = {scene["name"]: int(scene["points"]) for scene in test["scenes"]}
    for scene, there in points_on_disk(data_root or configured_root(run), points).items():
        if there != points[scene]:
            raise ValueError(
                f"{scene} had {points[scene]} points when it was tested, and has {there} now: test again"
            )
    return write_submission(run.result, points, dataset)


def read_test(run: RunFolder) -> dict[str, Any]:
    """The run's result/test.json."""
    if not run.test_summary.is_file():
        raise ValueError(
            f"there is no {run.test_summary}: {run.root} has no finished test (ffnet3d test begins it, "
            "or goes on with it)"
        )
    test: dict[str, Any] = json.loads(run.test_summary.read_text(encoding="utf-8"))
    return test


def tested_dataset(run: RunFolder, test: Mapping[str, Any]) -> str:
    """The type of data set that was tested: tests of earlier versions leave that to the run's config."""
    told = test.get("provenance", {}).get("dataset")
    return str(told or load_config(run.config).data.test.type)


def configured_root(run: RunFolder) -> Path:
    """Where the run's config has the scenes that are tested."""
    return Path(load_config(run.config).data.test.get("data_root", "data")).expanduser()


def write_submission(result: Path, points: Mapping[str, int], dataset: str) -> SubmissionReport:
    """Write submit/SCENE.txt and submission.zip in the folder `result` from its SCENE_pred.npy.

    points: the scenes, and the number of points of each; dataset: the type of data.test, which decides the
    ids. A former submission is replaced. ValueError where predictions are missing, are not as many as the
    points, or are no labels.
    """
    ids = benchmark_ids(dataset)
    discard_submission(result)
    for scene, count in require("tqdm", "train").tqdm(points.items(), "submit", disable=None, leave=False):
        write_text(
            result / FOLDER / f"{scene}.txt", read_labels(result / f"{scene}_pred.npy", count, ids), ids
        )
    texts = [result / FOLDER / f"{scene}.txt" for scene in points]
    write_atomic(result / FILE, lambda file: write_zip(file, texts))
    problems = validate_submission(result / FILE, dataset, points)
    return SubmissionReport(result / FILE, len(points), sum(points.values()), tuple(problems))


def discard_submission(result: Path) -> None:
    """Remove a submission of former predictions."""
    (result / FILE).unlink(missing_ok=True)
    for file in (result / FOLDER).glob("*.txt"):
        file.unlink()


def read_labels(file: Path, points: int, ids: tuple[int, ...]) -> np.ndarray:
    """The labels [N] that a test has saved; ValueError where they do not fit the points and the ids."""
    if not file.is_file():
        raise ValueError(f"{file} is missing: test again")
    labels = load_array(file)
    if labels.shape != (points,) or labels.dtype.kind not in "iu":
        raise ValueError(
            f"{file} holds {labels.dtype} {labels.shape}, but the scene has {points} points: test again"
        )
    if points and not 0 <= labels.min() <= labels.max() < len(ids):
        raise ValueError(
            f"{file} has labels from {labels.min()} to {labels.max()}, the benchmark has {len(ids)} classes"
        )
    return labels


def write_text(file: Path, labels: np.ndarray, ids: tuple[int, ...]) -> None:
    """Write a line for each label [N], with the id of its class."""
    lines = [b"%d\n" % number for number in ids]  # ready to join: ten times as fast as np.savetxt
    text = b"".join(map(lines.__getitem__, labels.tolist()))
    write_atomic(file, lambda stream: stream.write(text))


def write_zip(file: BinaryIO, texts: list[Path]) -> None:
    """Zip text files at its top level, in this order."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for text in texts:
            archive.writestr(zipfile.ZipInfo(text.name, EPOCH), text.read_bytes(), zipfile.ZIP_DEFLATED)
