"""FFNet3D beside the authors' released code: every row, every gradient, and weights that go there and back.

    export FFNET_ROOT=/path/to/FFNet/3d_sem_segmentation     # in an environment that can import it
    PYTHONPATH=$FFNET_ROOT python -m pytest tests/pointcept/test_released_live.py

Prints the largest deviations. On a CPU, spconv must be mended first (models/released/record.py says of what),
by a module that pytest imports with `-p MODULE`. No other checkout of Pointcept fits into the same process.
"""

from __future__ import annotations

import importlib
import os
from pathlib import Path

import pytest
import torch
from models.released.cases import CASES, RUNS, Case, module_scales
from models.released.ours import bring_weights, build_ours, evaluate_ours, train_ours
from models.released.record import build_released, evaluate_released, train_released
from torch import Tensor, nn

from ffnet3d.engine.checkpoint import save_checkpoint
from ffnet3d.engine.released import export_release

EVALUATION = 1e-4  # of the largest magnitude
STEP = 1e-3  # of losses, and of the norm of a module's gradients
STEPS = [(name, voxels) for name, voxels in RUNS if not CASES[name].is_encoder]


@pytest.fixture(autouse=True)
def _release() -> None:
    if "FFNET_ROOT" not in os.environ:
        pytest.skip(
            "set FFNET_ROOT to 3d_sem_segmentation of the authors' repository, and put it on PYTHONPATH"
        )
    try:
        importlib.import_module("pointcept.models.ffnet")
    except ImportError as error:
        pytest.skip(f"the released code cannot be imported: {error}")


def both(name: str) -> tuple[nn.Module, nn.Module]:
    """The released network of a case and ours, with the same weights."""
    theirs, ours = build_released(CASES[name]), build_ours(CASES[name])
    bring_weights(ours, {key: value.clone() for key, value in theirs.state_dict().items()}, CASES[name])
    return theirs, ours


def deviation(actual: Tensor, expected: Tensor) -> float:
    """Largest difference over the largest magnitude."""
    assert actual.shape == expected.shape
    return float((actual - expected).abs().max() / expected.abs().max())


@pytest.mark.parametrize(("name", "voxels"), RUNS)
def test_evaluation(name: str, voxels: int, capsys: pytest.CaptureFixture[str]) -> None:
    theirs, ours = both(name)
    expected = evaluate_released(theirs, CASES[name], voxels).tensors()
    actual = evaluate_ours(ours, CASES[name], voxels).tensors()
    found = {key: deviation(actual[key], value) for key, value in expected.items()}
    show(capsys, f"{name}, 2 x {voxels}, evaluation", found)
    assert max(found.values()) <= EVALUATION


@pytest.mark.parametrize(("name", "voxels"), STEPS)
def test_training_step(name: str, voxels: int, capsys: pytest.CaptureFixture[str]) -> None:
    """In float64: where children of a cell are equal up to the rounding of float32, each code takes another
    one for its maximum, and the gradient goes to another row (20,000 voxels of the released network).
    """
    found = step_deviations(name, voxels, torch.float64)
    show(capsys, f"{name}, 2 x {voxels}, training in float64", found)
    assert max(found.values()) <= STEP


@pytest.mark.parametrize(("name", "voxels"), STEPS)
def test_training_step_in_float32(name: str, voxels: int, capsys: pytest.CaptureFixture[str]) -> None:
    found = step_deviations(name, voxels, torch.float32)
    show(capsys, f"{name}, 2 x {voxels}, training in float32", found)
    assert found["losses"] <= STEP
    if voxels == min(CASES[name].sizes) == 500:  # where no two children are that close
        assert found["gradients"] <= STEP


def step_deviations(name: str, voxels: int, dtype: torch.dtype) -> dict[str, float]:
    """Of the losses relative to each, of gradients relative to the largest norm in their module."""
    theirs, ours = both(name)
    expected = train_released(theirs, CASES[name], voxels, dtype)
    actual = train_ours(ours, CASES[name], voxels, dtype)
    assert actual.gradients.keys() == expected.gradients.keys()
    scales = module_scales({key: float(value.norm()) for key, value in expected.gradients.items()})
    errors = {
        key: float((actual.gradients[key] - value).norm()) / scales[key]
        for key, value in expected.gradients.items()
    }
    losses = ((actual.losses - expected.losses) / expected.losses).abs().max()
    return {"losses": float(losses), "gradients": max(errors.values())}


def show(capsys: pytest.CaptureFixture[str], run: str, found: dict[str, float]) -> None:
    with capsys.disabled():
        print(f"\n{run}:", ", ".join(f"{key} {value:.1e}" for key, value in found.items()), end=" ")  # noqa: T201


@pytest.mark.parametrize("name", ["released", "small", "kernels-1-3", "pdnorm-bn-adaptive"])
def test_exported_weights_load_strictly_there(name: str, tmp_path: Path) -> None:
    theirs, ours = both(name)
    before = {key: value.clone() for key, value in theirs.state_dict().items()}
    save_checkpoint(tmp_path / "ours.pth", {"epoch": 7, "state_dict": ours.state_dict()})
    export_release(tmp_path / "ours.pth", tmp_path / "released.pth")
    exported = torch.load(tmp_path / "released.pth", weights_only=True)
    for value in theirs.state_dict().values():
        value.zero_()
    theirs.load_state_dict(exported["state_dict"], strict=True)
    assert exported["epoch"] == 7
    assert all(torch.equal(value, before[key]) for key, value in theirs.state_dict().items())


@pytest.mark.parametrize("mend", [False, True])
def test_norm2_by_data_set_has_no_effect_there(mend: bool) -> None:
    """Why `pdnorm_ln` is not exchanged, and mended where it is compared."""
    case = CASES["pdnorm-both"]
    theirs = build_released(case, mend)
    before = evaluate_released(theirs, case, 500).features
    for key, value in theirs.state_dict().items():
        if ".norm2." in key:
            value.mul_(2)
    changed = deviation(evaluate_released(theirs, case, 500).features, before)
    assert changed > 0.1 if mend else changed < 1e-5


def test_shared_norms_by_data_set_cannot_run_there() -> None:
    """Why `pdnorm_decouple=False` is not exchanged."""
    case = Case({**CASES["pdnorm-bn"].backbone, "pdnorm_decouple": False})
    model = build_released(case)
    with pytest.raises(TypeError, match="must be tuple of ints, not Tensor"):
        evaluate_released(model, case, 500)
