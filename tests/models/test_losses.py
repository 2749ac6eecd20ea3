"""Losses against their definitions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from ffnet3d.models import CrossEntropyLoss, LovaszLoss, build_criteria

WEIGHTS = [0.5, 2.0, 1.0, 0.0, 1.5]


def logits_and_labels(count: int = 200, classes: int = 5) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(count, classes, generator=generator, dtype=torch.float64, requires_grad=True)
    return logits, torch.randint(-1, classes - 1, (count,), generator=generator)


@pytest.mark.parametrize("weight", [None, WEIGHTS])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_cross_entropy_equals_torch(weight: list[float] | None, smoothing: float, reduction: str) -> None:
    logits, labels = logits_and_labels()
    loss = CrossEntropyLoss(weight, smoothing, loss_weight=2.0, ignore_index=-1, reduction=reduction)
    weights = None if weight is None else torch.tensor(weight, dtype=torch.float64)
    expected = 2 * F.cross_entropy(
        logits, labels, weights, ignore_index=-1, label_smoothing=smoothing, reduction=reduction
    )
    actual = loss(logits, labels)
    torch.testing.assert_close(actual, expected)
    torch.testing.assert_close(*(torch.autograd.grad(value, logits)[0] for value in (actual, expected)))


def jaccard_loss(wrong: set[int], truth: set[int]) -> float:
    """1 - IoU of a prediction that errs on the points `wrong` of a class whose points are `truth`."""
    return len(wrong) / len(truth | wrong)


def lovasz_reference(logits: np.ndarray, labels: np.ndarray, ignore: int, seen: list[int] | None) -> float:
    """The Lovasz extension: errors in falling order times the increments of the set loss."""
    logits, labels = logits[labels != ignore], labels[labels != ignore]
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    losses = []
    for label in np.unique(labels):
        if seen is not None and label not in seen:
            continue
        truth = set(np.flatnonzero(labels == label).tolist())
        errors = np.where(labels == label, 1 - probabilities[:, label], probabilities[:, label])
        total, wrong = 0.0, set()
        for point in np.argsort(-errors).tolist():
            increment = jaccard_loss(wrong | {point}, truth) - jaccard_loss(wrong, truth)
            total += errors[point] * increment
            wrong = wrong | {point}
        losses.append(total)
    return float(np.mean(losses))


@pytest.mark.parametrize("seen", [None, [0, 2]])
def test_lovasz_equals_its_definition(seen: list[int] | None) -> None:
    logits, labels = logits_and_labels()
    loss = LovaszLoss(class_seen=seen, ignore_index=-1, loss_weight=3.0)(logits, labels)
    expected = lovasz_reference(logits.detach().numpy(), labels.numpy(), -1, seen)
    assert loss.item() == pytest.approx(3 * expected, rel=1e-10)


def test_lovasz_gradient() -> None:
    logits, labels = logits_and_labels(12)
    assert torch.autograd.gradcheck(LovaszLoss(ignore_index=-1), (logits, labels))


def test_lovasz_of_a_perfect_prediction_is_zero() -> None:
    labels = torch.tensor([0, 1, 2, 2])
    assert LovaszLoss()(F.one_hot(labels, 4).float() * 100, labels).item() == pytest.approx(0, abs=1e-6)


def test_lovasz_of_a_single_point() -> None:
    logits = torch.tensor([[0.0, 0.0]])
    assert LovaszLoss()(logits, torch.tensor([1])).item() == pytest.approx(0.5)


CRITERIA = [
    {"type": "CrossEntropyLoss", "weight": WEIGHTS, "label_smoothing": 0.1, "ignore_index": 255},
    {"type": "LovaszLoss", "mode": "multiclass", "ignore_index": 255},
]


@pytest.mark.parametrize("fill", [255, 3], ids=["all ignored", "all of weight zero"])
def test_labels_that_do_not_count_give_zero(fill: int) -> None:
    logits = torch.randn(6, 5, requires_grad=True)
    criteria = build_criteria(CRITERIA if fill == 255 else [{**CRITERIA[0], "label_smoothing": 0.0}])
    loss = criteria(logits, torch.full((6,), fill))
    loss.backward()
    assert loss.item() == 0
    assert logits.grad is not None
    assert not logits.grad.any()


def test_criteria_add_up_in_float32() -> None:
    logits, labels = logits_and_labels()
    low = logits.detach().bfloat16()
    criteria = build_criteria([{"type": "CrossEntropyLoss"}, {"type": "LovaszLoss", "ignore_index": -1}])
    with torch.autocast("cpu", torch.bfloat16):
        loss = criteria(low, labels)
    assert loss.dtype == torch.float32
    single = low.float()
    expected = CrossEntropyLoss()(single, labels) + LovaszLoss(ignore_index=-1)(single, labels)
    torch.testing.assert_close(loss, expected)


def test_class_weights_are_not_in_the_checkpoint() -> None:
    assert not build_criteria(CRITERIA).state_dict()


BAD_CONFIGS = [
    ({"type": "FocalLoss"}, "unknown loss type 'FocalLoss'"),
    ({"type": "CrossEntropyLoss", "smoothing": 0.1}, "CrossEntropyLoss has no argument 'smoothing'"),
    ({"type": "CrossEntropyLoss", "reduction": "none"}, "reduction must be 'mean' or 'sum', got 'none'"),
    ({"type": "LovaszLoss", "mode": "binary"}, "mode must be 'multiclass', got 'binary'"),
    ({"type": "LovaszLoss", "per_image": True}, "per_image=True has no meaning"),
]


@pytest.mark.parametrize(("config", "message"), BAD_CONFIGS)
def test_bad_config_is_named(config: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build_criteria([config])


def test_bad_labels_are_named() -> None:
    criteria = build_criteria([{"type": "CrossEntropyLoss"}, {"type": "LovaszLoss", "ignore_index": -1}])
    logits = torch.zeros(4, 5)
    with pytest.raises(ValueError, match=r"segment has the label 5, neither in 0\.\.4 nor ignored"):
        criteria(logits, torch.tensor([0, 5, 1, -1]))
    with pytest.raises(ValueError, match=r"segment must be \[4\], one label a point, got \[4, 1\]"):
        criteria(logits, torch.zeros(4, 1).long())
    with pytest.raises(ValueError, match="2 weights for 5 classes"):
        build_criteria([{"type": "CrossEntropyLoss", "weight": [1, 1]}])(logits, torch.zeros(4).long())
    with pytest.raises(ValueError, match="no criteria"):
        build_criteria([])(logits, torch.zeros(4).long())
