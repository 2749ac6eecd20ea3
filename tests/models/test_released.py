"""FFNet3D is the function of the authors' released code: against results recorded of it.

How they were recorded stands in models/released/record.py; the comparison with the code itself, of all rows
and all gradients, in pointcept/test_released_live.py.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch
from models.released.cases import CASES, RUNS, module_scales, pick_rows, project
from models.released.ours import bring_weights, build_ours, evaluate_ours, released_template, train_ours
from models.released.record import REFERENCE, inputs_code
from models.released.weights import draw_weights
from torch import nn

EVALUATION = 1e-4  # of the largest magnitude; rounding makes 2e-6 of it
STEP = 1e-3  # of losses, and of the gradients of a module; see the tests
STEPS = [(name, voxels) for name, voxels in RUNS if CASES[name].records_training]


@cache
def reference() -> dict[str, np.ndarray]:
    with np.load(REFERENCE) as arrays:
        return dict(arrays)


def recorded(name: str, voxels: int) -> dict[str, np.ndarray]:
    """The arrays of a run."""
    start = f"{name}/{voxels}/"
    return {key.removeprefix(start): value for key, value in reference().items() if key.startswith(start)}


def network(name: str, voxels: int) -> nn.Module:
    """Our network with the drawn weights; they and the scenes are those that were recorded with."""
    case = CASES[name]
    weights = draw_weights(released_template(case))
    drawn = inputs_code(weights, case.batch(voxels))
    assert drawn == recorded(name, voxels)["inputs"], "numpy draws other weights or scenes: record again"
    model = build_ours(case)
    bring_weights(model, weights, case)
    return model


@pytest.mark.parametrize(("name", "voxels"), RUNS)
def test_evaluation(name: str, voxels: int) -> None:
    case, known = CASES[name], recorded(name, voxels)
    results = evaluate_ours(network(name, voxels), case, voxels).tensors()
    assert set(results) == ({"features"} if case.is_encoder else {"features", "logits"})
    for key, result in results.items():
        allowed = EVALUATION * known[f"{key}-scale"]
        rows = pick_rows(len(result), case.rows)
        np.testing.assert_allclose(result[rows].numpy(), known[key], rtol=0, atol=allowed)
        means = result.double().mean(dim=0).numpy()
        np.testing.assert_allclose(means, known[f"{key}-sums"] / len(result), rtol=0, atol=allowed)


@pytest.mark.parametrize(("name", "voxels"), STEPS)
def test_training_step(name: str, voxels: int) -> None:
    """Recorded in float64 and compared in it: where two children of a cell are equal up to the rounding of
    float32, its maximum takes the one here and the other there, and the gradient goes to another row.
    """
    check_step(name, voxels, torch.float64)


def test_training_step_in_float32() -> None:
    """Of 500 voxels: the maxima of this run lie ten times as far from the runners-up as rounding reaches."""
    check_step("small", 500, torch.float32)


def check_step(name: str, voxels: int, dtype: torch.dtype) -> None:
    known = recorded(name, voxels)
    training = train_ours(network(name, voxels), CASES[name], voxels, dtype)
    np.testing.assert_allclose(training.losses.numpy(), known["losses"], rtol=STEP)
    names = sorted(training.gradients)
    scales = module_scales(dict(zip(names, known["norms"], strict=True)))
    for row, key in enumerate(names):
        gradient, allowed = training.gradients[key], STEP * scales[key]
        assert float(gradient.double().norm()) == pytest.approx(known["norms"][row], abs=allowed, rel=0), key
        found = project(key, gradient)
        np.testing.assert_allclose(found, known["projections"][row], atol=allowed, rtol=0, err_msg=key)


@pytest.mark.parametrize(("name", "voxels"), STEPS)
def test_losses_in_float32(name: str, voxels: int) -> None:
    losses = train_ours(network(name, voxels), CASES[name], voxels, torch.float32).losses
    np.testing.assert_allclose(losses.numpy(), recorded(name, voxels)["losses"], rtol=STEP)
