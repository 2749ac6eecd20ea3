"""Which scans of ScanNet train, validate and test."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

from ffnet3d.data.scannet_ids import TEST_SCENES

TEST_LIST = "scannetv2_test.txt"
LISTS = {split: f"scannetv2_{split}.txt" for split in ("train", "val")}
SCAN = re.compile(r"scene(\d{4})_(\d\d)")


def read_splits(source: Path) -> dict[str, str]:
    """Scan -> `train` or `val`, from the data set's own lists in `source`, or else as ScanNet v2 has them.

    Whatever is in neither is for testing. ValueError where one of two lists is missing, or both name a scan.
    """
    there = {split: source / name for split, name in LISTS.items() if (source / name).is_file()}
    if not there:
        return builtin_splits()
    if len(there) < len(LISTS):
        (lacking,) = LISTS.keys() - there.keys()
        raise ValueError(f"{source} has {there.popitem()[1].name} but no {LISTS[lacking]}: add or remove one")
    splits: dict[str, str] = {}
    for split, file in there.items():
        for scan in file.read_text(encoding="utf-8").split():
            if splits.setdefault(scan, split) != split:
                raise ValueError(f"{file}: {scan} stands in {LISTS[splits[scan]]} too")
    return splits


def listed_scans(source: Path) -> frozenset[str]:
    """All scans of the lists for training, validation and test, those in `source` or those of ScanNet v2."""
    file = source / TEST_LIST
    test = file.read_text(encoding="utf-8").split() if file.is_file() else TEST_SCENES
    return frozenset(read_splits(source)) | frozenset(test)


def builtin_splits() -> dict[str, str]:
    """The 1,201 training and 312 validation scans of ScanNet v2."""
    table = files("ffnet3d.data.prepare") / "tables" / "scannet_places.txt"
    _, scans, kinds = table.read_text(encoding="utf-8").splitlines()
    return {
        f"scene{place:04d}_{scan:02d}": "train" if kind == "t" else "val"
        for place, (count, kind) in enumerate(zip(scans, kinds, strict=True))
        for scan in range(int(count))
    }
