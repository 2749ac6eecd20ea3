"""spconv: its CPU code against the reference; what its GPU kernels read, by way of an emulation of them."""

from __future__ import annotations

import functools
import inspect
import operator
import re
import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest
import torch
from ops import implicit_gemm as emulation
from ops.clouds import surface, table
from tolerances import FLOAT16_SUMS, TOLERANCES, Tolerance, assert_close
from torch import Tensor

from ffnet3d.ops import subm_conv3d
from ffnet3d.ops.operator import Convolution
from ffnet3d.ops.reference import subm_conv3d_reference
from ffnet3d.ops.spconv_backend import spconv_convolution
from ffnet3d.ops.spconv_library import (
    Kernels,
    _find,
    spconv_available,
    spconv_cpu_available,
    spconv_kernels,
    spconv_triton_available,
)
from ffnet3d.ops.spconv_tables import TILE, forward_groups, mirrored_groups, native_pairs, tile_masks

calls: list[tuple[str, tuple, dict]] = []


def recorded(name: str) -> Callable:
    def call(*args: Any, **named: Any) -> Any:
        calls.append((name, args, named))
        return getattr(emulation, name)(*args, **named)

    return call


def emulated_kernels() -> Kernels:
    return Kernels(recorded("implicit_gemm"), recorded("implicit_gemm_backward"), fp32_accum=True)


emulated = spconv_convolution("subm_conv3d_emulated_spconv", emulated_kernels)


def on(backend: str) -> Convolution:
    def convolution(
        features: Tensor, weight: Tensor, bias: Tensor | None, neighbors: Tensor, activation: str
    ) -> Tensor:
        return subm_conv3d(features, weight, bias, neighbors, backend, activation)

    return convolution


def make_inputs(count: int, offsets: int, cin: int, cout: int, dtype: torch.dtype) -> list[Tensor]:
    """Random features, weight, bias and cotangent."""
    generator = torch.Generator().manual_seed(0)
    shapes = ((count, cin), (offsets, cin, cout), (cout,), (count, cout))
    return [torch.randn(shape, generator=generator).to(dtype) for shape in shapes]


def run(convolution: Convolution, inputs: list[Tensor], neighbors: Tensor) -> list[Tensor]:
    """Output and the gradients of features, weight and bias."""
    *leaves, cotangent = (tensor.detach().clone().requires_grad_() for tensor in inputs)
    out = convolution(*leaves, neighbors, "none")
    return [out.detach(), *torch.autograd.grad(out, leaves, cotangent.detach())]


def check(
    convolution: Convolution,
    inputs: list[Tensor],
    neighbors: Tensor,
    device: str = "cpu",
    tolerance: Tolerance | None = None,
) -> None:
    """Against the reference in float64."""
    limit = tolerance or TOLERANCES[inputs[0].dtype]
    expected = run(subm_conv3d_reference, [tensor.double() for tensor in inputs], neighbors)
    actual = run(convolution, [tensor.to(device) for tensor in inputs], neighbors.to(device))
    allowed = (limit.forward, *3 * (limit.gradient,))
    names = ("out", "features", "weight", "bias")
    for name, a, e, most in zip(names, actual, expected, allowed, strict=True):
        assert a.dtype == inputs[0].dtype, name
        assert_close(a.cpu(), e, most, name)


SHAPES = [(5, 6, 16), (3, 16, 24), (3, 24, 16), (1, 8, 12)]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize(("kernel_size", "cin", "cout"), SHAPES)
def test_emulated_kernels_agree(kernel_size: int, cin: int, cout: int, dtype: torch.dtype) -> None:
    grid = surface(150)
    check(emulated, make_inputs(150, kernel_size**3, cin, cout, dtype), table(grid, kernel_size))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("count", [0, 1, 2, TILE, TILE + 1])
def test_few_rows(count: int, dtype: torch.dtype) -> None:
    check(emulated, make_inputs(count, 125, 6, 8, dtype), table(surface(count), 5))


def test_bias_and_activation_come_after() -> None:
    features, weight, bias, _ = make_inputs(50, 27, 8, 4, torch.float32)
    neighbors = table(surface(50), 3)
    for activation in ("relu", "gelu"):
        with torch.inference_mode():
            out = emulated(features, weight, bias, neighbors, activation)
        expected = subm_conv3d_reference(
            features.double(), weight.double(), bias.double(), neighbors, activation
        )
        assert_close(out, expected, TOLERANCES[torch.float32].forward)


@pytest.mark.parametrize(
    ("of_features", "of_weight", "of_cotangent"),
    [(1.0, 0.02, 1e-12), (1e6, 1.0, 1.0), (1e-9, 1e-3, 1e8), (0.0, 1.0, 1.0), (1.0, 1.0, 0.0)],
)
def test_bfloat16_keeps_its_range(of_features: float, of_weight: float, of_cotangent: float) -> None:
    """Values that float16 cannot hold: gradients without loss scaling, and large activations."""
    features, weight, bias, cotangent = make_inputs(150, 27, 16, 16, torch.bfloat16)
    inputs = [features * of_features, weight * of_weight, bias * 0, cotangent * of_cotangent]
    check(emulated, inputs, table(surface(150), 3))


def test_weight_gradient_of_many_rows_stays_in_range() -> None:
    """Every row adds to it: the sum of the scaled products is beyond float16."""
    count = 270_000
    alone = torch.full((count, 1), count, dtype=torch.int32)
    alone[:, 0] = torch.arange(count)
    features, weight = torch.ones(count, 8), torch.ones(1, 8, 8)
    inputs = [tensor.bfloat16() for tensor in (features, weight, torch.zeros(8), torch.ones(count, 8))]
    _, _, of_weight, _ = run(emulated, inputs, alone)
    assert_close(of_weight, torch.full((1, 8, 8), float(count)), TOLERANCES[torch.bfloat16].gradient)


@pytest.mark.parametrize("kernel_size", [3, 5])
def test_tables_of_the_implicit_gemm(kernel_size: int) -> None:
    neighbors = table(surface(200), kernel_size)
    expected = neighbors.where(neighbors != 200, -1).t()
    groups, mirrored = forward_groups(neighbors), mirrored_groups(neighbors.long())
    assert torch.equal(torch.cat([group.pairs for group in groups]), expected)
    assert torch.equal(torch.cat([group.pairs for group in mirrored]), expected.flip(0))
    for group in [*groups, *mirrored]:
        present = (group.pairs[:, group.order.long()] >= 0).t()
        bits = group.masks.long() >> torch.arange(len(group.pairs)) & 1
        assert torch.equal(bits, present.long())
        assert torch.equal(group.order.sort().values, torch.arange(200, dtype=torch.int32))
        assert torch.equal(group.masks, group.masks.sort(0).values)  # like neighbourhoods come together
    for group, masks in zip(groups, tile_masks(neighbors), strict=True):
        tiles = group.masks.flatten().split(TILE)
        united = [functools.reduce(operator.or_, rows.tolist()) for rows in tiles]
        assert masks.flatten().tolist() == united


def test_one_table_serves_every_convolution_of_a_level() -> None:
    neighbors = table(surface(40), 3)
    calls.clear()
    for cin in (8, 16):
        run(emulated, make_inputs(40, 27, cin, 8, torch.float32), neighbors)
    forwards = [args for name, args, _ in calls if name == "implicit_gemm"]
    backwards = [args for name, args, _ in calls if name == "implicit_gemm_backward"]
    assert len(forwards) == len(backwards) == 2
    assert forwards[0][2] is forwards[1][2] is backwards[0][3] is backwards[1][3]
    assert forwards[0][4][0] is forwards[1][4][0]
    assert backwards[0][4] is backwards[1][4]


@pytest.mark.parametrize("needed", [0, 1, 2])
def test_only_the_gradients_asked_for(needed: int) -> None:
    inputs = make_inputs(40, 27, 8, 8, torch.float32)
    neighbors = table(surface(40), 3)
    every = run(emulated, inputs, neighbors)[1:]
    leaves = [tensor.clone().requires_grad_(i == needed) for i, tensor in enumerate(inputs[:3])]
    emulated(*leaves, neighbors, "none").backward(inputs[3])
    for i, leaf in enumerate(leaves):
        assert (leaf.grad is not None) == (i == needed)
    assert torch.equal(leaves[needed].grad, every[needed])


def test_the_stem_takes_four_launches_of_aligned_rows() -> None:
    calls.clear()
    inputs = make_inputs(30, 125, 6, 8, torch.float16)
    emulated(*inputs[:3], table(surface(30), 5), "none")
    assert [args[1].shape for _, args, _ in calls] == [(8, k, 8) for k in (32, 32, 32, 29)]


@pytest.mark.parametrize(
    ("module", "install"), [("spconv", "spconv"), ("spconv_triton", "spconv-triton and triton")]
)
def test_our_calls_fit_the_installed_library(module: str, install: str) -> None:
    """Every argument, by place or by name, lands in the parameter of that meaning."""
    ops = pytest.importorskip(f"{module}.pytorch.ops", reason=f"pip install {install}")
    calls.clear()
    run(emulated, make_inputs(40, 27, 8, 8, torch.float32), table(surface(40), 3))
    assert [name for name, _, _ in calls] == ["implicit_gemm", "implicit_gemm_backward"]
    for name, args, named in calls:
        theirs = inspect.signature(getattr(ops, name)).bind(*args, **named).arguments
        ours = inspect.signature(getattr(emulation, name)).bind(*args, **named).arguments
        if module == "spconv_triton" and "out_bp" in ours:
            ours["grad_output"] = ours.pop("out_bp")
        assert theirs.keys() == ours.keys()
        assert all(theirs[key] is ours[key] for key in ours)


def test_native_lists_are_those_of_spconv() -> None:
    ops = pytest.importorskip("spconv.pytorch.ops", reason="pip install spconv")
    for kernel_size in (3, 5):
        grid = surface(200)
        indices = torch.cat([torch.zeros(200, 1), grid], dim=1).int()
        size, ones = [kernel_size] * 3, [1] * 3
        shape = (grid.amax(0) + 1).tolist()
        _, pairs, counts = ops.get_indice_pairs(
            indices, 1, shape, ops.ConvAlgo.Native, size, ones, ones, ones, [0] * 3, subm=True
        )
        lists = native_pairs(table(grid, kernel_size))
        assert torch.equal(lists.counts, counts)
        for k in range(kernel_size**3):
            assert _listed(lists.pairs[:, k]) == _listed(pairs[:, k])


def _listed(pairs: Tensor) -> set[tuple[int, int]]:
    return {(i, o) for i, o in pairs.t().tolist() if i >= 0}


@pytest.fixture
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


needs_spconv = pytest.mark.skipif(
    not spconv_cpu_available()[0], reason="pip install spconv for the cross-check"
)


@needs_spconv
@pytest.mark.usefixtures("_one_thread")
@pytest.mark.parametrize(("kernel_size", "cin", "cout"), SHAPES)
@pytest.mark.parametrize("count", [0, 1, 300])
def test_spconv_agrees_on_one_thread(count: int, kernel_size: int, cin: int, cout: int) -> None:
    inputs = make_inputs(count, kernel_size**3, cin, cout, torch.float32)
    check(on("spconv-cpu"), inputs, table(surface(count), kernel_size))


@needs_spconv
@pytest.mark.usefixtures("_one_thread")
def test_spconv_cpu_applies_the_activation() -> None:
    features, weight, bias, _ = make_inputs(50, 27, 8, 4, torch.float32)
    neighbors = table(surface(50), 3)
    out = subm_conv3d(features, weight, bias, neighbors, "spconv-cpu", "relu")
    expected = subm_conv3d_reference(features.double(), weight.double(), bias.double(), neighbors, "relu")
    assert_close(out, expected, TOLERANCES[torch.float32].forward)


@needs_spconv
@pytest.mark.usefixtures("_one_thread")
def test_spconv_cpu_refuses_what_it_gets_wrong() -> None:
    inputs = make_inputs(20, 27, 8, 8, torch.float32)
    neighbors = table(surface(20), 3)
    with pytest.raises(ValueError, match=r"computes in float32, not in torch.float64; take backend='torch'"):
        subm_conv3d(*(tensor.double() for tensor in inputs[:3]), neighbors, backend="spconv-cpu")
    torch.set_num_threads(2)
    with pytest.raises(
        ValueError, match=r"data race, and is wrong on 2 threads; .*torch.set_num_threads\(1\)"
    ):
        subm_conv3d(*inputs[:3], neighbors, backend="spconv-cpu")


def test_float64_is_refused() -> None:
    inputs = make_inputs(20, 27, 8, 8, torch.float64)
    with pytest.raises(ValueError, match=r"not in torch.float64; take backend='torch' for it"):
        emulated(*inputs[:3], table(surface(20), 3), "none")


@pytest.mark.parametrize(
    ("rows", "channels", "message"),
    [
        (2**22, 128, "4194304 voxels with 128 channels are 2147483648 bytes"),
        (2**26, 4, "2147483648 bytes"),
    ],
)
def test_sizes_beyond_32_bits_are_refused(rows: int, channels: int, message: str) -> None:
    features = torch.zeros(1, 1).expand(rows, channels)
    neighbors = torch.zeros(1, 1, dtype=torch.int32).expand(rows, 27)
    with pytest.raises(ValueError, match=f"{message}.*limit; take a smaller batch"):
        emulated(features, torch.zeros(27, channels, 8), None, neighbors, "none")


def module(name: str, monkeypatch: pytest.MonkeyPatch, source: str = "", **names: Any) -> ModuleType:
    """A stand-in for a module of a library."""
    made = ModuleType(name)
    exec(source, made.__dict__)
    made.__dict__.update(names)
    monkeypatch.setitem(sys.modules, name, made)
    return made


@pytest.fixture
def _fresh() -> Iterator[None]:
    """Without what was remembered of the installed libraries, before and after."""
    for remembered in (_find, spconv_kernels):
        remembered.cache_clear()
    yield
    for remembered in (_find, spconv_kernels):
        remembered.cache_clear()


@pytest.mark.usefixtures("_fresh")
def test_float32_sums_by_a_choice_among_such_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    source = "CONV_CPP = 'theirs'\ndef implicit_gemm(x, y=1): return CONV_CPP, x, y\n"
    ops = module(
        "spconv.pytorch.ops", monkeypatch, source + "def implicit_gemm_backward(): return CONV_CPP\n"
    )
    known = [ModuleType(f"kernel{i}") for i in range(4)]
    for i, kernel in enumerate(known):
        kernel.dacc = "f16" if i % 2 else "f32"
    module("spconv.algo", monkeypatch, ALL_IMPGEMM_PARAMS=known, ConvTunerSimple=tuple)
    module("spconv.algocore", monkeypatch, get_conv_algo_desp_from_param=lambda kernel: kernel)
    module("cumm.tensorview", monkeypatch, float16="f16")
    kernels = spconv_kernels()
    assert kernels.implicit_gemm(5) == ((known[0], known[2]), 5, 1)
    assert kernels.implicit_gemm_backward() == (known[0], known[2])
    assert kernels.fp32_accum is True
    assert ops.implicit_gemm(5) == ("theirs", 5, 1)
    fast = spconv_kernels(fp32_sums=False)
    assert (fast.implicit_gemm(5)[0], fast.fp32_accum) == ("theirs", None)
    spconv_kernels.cache_clear()
    del ops.CONV_CPP
    with pytest.raises(ValueError, match=r"no tuner to replace in .*implicit_gemm.*install spconv 2.3.6"):
        spconv_kernels()


def test_spconv_has_kernels_with_float32_sums_for_all() -> None:
    core = pytest.importorskip("spconv.core", reason="pip install spconv")
    from cumm import tensorview
    from spconv.algocore import get_conv_algo_desp_from_param

    half = [
        kernel
        for kernel in map(get_conv_algo_desp_from_param, core.ALL_IMPGEMM_PARAMS)
        if kernel.dtype_input == kernel.dtype_weight == kernel.dtype_output == tensorview.float16
    ]
    sums = {(str(kernel.op_type), kernel.dacc) for kernel in half}
    operations = {operation for operation, _ in sums}
    assert len(operations) == 3
    assert {(operation, tensorview.float32) for operation in operations} <= sums
    assert {dtype for operation, dtype in sums if "Weight" in operation} == {tensorview.float32}


@pytest.mark.usefixtures("_fresh")
@pytest.mark.parametrize(
    ("cuda", "advice"),
    [
        ("11.8", r"pip install spconv-cu118 \(for CUDA 11.8\)"),
        ("12.0", "spconv-cu120 "),
        ("12.6", "spconv-cu126 "),
        ("12.9", r"spconv-cu126 \(for CUDA 12.9\)"),
        ("13.0", "for CUDA 13.0 there is none: pip install spconv-triton, take backend='spconv-triton'"),
        (None, "for ROCm there is none: pip install spconv-triton"),
    ],
)
def test_a_missing_library_is_named_with_what_to_install(
    cuda: str | None, advice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.version, "cuda", cuda)
    for name in ("spconv.pytorch.ops", "spconv_triton.pytorch.ops"):
        monkeypatch.setitem(sys.modules, name, None)
    usable, reason = spconv_available()
    assert not usable
    assert re.search(f"import spconv.pytorch.ops failed .*; .*{advice}", reason)
    assert spconv_triton_available()[1].endswith("; pip install spconv-triton")
    assert spconv_cpu_available()[1].endswith("; pip install spconv")


@pytest.mark.usefixtures("_fresh")
@pytest.mark.parametrize(
    ("cpu_only", "version", "numpy", "reason"),
    [
        (True, "2.3.8", "2.4.6", "the installed spconv is its CPU build; pip uninstall spconv cumm, then"),
        (False, "2.3.6", "2.4.6", r"spconv 2.3.6 crashes with numpy 2.4.6; pip install 'numpy<2'"),
        (False, "2.3.6", "1.26.4", ""),
        (False, "2.3.8", "2.4.6", ""),
    ],
)
def test_builds_that_cannot_run(
    cpu_only: bool, version: str, numpy: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert spconv_available() == (False, "PyTorch finds no CUDA device") or torch.cuda.is_available()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr("numpy.__version__", numpy)
    module("spconv", monkeypatch, __version__=version)
    module("spconv.pytorch.ops", monkeypatch, CPU_ONLY_BUILD=cpu_only)
    usable, why = spconv_available()
    assert usable == (reason == "")
    assert why.startswith(reason)


def cuda_cases() -> list:
    available = {
        "spconv": spconv_available(),
        "spconv-fp16acc": spconv_available(),
        "spconv-triton": spconv_triton_available(),
    }
    return [
        pytest.param(name, marks=pytest.mark.skipif(not usable, reason=f"{name}: {reason}"))
        for name, (usable, reason) in available.items()
    ]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize(("kernel_size", "cin", "cout"), [(5, 6, 32), (3, 32, 64), (3, 128, 128), (1, 8, 16)])
@pytest.mark.parametrize("backend", cuda_cases())
def test_on_a_gpu(backend: str, kernel_size: int, cin: int, cout: int, dtype: torch.dtype) -> None:
    inputs = make_inputs(2000, kernel_size**3, cin, cout, dtype)
    loose = backend == "spconv-fp16acc" and dtype != torch.float32
    neighbors = table(surface(2000), kernel_size)
    check(on(backend), inputs, neighbors, "cuda", FLOAT16_SUMS if loose else None)
