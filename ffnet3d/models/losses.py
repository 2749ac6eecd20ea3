"""Cross entropy and Lovasz-Softmax on the labels of points, and their sum.

Both work in float32 or wider, and give 0 with a zero gradient where every label is ignored.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ffnet3d.models.registry import LOSSES


@LOSSES.register()
class CrossEntropyLoss(nn.Module):
    """Cross entropy with class weights, ignored label and label smoothing, as torch defines them.

    `reduction` is "mean" (over the weights of the labels that count) or "sum". ValueError for any other.
    """

    def __init__(
        self,
        weight: Sequence[float] | None = None,
        label_smoothing: float = 0.0,
        loss_weight: float = 1.0,
        ignore_index: int = -1,
        reduction: str = "mean",
    ) -> None:
        super().__init__()
        if reduction not in ("mean", "sum"):
            raise ValueError(f"CrossEntropyLoss: reduction must be 'mean' or 'sum', got {reduction!r}")
        # A tuple, not a buffer: checkpoints hold the network only.
        self.weight = None if weight is None else tuple(float(w) for w in weight)
        self.label_smoothing = label_smoothing
        self.loss_weight = loss_weight
        self.ignore_index = ignore_index
        self.reduction = reduction

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Logits [N, C] and labels [N] -> loss []."""
        logits = _at_least_float32(logits)
        weight = self._class_weights(logits)
        loss = F.cross_entropy(
            logits,
            labels,
            weight=weight,
            ignore_index=self.ignore_index,
            reduction="sum",
            label_smoothing=self.label_smoothing,
        )
        if self.reduction == "mean":
            counted = labels != self.ignore_index
            total = (weight[labels.where(counted, 0)] * counted).sum()
            loss = loss / total.clamp_min(torch.finfo(loss.dtype).tiny)
        return self.loss_weight * loss

    def _class_weights(self, logits: Tensor) -> Tensor:
        if self.weight is None:
            return logits.new_ones(logits.shape[1])
        if len(self.weight) != logits.shape[1]:
            raise ValueError(f"CrossEntropyLoss: {len(self.weight)} weights for {logits.shape[1]} classes")
        return logits.new_tensor(self.weight)


@LOSSES.register()
class LovaszLoss(nn.Module):
    """Lovasz-Softmax (arXiv 1705.08790): a convex surrogate of 1 - IoU, averaged over the classes present.

    All points of a batch make up one image. `class_seen` restricts the mean to these classes. ValueError for
    a mode other than "multiclass", and for `per_image` (a batch of points has no images to part).
    """

    def __init__(
        self,
        mode: str = "multiclass",
        class_seen: Sequence[int] | None = None,
        per_image: bool = False,
        ignore_index: int | None = None,
        loss_weight: float = 1.0,
    ) -> None:
        super().__init__()
        if mode != "multiclass":
            raise ValueError(f"LovaszLoss: mode must be 'multiclass', got {mode!r}")
        if per_image:
            raise ValueError("LovaszLoss: per_image=True has no meaning for points: set it to False")
        self.class_seen = None if class_seen is None else tuple(class_seen)
        self.ignore_index = ignore_index
        self.loss_weight = loss_weight

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Logits [N, C] and labels [N] -> loss []."""
        probabilities = _at_least_float32(logits).softmax(dim=1)
        if self.ignore_index is not None:
            counted = labels != self.ignore_index
            probabilities, labels = probabilities[counted], labels[counted]
        classes = labels.unique().tolist()
        if self.class_seen is not None:
            classes = [label for label in classes if label in self.class_seen]
        if not classes:
            return probabilities.sum() * 0
        # Errors are 1 - p where the label is right and p elsewhere.
        errors = probabilities.scatter(1, labels[:, None], 1 - probabilities.gather(1, labels[:, None]))
        slopes = torch.zeros_like(errors)
        for label in classes:
            order = errors[:, label].detach().argsort(descending=True)
            slopes[order, label] = jaccard_slopes((labels[order] == label).to(errors.dtype))
        return self.loss_weight * (errors * slopes).sum() / len(classes)


def jaccard_slopes(foreground: Tensor) -> Tensor:
    """Slopes [N] of the Lovasz extension of the Jaccard loss (paper: algorithm 1).

    foreground: [N], 1 where the label is the class in question, in the order of falling error.
    """
    seen = foreground.cumsum(dim=0)
    total = seen[-1]
    union = total + torch.arange(1, len(foreground) + 1, device=foreground.device) - seen
    jaccard = 1 - (total - seen) / union
    return torch.diff(jaccard, prepend=jaccard.new_zeros(1))


class Criteria(nn.Module):
    """The sum of several losses of logits [N, C] and labels [N]."""

    def __init__(self, losses: Iterable[nn.Module] = ()) -> None:
        super().__init__()
        self.losses = nn.ModuleList(losses)

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Loss []. Raises ValueError for labels that do not fit the logits, and where there are no losses."""
        if len(self.losses) == 0:
            raise ValueError("the model has no criteria: add criteria=[dict(type='CrossEntropyLoss'), ...]")
        if list(labels.shape) != [logits.shape[0]]:
            raise ValueError(
                f"segment must be [{logits.shape[0]}], one label a point, got {list(labels.shape)}"
            )
        labels = labels.long()
        for loss in self.losses:
            check_labels(labels, logits.shape[1], getattr(loss, "ignore_index", None))
        return torch.stack([loss(logits, labels) for loss in self.losses]).sum()


def check_labels(labels: Tensor, num_classes: int, ignore_index: int | None) -> None:
    """Raises ValueError where a label [N] is neither one of the classes nor ignored."""
    wrong = (labels < 0) | (labels >= num_classes)
    if ignore_index is not None:
        wrong &= labels != ignore_index
    if bool(wrong.any()):
        raise ValueError(
            f"segment has the label {int(labels[wrong][0])}, neither in 0..{num_classes - 1} nor ignored "
            f"(ignore_index={ignore_index}): map the labels, or set num_classes or ignore_index"
        )


def build_criteria(configs: Sequence[Mapping[str, Any]] | None) -> Criteria:
    """The sum of the losses that `type=` dicts describe; ValueError naming an unknown type or argument."""
    return Criteria(LOSSES.build(config) for config in configs or ())


def _at_least_float32(logits: Tensor) -> Tensor:
    return logits.to(torch.promote_types(logits.dtype, torch.float32))
