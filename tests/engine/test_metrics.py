"""Scores against counts by hand, point by point, by scikit-learn, and by Pointcept's definition."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

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


@dataclass(frozen=True)
class Labels:
    """Predicted and true labels [N] int64, cut into scenes at some rows."""

    prediction: np.ndarray
    target: np.ndarray
    num_classes: int
    ignore_index: int
    cuts: tuple[int, ...]

    def confusion(self) -> ConfusionMatrix:
        """Scene by scene, each counted for itself as by a process of its own, and summed."""
        total = ConfusionMatrix(self.num_classes, self.ignore_index)
        for rows in np.split(np.arange(len(self.target)), self.cuts):
            scene = ConfusionMatrix(self.num_classes, self.ignore_index)
            scene.update(torch.from_numpy(self.prediction[rows]), torch.from_numpy(self.target[rows]))
            total.add(scene)
        return total

    def counted(self) -> tuple[np.ndarray, np.ndarray]:
        """Prediction and target where the target counts."""
        keep = self.target != self.ignore_index
        return self.prediction[keep], self.target[keep]


def few_labels(classes: int, ignore: int, draws: bytes) -> Labels:
    """A few points, two bytes each, so that a failure shrinks to the fewest."""
    rows = np.frombuffer(draws[: len(draws) // 2 * 2], dtype=np.uint8).reshape(-1, 2).astype(np.int64)
    target = np.where(rows[:, 1] % (classes + 1) == classes, ignore, rows[:, 1] % (classes + 1))
    return Labels(rows[:, 0] % classes, target, classes, ignore, (len(rows) // 2,))


def seeded_labels(seed: int) -> Labels:
    """Up to 300 points of up to 200 classes, of which any but one may be absent; some or all ignored."""
    rng = np.random.default_rng(seed)
    classes, points = rng.choice([1, 2, 13, 20, 200]), rng.integers(0, 300)
    ignore = rng.choice([-1, 255, classes - 1])
    held = [rng.permutation(classes)[: rng.integers(1, classes + 1)] for _ in range(2)]
    prediction, target = (part[rng.integers(0, len(part), points)] for part in held)
    target = np.where(rng.random(points) < rng.choice([0, 0, 0.3, 0.3, 1]), ignore, target)
    cuts = tuple(np.sort(rng.integers(0, points + 1, 2)).tolist())
    return Labels(prediction, target, int(classes), int(ignore), cuts)


SEEDED = st.builds(seeded_labels, st.integers(0, 2**32 - 1))
FEW = st.builds(few_labels, st.integers(1, 5), st.sampled_from([-1, 255, 0]), st.binary(max_size=16))


def intersection_union_target(labels: Labels) -> np.ndarray:
    """Pointcept's counts [3, C] of each class: right, predicted or true, true, of the points that count."""
    prediction, target = labels.counted()
    right = np.bincount(target[prediction == target], minlength=labels.num_classes)
    predicted = np.bincount(prediction, minlength=labels.num_classes)
    true = np.bincount(target, minlength=labels.num_classes)
    return np.stack([right, predicted + true - right, true])


def close(found: object, expected: object) -> bool:
    """Whether numbers differ by less than Pointcept's 1e-10 in the divisors explains."""
    return bool(np.all(np.abs(np.subtract(found, expected)) < 1e-9))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:A single label was found")
@settings(max_examples=10_000, database=None)
@given(labels=SEEDED | FEW)
def test_counts_are_those_of_scikit_learn_and_scores_those_of_pointcept(labels: Labels) -> None:
    prediction, target = labels.counted()
    confusion, shape = labels.confusion(), (labels.num_classes, labels.num_classes)
    expected = np.zeros(shape)
    if len(target):  # scikit-learn has no matrix without points
        expected = sklearn_metrics().confusion_matrix(target, prediction, labels=range(labels.num_classes))
    assert np.array_equal(confusion.matrix.numpy(), expected)
    scores, (right, union, true) = confusion.scores(), intersection_union_target(labels)
    iou, acc = right / (union + 1e-10), right / (true + 1e-10)  # as Pointcept divides
    assert close(scores.iou, iou)
    assert close(scores.acc, acc)
    means = [iou.mean(), acc.mean(), right.sum() / (true.sum() + 1e-10)]
    assert close([scores.miou, scores.macc, scores.allacc], means)
    assert scores.support == tuple(true)
    present = true > 0
    assert close(scores.miou_present, iou[present].mean() if present.any() else 0)


@settings(max_examples=200)
@given(labels=SEEDED)
def test_scores_are_those_of_scikit_learn(labels: Labels) -> None:
    prediction, target = labels.counted()
    if not len(target):
        return
    scores, names = labels.confusion().scores(), np.arange(labels.num_classes)
    options = {"labels": names, "average": None, "zero_division": 0.0}
    assert close(scores.iou, sklearn_metrics().jaccard_score(target, prediction, **options))
    assert close(scores.acc, sklearn_metrics().recall_score(target, prediction, **options))
    assert close(scores.allacc, sklearn_metrics().accuracy_score(target, prediction))


def sklearn_metrics() -> Any:
    return pytest.importorskip("sklearn.metrics", reason="pip install scikit-learn")
