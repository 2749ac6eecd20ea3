"""Labels from segments and groups, against the plain form: group by group, over all vertices."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ffnet3d.data.prepare.scannet_annotation import Group, label_vertices, nyu40_labels
from ffnet3d.data.prepare.scannet_labels import Category
from ffnet3d.data.scannet_ids import SCANNET20_IDS, SCANNET200_IDS

TABLE = {"wall": Category(1, 1), "sofa": Category(6, 6), "apple": Category(1250, 40), "bin": Category(66, 39)}

numbers = st.integers(-3, 12)
groups = st.builds(
    Group,
    id=st.integers(0, 300),
    raw_category=st.sampled_from([*TABLE, "wormhole"]),
    segments=st.lists(numbers, max_size=6).map(lambda values: np.array(values, dtype=np.int64)),
)


def plain(segments: np.ndarray, annotation: list[Group]) -> dict[str, np.ndarray]:
    names = ("segment20", "segment200", "instance")
    labels = {name: np.full(len(segments), -1) for name in names}
    for group in annotation:
        at = np.isin(segments, group.segments)
        category = TABLE.get(group.raw_category, Category(0, 0))
        labels["segment20"][at] = (
            SCANNET20_IDS.index(category.nyu40id) if category.nyu40id in SCANNET20_IDS else -1
        )
        labels["segment200"][at] = SCANNET200_IDS.index(category.id) if category.id in SCANNET200_IDS else -1
        labels["instance"][at] = group.id
    return labels


@settings(deadline=None)
@given(
    segments=st.lists(numbers, min_size=1, max_size=30).map(np.array), annotation=st.lists(groups, max_size=5)
)
def test_labels_are_those_of_the_plain_form(segments: np.ndarray, annotation: list[Group]) -> None:
    labels = label_vertices(segments, annotation, TABLE)
    for name, expected in plain(segments, annotation).items():
        assert labels.arrays[name].dtype == np.int64
        np.testing.assert_array_equal(labels.arrays[name], expected, err_msg=name)
    absent = sum(bool(set(group.segments.tolist()) - set(segments.tolist())) for group in annotation)
    unknown = sum(group.raw_category not in TABLE for group in annotation)
    known = [set(group.segments.tolist()) & set(segments.tolist()) for group in annotation]
    shared = sum(sum(one in some for some in known) > 1 for one in set(segments.tolist()))
    assert len(labels.defects) == absent + unknown + bool(shared)
    if shared:
        assert labels.defects[-1].startswith(f"{shared} segments belong to several groups")


@given(ids=st.lists(st.integers(-5, 70), min_size=1).map(np.array))
def test_nyu40_labels(ids: np.ndarray) -> None:
    labels = nyu40_labels(ids)
    expected = [SCANNET20_IDS.index(number) if number in SCANNET20_IDS else -1 for number in ids.tolist()]
    assert labels.arrays["segment20"].tolist() == expected
    assert len(labels.defects) == ((ids < 0) | (ids > 40)).any()
