"""Scores of semantic segmentation, from a confusion matrix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Scores:
    """Scores between 0 and 1; the per-class ones in the order of the classes.

    A class is present if a true label has it. An absent class has `iou` and `acc` 0.
    """

    miou: float  # mean IoU over all classes: absent ones count 0, as in Pointcept
    miou_present: float  # mean IoU over the present classes
    macc: float  # mean accuracy (recall) over all classes: absent ones count 0, as in Pointcept
    allacc: float  # share of the points that are right
    iou: tuple[float, ...]  # intersection over union of each class
    acc: tuple[float, ...]  # share of the class's points that are right
    support: tuple[int, ...]  # number of the class's points

    @classmethod
    def of_counts(cls, intersection: Tensor, union: Tensor, target: Tensor) -> Scores:
        """The scores of points counted by class, integers [C]: right, predicted or true, true."""
        iou, acc = _ratio(intersection, union), _ratio(intersection, target)
        present = target > 0
        return cls(
            miou=float(iou.mean()),
            miou_present=float(iou[present].mean()) if present.any() else 0.0,
            macc=float(acc.mean()),
            allacc=float(_ratio(intersection.sum(), target.sum())),
            iou=tuple(iou.tolist()),
            acc=tuple(acc.tolist()),
            support=tuple(target.tolist()),
        )

    def as_dict(self) -> dict[str, Any]:
        """The scores by the names that files and reports use, ready for JSON."""
        return {
            "mIoU": self.miou,
            "mIoU_present": self.miou_present,
            "mAcc": self.macc,
            "allAcc": self.allacc,
            "iou": list(self.iou),
            "acc": list(self.acc),
            "support": list(self.support),
        }


def describe_presence(support: Sequence[int]) -> str:
    """How many classes have true labels (`Scores.support`), and how far the mean over all can then reach."""
    total, present = len(support), sum(count > 0 for count in support)
    if present == total:
        return f"all {total} classes present"
    reach = 100 * present / total
    return f"{present} of {total} classes present: mIoU over all {total} can reach {reach:.1f} %"


class ConfusionMatrix:
    """Counts of (true label, predicted label) pairs.

    `matrix` [C, C] int64, on the CPU: rows are the truth, columns the prediction. Sums of matrices are
    the matrix of all their points, so processes may add theirs up (`all_reduce`) before `scores`.
    """

    def __init__(self, num_classes: int, ignore_index: int = -1) -> None:
        if num_classes < 1:
            raise ValueError(f"num_classes must be 1 or more, not {num_classes}")
        self.num_classes = num_classes
        self.ignore_index = ignore_index
        self.matrix = torch.zeros(num_classes, num_classes, dtype=torch.int64)

    def update(self, prediction: Tensor, target: Tensor) -> None:
        """Count points: `prediction` and `target` [N], integers; those whose target is ignored count nowhere.

        Raises ValueError for different shapes, and for a label that is not a class.
        """
        if prediction.shape != target.shape or target.dim() != 1:
            raise ValueError(
                f"prediction {tuple(prediction.shape)} and target {tuple(target.shape)} must both be [N]"
            )
        counted = target != self.ignore_index
        prediction, target = prediction[counted].long(), target[counted].long()
        self._check_labels("prediction", prediction)
        self._check_labels("target", target)
        cells = torch.bincount(target * self.num_classes + prediction, minlength=self.num_classes**2)
        self.matrix += cells.reshape(self.num_classes, self.num_classes).cpu()

    def add(self, other: ConfusionMatrix) -> None:
        """Add the counts of another matrix of the same classes."""
        if other.num_classes != self.num_classes:
            raise ValueError(f"matrices of {self.num_classes} and {other.num_classes} classes do not add up")
        self.matrix += other.matrix

    def scores(self) -> Scores:
        """The scores of all points counted so far; 0 where there are none."""
        hits, support = self.matrix.diagonal(), self.matrix.sum(1)
        return Scores.of_counts(hits, support + self.matrix.sum(0) - hits, support)

    def _check_labels(self, name: str, labels: Tensor) -> None:
        bad = (labels < 0) | (labels >= self.num_classes)
        if bad.any():
            raise ValueError(
                f"{name} has the label {int(labels[bad][0])}: the classes are 0 to {self.num_classes - 1}, "
                f"ignore_index is {self.ignore_index}"
            )


def _ratio(part: Tensor, whole: Tensor) -> Tensor:
    """part / whole in float64, and 0 where whole is 0."""
    return part.double() / whole.clamp(min=1)
