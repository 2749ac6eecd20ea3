"""Scores against counts worked out by hand and point by point."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from ffnet3d.engine.metrics import ConfusionMatrix, describe_presence


def counted(prediction: list[int], target: list[int], num_classes: int = 3) -> ConfusionMatrix:
    confusion = ConfusionMatrix(num_classes)
    confusion.update(torch.tensor(prediction), torch.tensor(target))
    return confusion


def test_rows_are_the_truth_and_ignored_points_count_nowhere() -> None:
    confusion = counted([0, 1, 1, 2], [0, 0, 1, -1])
    assert confusion.matrix.tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 0]]


def test_scores_by_hand() -> None:
    scores = counted([0, 1, 1, 2], [0, 0, 1, -1]).scores()
    assert scores.iou == (0.5, 0.5, 0.0)
    assert scores.acc == (0.5, 1.0, 0.0)
    assert scores.support == (2, 1, 0)
    assert scores.miou == pytest.approx(1 / 3)
    assert scores.miou_present == pytest.approx(0.5)
    assert scores.macc == pytest.approx(0.5)
    assert scores.allacc == pytest.approx(2 / 3)


def test_a_predicted_absent_class_lowers_the_mean_over_all_classes_only() -> None:
    scores = counted([2, 0, 1], [0, 0, 1]).scores()
    assert scores.iou == (0.5, 1.0, 0.0)
    assert scores.miou_present == pytest.approx(0.75)


def test_scores_match_counting_point_by_point() -> None:
    rng = np.random.default_rng(0)
    prediction, target = rng.integers(0, 5, 1000), rng.integers(-1, 5, 1000)
    confusion = ConfusionMatrix(5)
    for part in np.array_split(np.arange(1000), 3):
        confusion.update(torch.from_numpy(prediction[part]), torch.from_numpy(target[part]))
    keep = target != -1
    prediction, target = prediction[keep], target[keep]
    expected = [
        ((prediction == c) & (target == c)).sum() / ((prediction == c) | (target == c)).sum()
        for c in range(5)
    ]
    assert confusion.scores().iou == pytest.approx(expected)
    assert confusion.scores().allacc == pytest.approx((prediction == target).mean())


def test_without_points_all_scores_are_zero() -> None:
    scores = ConfusionMatrix(4).scores()
    assert (scores.miou, scores.miou_present, scores.macc, scores.allacc) == (0, 0, 0, 0)


def test_matrices_add_up() -> None:
    total = counted([0, 1], [0, 1])
    total.add(counted([1, 2], [0, 2]))
    assert total.matrix.tolist() == counted([0, 1, 1, 2], [0, 1, 0, 2]).matrix.tolist()
    with pytest.raises(ValueError, match="3 and 4 classes"):
        total.add(ConfusionMatrix(4))


def test_the_dict_of_scores_is_json() -> None:
    named = json.loads(json.dumps(counted([0], [0]).scores().as_dict()))
    assert set(named) == {"mIoU", "mIoU_present", "mAcc", "allAcc", "iou", "acc", "support"}
    assert named["support"] == [1, 0, 0]


@pytest.mark.parametrize(
    ("prediction", "target", "text"),
    [
        ([0, 3], [0, 1], "prediction has the label 3"),
        ([0, 1], [0, 255], "target has the label 255: the classes are 0 to 2, ignore_index is -1"),
        ([0], [0, 1], r"\(1,\) and target \(2,\)"),
    ],
)
def test_labels_outside_the_classes_and_unequal_lengths_are_refused(
    prediction: list[int], target: list[int], text: str
) -> None:
    with pytest.raises(ValueError, match=text):
        counted(prediction, target)


def test_absent_classes_limit_the_mean_over_all() -> None:
    assert describe_presence(counted([0, 1], [0, 0]).scores().support) == (
        "1 of 3 classes present: mIoU over all 3 can reach 33.3 %"
    )
    assert describe_presence([9] * 189 + [0] * 11).startswith("189 of 200 classes present")
    assert describe_presence([9] * 189 + [0] * 11).endswith("can reach 94.5 %")
    assert describe_presence([1, 2, 3]) == "all 3 classes present"


def test_no_class_is_refused() -> None:
    with pytest.raises(ValueError, match="num_classes must be 1 or more, not 0"):
        ConfusionMatrix(0)
