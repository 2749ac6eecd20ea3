"""What the data sets have in truth: their splits, scenes and classes."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from ffnet3d.data.check.layout import split_of
from ffnet3d.data.classes import S3DIS13
from ffnet3d.data.prepare.scannet_splits import SCAN, builtin_splits
from ffnet3d.data.s3dis_rooms import S3DIS_ROOMS
from ffnet3d.data.scannet_ids import TEST_SCENES

TITLES = {"scannet": "ScanNet", "s3dis": "S3DIS", "demo": "built-in demo rooms", "": "no known data set"}
AREA = re.compile(r"Area_\d+")
LABELLED = re.compile(r"Area_\d+|train|val")  # splits that training or validation needs


def which_dataset(names: Collection[str], is_demo: bool = False) -> str:
    """`s3dis` where all splits are areas, `scannet` where scenes are called like its scans, else empty."""
    if is_demo:
        return "demo"
    if all(AREA.fullmatch(split_of(name)) for name in names):
        return "s3dis"
    return "scannet" if any(SCAN.fullmatch(name.rpartition("/")[2]) for name in names) else ""


def official_splits(dataset: str) -> Mapping[str, frozenset[str]]:
    """Split -> names of the scenes that the data set has in it; empty where it has no such list."""
    if dataset == "scannet":
        known = builtin_splits()
        splits = {
            split: frozenset(name for name in known if known[name] == split) for split in ("train", "val")
        }
        return {**splits, "test": frozenset(TEST_SCENES)}
    return S3DIS_ROOMS if dataset == "s3dis" else {}


def segment_classes(dataset: str) -> tuple[str, ...]:
    """Classes of `segment.npy`, where the data set tells."""
    return S3DIS13 if dataset in ("s3dis", "demo") else ()
