"""The triton kernels of the dense convolution against the float64 reference, interpreted where no GPU is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from ops.clouds import surface, table
from ops.comparison import check, device_of, make_inputs, run
from tolerances import TOLERANCES, assert_close
from torch import Tensor

from ffnet3d.ops import subm_conv3d
from ffnet3d.ops.reference import subm_conv3d_reference
from ffnet3d.voxels import build_neighbors

MISSING = "pip install triton to test the triton backend"
configs = pytest.importorskip("ffnet3d.ops.triton_backend.configs", reason=MISSING)
convolution = pytest.importorskip("ffnet3d.ops.triton_backend.convolution", reason=MISSING)
launch = pytest.importorskip("ffnet3d.ops.triton_backend.launch", reason=MISSING)
tables = pytest.importorskip("ffnet3d.ops.triton_backend.tables", reason=MISSING)
weight_gradient = pytest.importorskip("ffnet3d.ops.triton_backend.weight_gradient", reason=MISSING)

DTYPES = [torch.float32, torch.bfloat16, torch.float16]
DEVICE = device_of("triton")
Use = Callable[[str], None]


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Use:
    """Makes every convolution take a form, with tiles so small that a small cloud has many."""

    def take(form: str) -> None:
        def small(problem: Any, _: Any) -> Any:
            found = configs.candidates(replace(problem, bits=11))
            return replace(next(config for config in found if config.form in (form, "tiled")), rows=16)

        for module in (convolution, weight_gradient):
            monkeypatch.setattr(module, "choose", small)

    return take


@pytest.mark.parametrize("form", ["masked", "grouped"])
@pytest.mark.parametrize(
    ("kernel_size", "cin", "cout", "dtypes"),
    # Channels that fill no tile, that fill one; the stem; several tiles each way; a pointwise convolution.
    [
        *[(3, 6, 20, DTYPES), (3, 32, 16, DTYPES)],
        *[(5, 3, 8, DTYPES[:1]), (3, 72, 80, DTYPES[:2]), (1, 16, 16, DTYPES[2:])],
    ],
)
def test_matches_the_reference(
    kernel_size: int, cin: int, cout: int, dtypes: list[torch.dtype], form: str, use: Use
) -> None:
    use(form)
    neighbors = table(surface(24), kernel_size)
    for dtype in dtypes:
        check(make_inputs(24, kernel_size**3, cin, cout, dtype), neighbors, "triton")


@pytest.mark.parametrize("with_bias", [True, False])
@pytest.mark.parametrize("activation", ["none", "relu", "gelu"])
@pytest.mark.parametrize("form", ["masked", "grouped"])
def test_bias_and_activation_in_the_last_pass(form: str, activation: str, with_bias: bool, use: Use) -> None:
    use(form)
    features, weight, bias, _ = (tensor.to(DEVICE) for tensor in make_inputs(30, 27, 8, 12, torch.float32))
    neighbors = table(surface(30), 3).to(DEVICE)
    with torch.no_grad():
        out = subm_conv3d(features, weight, bias if with_bias else None, neighbors, "triton", activation)
    exact = (features.double(), weight.double(), bias.double() if with_bias else None)
    expected = subm_conv3d_reference(*exact, neighbors, activation)
    assert_close(out, expected, TOLERANCES[torch.float32].forward)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_the_activation_sees_sums_that_are_not_yet_rounded(dtype: torch.dtype) -> None:
    features, weight, bias, _ = (tensor.to(DEVICE) for tensor in make_inputs(30, 27, 8, 12, dtype))
    neighbors = table(surface(30), 3).to(DEVICE)
    with torch.no_grad():
        out = subm_conv3d(features, weight, bias, neighbors, "triton", "gelu")
    expected = subm_conv3d_reference(features.double(), weight.double(), bias.double(), neighbors, "gelu")
    assert_close(out, expected, torch.finfo(dtype).eps)


@pytest.mark.parametrize("form", ["masked", "grouped"])
def test_permuted_voxels_give_permuted_rows(form: str, use: Use) -> None:
    use(form)
    grid = surface(24)
    features, weight, bias, cotangent = make_inputs(len(grid), 27, 6, 16, torch.float32)
    order = torch.randperm(len(grid), generator=torch.Generator().manual_seed(1))
    out, dx, dw, db = run("triton", [features, weight, bias, cotangent], table(grid, 3))
    permuted = run("triton", [features[order], weight, bias, cotangent[order]], table(grid[order], 3))
    limit = TOLERANCES[torch.float32].gradient
    for actual, expected in zip(permuted, (out[order], dx[order], dw, db), strict=True):
        assert_close(actual, expected, limit)


@pytest.mark.parametrize("form", ["masked", "grouped"])
def test_far_corner_of_the_grid_and_two_scenes(form: str, use: Use) -> None:
    use(form)
    grid = surface(25)
    grid = torch.cat([grid, grid + (65535 - grid.amax(0))])
    neighbors = build_neighbors(grid, torch.arange(2).repeat_interleave(25), 3)
    check(make_inputs(50, 27, 6, 8, torch.float32), neighbors, "triton")


@pytest.mark.parametrize("form", ["masked", "grouped"])
@pytest.mark.parametrize("count", [0, 1, 2])
def test_empty_and_tiny_clouds(count: int, form: str, use: Use) -> None:
    use(form)
    grid = torch.tensor([[5, 5, 5], [5, 6, 5]])[:count]
    check(make_inputs(count, 27, 6, 8, torch.float32), table(grid, 3), "triton")


def test_weight_gradient_in_many_shares(use: Use, monkeypatch: pytest.MonkeyPatch) -> None:
    use("masked")
    monkeypatch.setattr(launch, "_processors", lambda _: 1000)
    splits: list[int] = []
    original = weight_gradient.split_count
    monkeypatch.setattr(
        weight_gradient, "split_count", lambda *args: splits.append(original(*args)) or splits[-1]
    )
    check(make_inputs(128, 27, 6, 8, torch.float32), table(surface(128), 3), "triton")
    assert splits == [2]  # of at least four tiles of 16 pairs


def test_strided_inputs_and_int64_table() -> None:
    features, weight, bias, cotangent = make_inputs(30, 27, 40, 8, torch.float32)
    neighbors = table(surface(30), 3)
    plain = run("triton", [features, weight, bias, cotangent], neighbors)
    leaves = [
        features.to(DEVICE).t().contiguous().t().requires_grad_(),
        weight.to(DEVICE).transpose(1, 2).contiguous().transpose(1, 2).requires_grad_(),
        bias.to(DEVICE).repeat_interleave(2)[::2].requires_grad_(),
    ]
    out = subm_conv3d(*leaves, neighbors.long().to(DEVICE), "triton")
    gradients = torch.autograd.grad(out, leaves, cotangent.t().contiguous().t().to(DEVICE))
    for actual, expected in zip((out, *gradients), plain, strict=True):
        assert_close(actual.cpu(), expected, TOLERANCES[torch.float32].gradient)


@pytest.mark.parametrize("needed", [0, 1, 2])
def test_only_the_gradients_asked_for(needed: int) -> None:
    inputs = make_inputs(20, 27, 6, 4, torch.float32)
    neighbors = table(surface(20), 3)
    every = run("triton", inputs, neighbors)[1:]
    leaves = [tensor.to(DEVICE).requires_grad_(i == needed) for i, tensor in enumerate(inputs[:3])]
    subm_conv3d(*leaves, neighbors.to(DEVICE), "triton").backward(inputs[3].to(DEVICE))
    assert [leaf.grad is not None for leaf in leaves] == [i == needed for i in range(3)]
    assert torch.equal(leaves[needed].grad.cpu(), every[needed])


@pytest.mark.parametrize("form", ["masked", "grouped"])
def test_the_same_bits_on_every_run(form: str, use: Use) -> None:
    use(form)
    inputs, neighbors = make_inputs(30, 27, 6, 8, torch.float32), table(surface(30), 3)
    for first, second in zip(*(run("triton", inputs, neighbors) for _ in range(2)), strict=True):
        assert torch.equal(first, second)


def test_tables_are_derived_once_for_forward_and_backward(use: Use, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    for derived in (tables.mask_order, tables.pairs_of):
        kind = derived.make
        monkeypatch.setattr(
            derived, "make", lambda table, kind=kind: made.append(kind.__name__) or kind(table)
        )
    inputs = [tensor.to(DEVICE).requires_grad_() for tensor in make_inputs(30, 27, 6, 6, torch.float32)[:3]]
    neighbors = table(surface(30), 3).to(DEVICE)
    for form in ("masked", "grouped"):
        use(form)
        subm_conv3d(*inputs, neighbors, "triton").sum().backward()
    assert sorted(made) == ["MaskOrder", "Pairs"]


def test_tf32_follows_pytorchs_switch() -> None:
    features = torch.zeros(5, 8, device=DEVICE)
    matmul = torch.backends.cuda.matmul
    before = matmul.fp32_precision
    try:
        for switch, precision, told in (("ieee", "float32", "ieee"), ("tf32", "tf32", "tf32")):
            matmul.fp32_precision = switch
            problem = launch.make_problem("forward", features, 27, 8)
            assert (problem.precision, launch.input_precision(problem)) == (precision, told)
            half = launch.make_problem("forward", features.half(), 27, 8)
            assert (half.precision, launch.input_precision(half)) == ("float16", "ieee")
    finally:
        matmul.fp32_precision = before


def test_float64_is_refused() -> None:
    inputs = [tensor.to(DEVICE) for tensor in make_inputs(4, 27, 6, 8, torch.float64)[:3]]
    with pytest.raises(
        ValueError, match=r"float32, float16 and bfloat16, got torch\.float64: take backend 'torch'"
    ):
        subm_conv3d(*inputs, table(surface(4), 3).to(DEVICE), "triton")


def test_a_cpu_is_refused_without_the_interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRITON_INTERPRET", "0")
    with pytest.raises(ValueError, match="runs on cuda, and the tensors are on cpu: take backend 'torch'"):
        convolution.convolve(torch.zeros(1, 4), torch.zeros(1, 4, 4), None, torch.zeros(1, 1).int(), "none")


def test_autograd_and_an_activation_together_are_refused() -> None:
    features = torch.zeros(1, 4, device=DEVICE, requires_grad=True)
    weight, neighbors = torch.zeros(1, 4, 4, device=DEVICE), torch.zeros(1, 1, device=DEVICE).int()
    operator = pytest.importorskip("ffnet3d.ops.triton_backend").subm_conv3d_triton
    with pytest.raises(ValueError, match="the activation 'gelu' cannot be differentiated"):
        operator(features, weight, None, neighbors, "gelu")


def test_inference_mode_and_the_operators_schema() -> None:
    features, weight, bias, _ = (tensor.to(DEVICE) for tensor in make_inputs(10, 27, 4, 4, torch.float32))
    neighbors: Tensor = table(surface(10), 3).to(DEVICE)
    with torch.inference_mode():
        out = subm_conv3d(features, weight, bias, neighbors, "triton")
    expected = subm_conv3d(features, weight, bias, neighbors, "torch")
    assert_close(out, expected, TOLERANCES[torch.float32].forward)
    torch.library.opcheck(
        torch.ops.ffnet3d.subm_conv3d_triton.default,
        (features, weight.requires_grad_(), bias, neighbors, "none"),
        test_utils=("test_schema", "test_faketensor"),
    )
