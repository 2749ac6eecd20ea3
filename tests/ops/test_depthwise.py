"""The depthwise convolution of every backend against its float64 definition, and that against conv3d."""

from __future__ import annotations

import pytest
import torch
from ops.clouds import surface, table
from ops.depthwise_comparison import CROSS, Kernel, check, check_close, make_inputs, run, table_of
from tolerances import TOLERANCES, assert_close
from torch import Tensor
from torch.nn import functional

from ffnet3d.ops import subm_conv3d, subm_conv3d_depthwise
from ffnet3d.ops.reference import subm_conv3d_depthwise_reference
from ffnet3d.ops.row_pairs import row_pairs

DTYPES = (torch.float64, torch.float32, torch.bfloat16, torch.float16)
KERNELS = (3, 5, 7, 9, CROSS)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("kernel", [1, *KERNELS])
@pytest.mark.parametrize("count", [0, 1, 200])
def test_torch_matches_the_reference(count: int, kernel: Kernel, dtype: torch.dtype) -> None:
    neighbors = table_of(surface(count), kernel)
    check(make_inputs(count, neighbors.shape[1], 24, dtype), neighbors, "torch")


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("backend", ["reference", "torch"])
def test_is_conv3d_in_groups_on_a_filled_grid(backend: str, kernel: Kernel) -> None:
    dtype = torch.float64
    sides, size = (4, 3, 5), kernel if isinstance(kernel, int) else 9
    grid = torch.cartesian_prod(*(torch.arange(side) for side in sides))
    neighbors = table_of(grid, kernel)
    inputs = make_inputs(len(grid), neighbors.shape[1], 3, dtype)

    features, weight, bias, cotangent = (tensor.double().requires_grad_() for tensor in inputs)
    cube = torch.zeros(size**3, 3, dtype=torch.float64)
    cube = weight if kernel != CROSS else cube.index_put((_cross_places(),), weight)
    out = functional.conv3d(
        features.t().reshape(1, 3, *sides),
        cube.t().reshape(3, 1, size, size, size),
        bias,
        padding=size // 2,
        groups=3,
    )
    expected = out[0].flatten(1).t()
    gradients = torch.autograd.grad(expected, (features, weight, bias), cotangent.detach())
    check_close(run(backend, inputs, neighbors), [expected.detach(), *gradients], dtype)


def _cross_places() -> Tensor:
    """Where the cross's offsets lie in 9x9x9, found by geometry rather than by counting zeros."""
    cube = torch.zeros(9, 9, 9, dtype=torch.bool)
    cube[4, 4, :] = cube[4, :, 4] = cube[:, 4, 4] = True
    return cube.flatten().nonzero().squeeze(1)


def test_is_the_dense_convolution_with_a_diagonal_kernel() -> None:
    features, weight, bias, _ = make_inputs(120, 27, 5, torch.float64)
    neighbors = table(surface(120), 3)
    dense = subm_conv3d(features, torch.diag_embed(weight), bias, neighbors)
    out = subm_conv3d_depthwise(features, weight, bias, neighbors)
    assert_close(out, dense, TOLERANCES[torch.float64].forward)


@pytest.mark.parametrize("kernel", [3, CROSS])
def test_gradcheck_over_several_blocks(kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ffnet3d.ops.depthwise.BLOCK_BYTES", 2 * 8 * 10)
    neighbors = table_of(surface(8), kernel)
    assert len(row_pairs(neighbors).blocks(10)) > 2
    leaves = [tensor.requires_grad_() for tensor in make_inputs(8, neighbors.shape[1], 2, torch.float64)[:3]]
    assert torch.autograd.gradcheck(lambda x, w, b: subm_conv3d_depthwise(x, w, b, neighbors), leaves)


@pytest.mark.parametrize("kernel", KERNELS)
def test_permuted_voxels_give_permuted_rows(kernel: Kernel) -> None:
    grid = surface(150)
    neighbors = table_of(grid, kernel)
    features, weight, bias, cotangent = make_inputs(len(grid), neighbors.shape[1], 8, torch.float32)
    order = torch.randperm(len(grid), generator=torch.Generator().manual_seed(1))
    out, dx, dw, db = run("torch", [features, weight, bias, cotangent], neighbors)
    permuted = run("torch", [features[order], weight, bias, cotangent[order]], table_of(grid[order], kernel))
    check_close(permuted, [out[order], dx[order], dw, db], torch.float32)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_no_buffer_holds_all_neighbours(dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that is taken from PyTorch is larger than what is given: table, rows and kernel."""
    channels, pairs_at_once, neighbors = 64, 64, table(surface(400), 5)
    monkeypatch.setattr("ffnet3d.ops.depthwise.BLOCK_BYTES", pairs_at_once * channels * dtype.itemsize)
    monkeypatch.setattr("ffnet3d.ops.workspace.MOST_KEPT", 0)  # so that the buffers are seen to be taken
    inputs = make_inputs(400, 125, channels, dtype)
    with torch.profiler.profile(profile_memory=True) as profile:
        actual = run("torch", inputs, neighbors)
    check_close(actual, run("reference", [tensor.double() for tensor in inputs], neighbors), dtype)
    largest = max(event.self_cpu_memory_usage for event in profile.events())
    assert pairs_at_once * channels * dtype.itemsize <= largest <= neighbors.nbytes
    assert neighbors.nbytes < neighbors.numel() * channels * dtype.itemsize / 16


@pytest.mark.parametrize("kernel", KERNELS)
def test_on_another_device_the_gathered_form(kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    """What runs where no CPU is, here on one: several blocks, the last of them overlapping."""
    monkeypatch.setattr("ffnet3d.ops.depthwise.PAIRS_ON", ())
    neighbors = table_of(surface(201), kernel)
    monkeypatch.setattr("ffnet3d.ops.gather.CPU_BLOCK_BYTES", neighbors.shape[1] * 8 * 4 * 90)
    check(make_inputs(201, neighbors.shape[1], 8, torch.float32), neighbors, "torch")


@pytest.mark.parametrize("needed", [0, 1, 2])
def test_only_the_gradients_asked_for(needed: int) -> None:
    inputs, neighbors = make_inputs(20, 27, 6, torch.float32), table(surface(20), 3)
    every = run("torch", inputs, neighbors)[1:]
    leaves = [tensor.clone().requires_grad_(i == needed) for i, tensor in enumerate(inputs[:3])]
    subm_conv3d_depthwise(*leaves, neighbors).backward(inputs[3])
    for i, leaf in enumerate(leaves):
        if i == needed:
            assert leaf.grad is not None
            assert torch.equal(leaf.grad, every[i])
        else:
            assert leaf.grad is None


def test_a_row_without_any_neighbour_is_zero() -> None:
    features, weight, _, _ = make_inputs(3, 27, 4, torch.float32)
    neighbors = torch.full((3, 27), 3, dtype=torch.int64)
    neighbors[1, 13] = 1
    out = subm_conv3d_depthwise(features, weight, None, neighbors)
    assert torch.equal(out, torch.stack([torch.zeros(4), features[1] * weight[13], torch.zeros(4)]))


def test_without_bias_under_autocast() -> None:
    features, weight, _, _ = make_inputs(40, 27, 8, torch.float32)
    neighbors = table(surface(40), 3)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = subm_conv3d_depthwise(features, weight, None, neighbors)
    assert out.dtype == torch.bfloat16
    expected = subm_conv3d_depthwise_reference(features, weight, None, neighbors)
    assert_close(out, expected, 2 * TOLERANCES[torch.bfloat16].forward)


@pytest.mark.parametrize("kernel", [3, CROSS])
def test_compiled_gradients_are_the_eager_ones(kernel: Kernel) -> None:
    neighbors = table_of(surface(60), kernel)
    inputs = make_inputs(60, neighbors.shape[1], 6, torch.float32)
    compiled = torch.compile(subm_conv3d_depthwise, backend="aot_eager", fullgraph=True)
    leaves = [tensor.clone().requires_grad_() for tensor in inputs[:3]]
    out = compiled(*leaves, neighbors)
    gradients = torch.autograd.grad(out, leaves, inputs[3])
    for actual, eager in zip((out, *gradients), run("auto", inputs, neighbors), strict=True):
        assert torch.equal(actual, eager)


def test_inputs_that_do_not_fit() -> None:
    neighbors = torch.full((4, 27), 4, dtype=torch.int32)
    with pytest.raises(ValueError, match=r"weight must be \[K, C\] = \[27, 6\] here, got \[27, 6, 6\]"):
        subm_conv3d_depthwise(torch.zeros(4, 6), torch.zeros(27, 6, 6), None, neighbors)
    with pytest.raises(ValueError, match=r"bias must be \[6\], got \[4\]"):
        subm_conv3d_depthwise(torch.zeros(4, 6), torch.zeros(27, 6), torch.zeros(4), neighbors)
    with pytest.raises(ValueError, match=r"N = 5 rows"):
        subm_conv3d_depthwise(torch.zeros(5, 6), torch.zeros(27, 6), None, neighbors)
