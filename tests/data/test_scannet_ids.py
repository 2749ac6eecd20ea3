"""ScanNet's own numbers agree with the order of our classes."""

from __future__ import annotations

from ffnet3d.data.classes import SCANNET20, SCANNET200
from ffnet3d.data.prepare.scannet_labels import read_labels
from ffnet3d.data.scannet_ids import (
    SCANNET20_IDS,
    SCANNET200_COMMON,
    SCANNET200_HEAD,
    SCANNET200_IDS,
    SCANNET200_TAIL,
    SCANNET200_VALIDATION,
)


def test_an_id_a_class() -> None:
    assert len(SCANNET20_IDS) == len(set(SCANNET20_IDS)) == len(SCANNET20)
    assert len(SCANNET200_IDS) == len(set(SCANNET200_IDS)) == len(SCANNET200)
    assert list(SCANNET200_IDS) == sorted(SCANNET200_IDS)


def test_ids_of_single_classes() -> None:
    ids = dict(zip(SCANNET20, SCANNET20_IDS, strict=True))
    assert (ids["wall"], ids["desk"], ids["refrigerator"], ids["otherfurniture"]) == (1, 14, 24, 39)
    ids200 = dict(zip(SCANNET200, SCANNET200_IDS, strict=True))
    assert (ids200["wall"], ids200["chair"], ids200["floor"], ids200["mattress"]) == (1, 2, 3, 1191)


def test_the_label_table_gives_a_class_the_id_of_its_name() -> None:
    table = read_labels()
    known = [(name, number) for name, number in zip(SCANNET200, SCANNET200_IDS, strict=True) if name in table]
    assert len(known) > 180
    assert all(table[name].id == number for name, number in known)


def test_frequencies_divide_the_classes() -> None:
    parts = (SCANNET200_HEAD, SCANNET200_COMMON, SCANNET200_TAIL)
    assert [len(part) for part in parts] == [66, 68, 66]
    assert sorted(label for part in parts for label in part) == list(range(200))
    assert {SCANNET200[label] for label in SCANNET200_HEAD} >= {"wall", "chair", "floor", "toilet", "mirror"}
    assert "alarm clock" in {SCANNET200[label] for label in SCANNET200_TAIL}


def test_eleven_classes_are_not_in_validation() -> None:
    absent = {SCANNET200[label] for label in range(200) if label not in SCANNET200_VALIDATION}
    assert absent == {
        "bicycle", "storage container", "candle", "guitar case", "purse", "alarm clock", "music stand",
        "cd case", "structure", "storage organizer", "luggage",
    }  # fmt: skip
