"""The rules of the ScanNet and ScanNet200 benchmarks for an upload, and what in a zip breaks them.

One text file for each of the 100 test scans, SCENE.txt, at the top level of the zip; in it one line for each
vertex of SCENE_vh_clean_2.ply, in that order, with the id of the predicted class: NYU40's for the 20 classes,
ScanNet's own for the 200. (0, for unlabelled, would count as wrong.)
"""

from __future__ import annotations

import zipfile
import zlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ffnet3d.data.scannet_ids import SCANNET20_IDS, SCANNET200_IDS, TEST_SCENES
from ffnet3d.data.scene import load_array
from ffnet3d.registry import require

BENCHMARKS: Mapping[str, tuple[int, ...]] = {
    "ScanNetDataset": SCANNET20_IDS,
    "ScanNet200Dataset": SCANNET200_IDS,
}
SHOWN = 5  # names that one problem lists
DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError)  # or a password

Lines = Counter[bytes]  # how often a file has each line


def benchmark_ids(dataset: str) -> tuple[int, ...]:
    """The benchmark's id of each label of that type of data set; ValueError where it has no benchmark."""
    if dataset not in BENCHMARKS:
        raise ValueError(f"{dataset} has no benchmark to submit to: {' and '.join(BENCHMARKS)} have")
    return BENCHMARKS[dataset]


@dataclass(frozen=True)
class Verdict:
    """Whether a zip can be uploaded, and to which benchmark."""

    dataset: str  # type of the data set whose benchmark it is
    why: str  # for this data set; empty where it was named
    problems: tuple[str, ...]  # a sentence each; none where it can be uploaded


def judge_submission(
    file: str | Path, dataset: str | None = None, points: Mapping[str, int] | None = None
) -> Verdict:
    """What keeps a zip from being uploaded.

    dataset: "ScanNetDataset" or "ScanNet200Dataset"; without it, the one whose ids the file has.
    points: the number of vertices of each scene; where it is not given, lines are not counted.
    ValueError where there is no such file.
    """
    if Path(file).is_dir():
        raise ValueError(f"{file} is a folder: name the zip")
    if not Path(file).is_file():
        raise ValueError(f"there is no submission {file}")
    try:
        with zipfile.ZipFile(file) as archive:
            names = [entry.filename for entry in archive.infolist() if not entry.is_dir()]
            scenes = [name.removesuffix(".txt") for name in names if is_prediction(name)]
            lines, problems = read_scenes(archive, scenes)
    except DAMAGE as error:
        return Verdict(dataset or "", "", (f"{file} is no whole zip file ({error})",))
    strays = [name for name in names if not is_prediction(name)]
    problems += named(strays, "{} no SCENE.txt at the top level of the zip")
    problems += compare_scenes(scenes)
    problems += check_counts(lines, points or {})
    guessed, why = (dataset, "") if dataset else guess_dataset(lines.values())
    return Verdict(guessed, why, (*problems, *check_ids(lines, guessed)))


def validate_submission(
    file: str | Path, dataset: str | None = None, points: Mapping[str, int] | None = None
) -> list[str]:
    """The problems of `judge_submission` alone."""
    return list(judge_submission(file, dataset, points).problems)


def absent_scenes(root: Path, points: Mapping[str, int]) -> list[str]:
    """That `root`, with these scenes of the benchmark and their points, lacks others; ValueError: no root."""
    if not root.is_dir():
        raise ValueError(f"{root}: no such folder, so that lines cannot be counted")
    missing = [scene for scene in TEST_SCENES if scene not in points]
    there = f"{root} has only {len(points)} of the {len(TEST_SCENES)} test scenes to count lines by"
    return named(missing, f"{there} (prepare scans_test, too); {{}} missing")


def points_on_disk(root: Path, scenes: Iterable[str]) -> dict[str, int]:
    """The number of points of those of the scenes that are in any split of the data set in `root`."""
    files = {scene: sorted(root.glob(f"*/{scene}/coord.npy")) for scene in scenes}
    return {scene: len(load_array(found[0])) for scene, found in files.items() if found}


def is_prediction(name: str) -> bool:
    """Whether a file of the zip lies where the benchmark looks for predictions."""
    return name.endswith(".txt") and "/" not in name and "\\" not in name


def read_scenes(archive: zipfile.ZipFile, scenes: Sequence[str]) -> tuple[dict[str, Lines], list[str]]:
    """The lines of each scene's file, and which files cannot be read."""
    lines: dict[str, Lines] = {}
    problems = []
    for scene in require("tqdm", "train").tqdm(scenes, desc="check", disable=None, leave=False):
        try:
            lines[scene] = Counter(archive.read(f"{scene}.txt").splitlines())
        except DAMAGE as error:
            problems.append(f"{scene}.txt cannot be read ({error})")
    return lines, problems


def compare_scenes(scenes: Sequence[str]) -> list[str]:
    """How `scenes` differ from the benchmark's test scenes."""
    twice = [scene for scene, count in Counter(scenes).items() if count > 1]
    missing = [scene for scene in TEST_SCENES if scene not in scenes]
    extra = [scene for scene in scenes if scene not in TEST_SCENES]
    return [
        *named(twice, "{} there twice"),
        *named(missing, f"{{}} missing, of the benchmark's {len(TEST_SCENES)} test scenes"),
        *named(extra, "{} not among the benchmark's test scenes (only these can be uploaded)"),
    ]


def check_counts(lines: Mapping[str, Lines], points: Mapping[str, int]) -> list[str]:
    """Files that do not have a line for each vertex, or have none."""
    empty = [f"{scene}.txt is empty" for scene, found in lines.items() if not found and scene not in points]
    return empty + [
        f"{scene}.txt has {found.total()} lines, but the scene has {points[scene]} points"
        for scene, found in lines.items()
        if scene in points and found.total() != points[scene]
    ]


def check_ids(lines: Mapping[str, Lines], dataset: str) -> list[str]:
    """Files with lines that are no id of that data set's benchmark."""
    ids = benchmark_ids(dataset)
    problems = []
    for scene, found in lines.items():
        if wrong := [line for line in found if not is_id(line, ids)]:
            count, example = sum(found[line] for line in wrong), wrong[0][:20].decode(errors="replace")
            problems.append(
                f"{scene}.txt: {count} lines are no id of the {len(ids)} classes, such as {example!r}"
            )
    return problems


def guess_dataset(files: Iterable[Lines]) -> tuple[str, str]:
    """The type of data set to whose benchmark most lines belong, and how many that are."""
    total = Counter[bytes]()
    for found in files:
        total.update(found)
    hits = {
        dataset: sum(count for line, count in total.items() if is_id(line, ids))
        for dataset, ids in BENCHMARKS.items()
    }
    best = max(hits, key=hits.__getitem__)
    return (
        best,
        f"{hits[best]:,} of its {total.total():,} lines are ids of the {len(BENCHMARKS[best])} classes",
    )


def is_id(line: bytes, ids: Collection[int]) -> bool:
    """Whether a line is one of these numbers."""
    return line.isdigit() and len(line) < 6 and int(line) in ids


def named(names: Sequence[str], text: str) -> list[str]:
    """`text` with the number of the names in it, and the first of them behind; nothing without names."""
    if not names:
        return []
    count = f"{len(names)} {'is' if len(names) == 1 else 'are'}"
    more = ", ..." if len(names) > SHOWN else ""
    return [f"{text.format(count)}: {', '.join(names[:SHOWN])}{more}"]


def listed(problems: Sequence[str]) -> str:
    """The first of the problems, and how many more there are."""
    more = [f"and {len(problems) - SHOWN} more"] if len(problems) > SHOWN else []
    return "; ".join([*problems[:SHOWN], *more])
