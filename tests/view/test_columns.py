"""Which columns are shown as what, and their values."""

from __future__ import annotations

import numpy as np
import pytest

from ffnet3d.view.columns import LabelColumns, as_colors, as_labels, as_shares, find_labels


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (("x", "label", "confidence"), LabelColumns("label", "confidence")),
        (("label", "segment"), LabelColumns("label", None, "segment")),
        (("confidence", "segment20"), LabelColumns(None, None, "segment20")),
        (("Label", "predicted_label", "confidence"), LabelColumns("predicted_label", "confidence", "Label")),
        (
            ("confidence", "label", "predicted_confidence"),
            LabelColumns("label", "predicted_confidence"),
        ),
        (("segment20", "segment200"), LabelColumns(None, None, "segment20")),
        (("x", "y"), LabelColumns()),
    ],
)
def test_columns_by_name(names, found):
    assert find_labels(names) == found


def test_colours_of_labels_and_of_a_painted_scan():
    names = ("red", "green", "blue", "label_red", "label_green", "label_blue")
    assert find_labels(names).label_colors == names[3:]
    painted = ("label", "red", "green", "blue", "original_red", "original_green", "original_blue")
    assert find_labels(painted).input_colors == painted[4:]
    assert find_labels(painted).label_colors is None


def test_the_truth_of_as_many_classes_is_taken():
    assert find_labels(("segment20", "segment200"), num_classes=200).truth == "segment200"


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        (np.array([3, -1, -100], np.int64), [3, -1, -1]),
        (np.array([0, 254, 255], np.uint8), [0, 254, -1]),
        (np.array([7, 65535], np.uint16), [7, -1]),
        (np.array([2.0, np.nan, -1.0]), [2, -1, -1]),
        (np.array([True, False]), [1, 0]),
    ],
)
def test_labels_of_every_type(values, labels):
    result = as_labels(values, "a column")
    assert result.dtype == np.int32
    assert result.tolist() == labels


def test_what_is_no_label_is_refused():
    with pytest.raises(ValueError, match=r"room\.ply: labels must be integers, got 0\.5"):
        as_labels(np.array([1.0, 0.5]), "room.ply")
    with pytest.raises(ValueError, match="too large for a label"):
        as_labels(np.array([2**40]), "room.ply")
    with pytest.raises(ValueError, match="must be integers, got <U4"):
        as_labels(np.array(["wall"]), "room.ply")


@pytest.mark.parametrize(
    ("values", "colors"),
    [
        (np.array([[0, 0.5, 1]], np.float32), [0, 128, 255]),
        (np.array([[0, 65535, 257]], np.uint16), [0, 255, 1]),
        (np.array([[0, 200, 255]], np.uint16), [0, 200, 255]),
        (np.array([[1, 0, 1]], np.uint8), [1, 0, 1]),
        (np.array([[np.nan, 17.0, 255.0]]), [0, 17, 255]),
    ],
)
def test_colours_of_every_range(values, colors):
    result = as_colors(values)
    assert result.dtype == np.uint8
    assert result[0].tolist() == colors


def test_confidences_become_bytes():
    assert as_shares(np.array([0, 0.5, 1, np.nan, 1.2], np.float32)).tolist() == [0, 128, 255, 0, 255]
