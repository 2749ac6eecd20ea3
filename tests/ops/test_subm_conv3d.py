"""The convolution of every backend against its float64 definition, and that against dense conv3d."""

from __future__ import annotations

import pytest
import torch
from ops.clouds import surface, table
from ops.comparison import TRITON, check, device_of, make_inputs, run
from tolerances import TOLERANCES, assert_close
from torch import Tensor
from torch.nn import functional

from ffnet3d.ops import subm_conv3d
from ffnet3d.ops.reference import subm_conv3d_reference
from ffnet3d.voxels import build_neighbors

BACKENDS = ("reference", "torch", TRITON)


@pytest.mark.parametrize("kernel_size", [1, 3, 5])
@pytest.mark.parametrize("backend", BACKENDS)
def test_equals_dense_convolution_on_a_sparse_grid(backend: str, kernel_size: int) -> None:
    dtype = torch.float32 if backend == "triton" else torch.float64
    grid = surface(60 if backend == "triton" else 150)
    features, weight, bias, cotangent = make_inputs(len(grid), kernel_size**3, 4, 3, dtype)
    out, *gradients = run(backend, [features, weight, bias, cotangent], table(grid, kernel_size))

    x, y, z = grid.unbind(1)
    leaves = [tensor.double().requires_grad_() for tensor in (features, weight, bias)]
    dense = torch.zeros(*(grid.amax(0) + 1).tolist(), 4, dtype=torch.float64).index_put((x, y, z), leaves[0])
    kernel = leaves[1].reshape(kernel_size, kernel_size, kernel_size, 4, 3).permute(4, 3, 0, 1, 2)
    filled = functional.conv3d(dense.permute(3, 0, 1, 2)[None], kernel, leaves[2], padding=kernel_size // 2)
    expected = filled[0].permute(1, 2, 3, 0)[x, y, z]
    assert_close(out, expected, TOLERANCES[dtype].forward)
    for actual, dense_gradient in zip(
        gradients, torch.autograd.grad(expected, leaves, cotangent.double()), strict=True
    ):
        assert_close(actual, dense_gradient, TOLERANCES[dtype].gradient)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize(
    ("kernel_size", "cin", "cout"),
    # The stem; narrow, middling and wide rows, on both sides of every switch between the forms.
    [(5, 6, 32), (3, 16, 24), (3, 32, 32), (3, 48, 40), (3, 64, 32), (3, 96, 128), (3, 128, 16), (1, 96, 8)],
)
def test_torch_matches_the_reference(kernel_size: int, cin: int, cout: int, dtype: torch.dtype) -> None:
    grid = surface(300)
    check(make_inputs(len(grid), kernel_size**3, cin, cout, dtype), table(grid, kernel_size))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("cin", [6, 32])
def test_many_blocks_and_a_ragged_last_one(
    cin: int, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    grid = surface(301)
    monkeypatch.setattr("ffnet3d.ops.gather.CPU_BLOCK_BYTES", 27 * cin * dtype.itemsize * 4)
    check(make_inputs(len(grid), 27, cin, 16, dtype), table(grid, 3))


@pytest.mark.parametrize("cin", [6, 96])
@pytest.mark.parametrize("count", [0, 1, 2])
@pytest.mark.parametrize("backend", BACKENDS)
def test_empty_and_tiny_clouds(backend: str, count: int, cin: int) -> None:
    grid = torch.tensor([[5, 5, 5], [5, 6, 5]])[:count]
    check(make_inputs(count, 27, cin, 8, torch.float32), table(grid, 3), backend)


@pytest.mark.parametrize("cin", [6, 96])
def test_a_lone_voxel_sees_only_the_centre(cin: int) -> None:
    features, weight, bias, _ = make_inputs(1, 27, cin, 8, torch.float64)
    out = subm_conv3d(features, weight, bias, table(torch.tensor([[3, 1, 2]]), 3))
    assert_close(out, features @ weight[13] + bias, TOLERANCES[torch.float64].forward)


@pytest.mark.parametrize(("cin", "dtype"), [(6, torch.float32), (96, torch.float32), (96, torch.bfloat16)])
def test_permuted_voxels_give_permuted_rows(cin: int, dtype: torch.dtype) -> None:
    grid = surface(200)
    features, weight, bias, cotangent = make_inputs(len(grid), 27, cin, 16, dtype)
    order = torch.randperm(len(grid), generator=torch.Generator().manual_seed(1))
    out, dx, dw, db = run("torch", [features, weight, bias, cotangent], table(grid, 3))
    permuted = run("torch", [features[order], weight, bias, cotangent[order]], table(grid[order], 3))
    limit = TOLERANCES[dtype].gradient
    for actual, expected in zip(permuted, (out[order], dx[order], dw, db), strict=True):
        assert_close(actual, expected, limit)


@pytest.mark.parametrize("cin", [6, 96])
def test_far_corner_of_the_grid_and_two_scenes(cin: int) -> None:
    """The package's own table at the largest coordinates; scenes at one place do not see each other."""
    grid = surface(100)
    grid = torch.cat([grid, grid + (65535 - grid.amax(0))])
    batch = torch.arange(2).repeat_interleave(100)
    features, weight, bias, _ = make_inputs(200, 27, cin, 8, torch.float64)
    out = subm_conv3d(features, weight, bias, build_neighbors(grid, batch, 3))
    alone = table(grid[:100], 3)
    for rows in (slice(0, 100), slice(100, 200)):
        expected = subm_conv3d_reference(features[rows], weight, bias, alone)
        assert_close(out[rows], expected, TOLERANCES[torch.float64].forward)


@pytest.mark.parametrize("limit", [0, 1000], ids=["offsets", "gathered"])
@pytest.mark.parametrize("count", [1, 8])
def test_gradcheck(limit: int, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ffnet3d.ops.torch_backend.GATHER_UP_TO", {8: limit})
    monkeypatch.setattr("ffnet3d.ops.torch_backend.GATHER_WEIGHT_GRADIENT_UP_TO", {8: limit})
    neighbors = table(surface(count), 3)
    leaves = [t.requires_grad_() for t in make_inputs(count, 27, 2, 3, torch.float64)[:3]]
    assert torch.autograd.gradcheck(lambda x, w, b: subm_conv3d(x, w, b, neighbors), leaves)


@pytest.mark.parametrize("needed", [0, 1, 2])
def test_only_the_gradients_asked_for(needed: int) -> None:
    inputs = make_inputs(20, 27, 6, 4, torch.float32)
    neighbors = table(surface(20), 3)
    every = run("torch", inputs, neighbors)[1:]
    leaves = [tensor.clone().requires_grad_(i == needed) for i, tensor in enumerate(inputs[:3])]
    subm_conv3d(*leaves, neighbors).backward(inputs[3])
    for i, leaf in enumerate(leaves):
        assert (leaf.grad is not None) == (i == needed)
    assert torch.equal(leaves[needed].grad, every[needed])


def test_strided_inputs_and_int64_table() -> None:
    features, weight, _, cotangent = make_inputs(60, 27, 96, 8, torch.float32)
    neighbors = table(surface(60), 3)
    plain = run("torch", [features, weight, torch.zeros(8), torch.ones_like(cotangent)], neighbors)
    leaves = [
        features.t().contiguous().t().requires_grad_(),
        weight.flip(0).contiguous().flip(0).requires_grad_(),
    ]
    out = subm_conv3d(*leaves, None, neighbors.long())
    out.sum().backward()
    for actual, expected in zip((out, leaves[0].grad, leaves[1].grad), plain, strict=False):
        assert_close(actual, expected, TOLERANCES[torch.float32].gradient)


@pytest.mark.parametrize("backend", BACKENDS)
def test_autocast_casts_floats_and_leaves_float64(backend: str) -> None:
    device = device_of(backend)
    inputs = [tensor.to(device) for tensor in make_inputs(50, 27, 16, 8, torch.float32)]
    neighbors = table(surface(50), 3).to(device)
    leaves = [tensor.clone().requires_grad_() for tensor in inputs[:3]]
    exact = "reference" if backend == "triton" else backend
    with torch.autocast(device, dtype=torch.bfloat16):
        out = subm_conv3d(*leaves, neighbors, backend=backend)
        wide = subm_conv3d(*(tensor.double() for tensor in inputs[:3]), neighbors, backend=exact)
    assert (out.dtype, wide.dtype) == (torch.bfloat16, torch.float64)
    assert_close(out, wide, 2 * TOLERANCES[torch.bfloat16].forward)
    out.backward(inputs[3].to(out.dtype))
    assert [leaf.grad.dtype for leaf in leaves] == [torch.float32] * 3


def test_no_memory_in_proportion_to_the_window(monkeypatch: pytest.MonkeyPatch) -> None:
    """The largest tensor that forward and backward make is far smaller than all gathered neighbours."""
    monkeypatch.setattr("ffnet3d.ops.gather.CPU_BLOCK_BYTES", 2**20)
    grid = surface(3000)
    for channels in (32, 96):
        inputs = make_inputs(len(grid), 27, channels, channels, torch.float32)
        with torch.profiler.profile(profile_memory=True) as profile:
            run("torch", inputs, table(grid, 3))
        largest = max(event.self_cpu_memory_usage for event in profile.events())
        assert largest < 27 * inputs[0].numel() * 4 / 4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"features": torch.zeros(4, 6, dtype=torch.int64)},
            r"features must be floating \[N, C\], got torch.int64",
        ),
        ({"features": torch.zeros(24)}, r"features must be floating \[N, C\]"),
        ({"neighbors": torch.zeros(5, 27, dtype=torch.int32)}, r"N = 4 rows.*got \[5, 27\]"),
        ({"neighbors": torch.zeros(4, 26, dtype=torch.int32)}, r"odd K, got \[4, 26\]"),
        ({"neighbors": torch.zeros(4, 27)}, "neighbors must be int32 or int64, got torch.float32"),
        ({"weight": torch.zeros(27, 5, 8)}, r"= \[27, 6, Cout\] here, got \[27, 5, 8\]"),
        ({"weight": torch.zeros(125, 6, 8)}, r"= \[27, 6, Cout\] here, got \[125, 6, 8\]"),
        ({"weight": torch.zeros(27, 6)}, r"weight must be \[K, Cin, Cout\]"),
        ({"bias": torch.zeros(7)}, r"bias must be \[8\], got \[7\]"),
        (
            {"weight": torch.zeros(27, 6, 8).double()},
            "features are torch.float32 on cpu, but weight is torch.float64",
        ),
        ({"bias": torch.zeros(8).half()}, "but bias is torch.float16"),
        ({"weight": torch.zeros(27, 6, 8, device="meta")}, "but weight is torch.float32 on meta"),
    ],
)
def test_inputs_that_do_not_fit(change: dict[str, Tensor], message: str) -> None:
    neighbors = torch.full((4, 27), 4, dtype=torch.int32)
    inputs = {"features": torch.zeros(4, 6), "weight": torch.zeros(27, 6, 8), "bias": torch.zeros(8)}
    with pytest.raises(ValueError, match=message):
        subm_conv3d(**{**inputs, "neighbors": neighbors, **change})


@pytest.mark.parametrize("cin", [32, 128])
def test_lower_precision_products_where_the_user_allows_them(cin: int) -> None:
    """PyTorch's own switch: float32 tensors may be multiplied in bfloat16 where the processor gains by it."""
    grid = surface(300)
    inputs = make_inputs(len(grid), 27, cin, 64, torch.float32)
    expected = run("reference", [tensor.double() for tensor in inputs], table(grid, 3))
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        actual = run("torch", inputs, table(grid, 3))
    finally:
        torch.set_float32_matmul_precision(before)
    for a, e in zip(actual, expected, strict=True):
        assert a.dtype == torch.float32
        assert_close(a, e, TOLERANCES[torch.bfloat16].forward)
