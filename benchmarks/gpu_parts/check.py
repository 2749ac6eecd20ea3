"""Part "check": every backend against the definition in float64, forward and both gradients, small inputs."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from ffnet3d.bench.clouds import furnished_rooms
from ffnet3d.ops import subm_conv3d
from ffnet3d.ops.reference import subm_conv3d_reference
from ffnet3d.voxels import build_pyramid
from gpu_parts.bench import Bench, Case, error_of
from gpu_parts.precision import Precision, products_of_float32

VOXELS = 1500
SHAPES = ((3, 32, 64), (3, 96, 48), (5, 6, 32))  # kernel size, Cin, Cout; the last is the stem's
DRY_VOXELS, DRY_SHAPES = 60, ((3, 8, 16),)


def check(bench: Bench, case: Case, precision: Precision, backend: str) -> None:
    """Add the largest errors; a backend that is wrong or raises takes no part in what follows.

    Tiles are the defaults here (nothing is tuned); part "convolution" checks those that were tuned.
    """
    del case  # the inputs are always small
    try:
        errors = largest_errors(bench, precision, backend)
    except Exception as error:
        bench.failed.add((backend, precision.name))
        print(f"!!! {backend} in {precision.name} FAILED and is left out: {error}", flush=True)
        raise
    right = all(error <= precision.limit for error in errors.values())  # False for NaN as well
    bench.results.add(
        "check",
        backend=backend,
        precision=precision.name,
        **errors,
        limit=precision.limit,
        verdict="right" if right else "WRONG",
    )
    if not right:
        bench.failed.add((backend, precision.name))
        print(f"!!! {backend} in {precision.name} is WRONG ({errors}) and is left out", flush=True)


def largest_errors(bench: Bench, precision: Precision, backend: str) -> dict[str, float]:
    """Over all shapes: of the result, and of the gradients of features and weight."""
    count, shapes = (DRY_VOXELS, DRY_SHAPES) if bench.dry else (VOXELS, SHAPES)
    voxels = furnished_rooms(count)
    level = build_pyramid(voxels, torch.zeros(count, dtype=torch.long)).levels[0]
    largest: dict[str, float] = {}
    for size, cin, cout in shapes:
        generator = torch.Generator().manual_seed(size)
        shapes_of = ((count, cin), (size**3, cin, cout), (cout,), (count, cout))
        inputs = [torch.randn(shape, generator=generator).to(precision.dtype) for shape in shapes_of]
        table = level.neighbors[size]
        with products_of_float32(precision), default_tiles():
            actual = results(inputs, table, bench.device, backend)
        expected = results([values.double() for values in inputs], table, torch.device("cpu"), "reference")
        for name, value in actual.items():
            largest[name] = max(largest.get(name, 0.0), error_of(value, expected[name]))
    return largest


def results(inputs: list[Tensor], table: Tensor, device: torch.device, backend: str) -> dict[str, Tensor]:
    """The convolution of features, weight and bias, and its gradients for the given cotangent."""
    features, weight, bias, grad = (values.to(device) for values in inputs)
    leaves = features.requires_grad_(), weight.requires_grad_()
    if backend == "reference":
        out = subm_conv3d_reference(*leaves, bias, table.to(device))
    else:
        out = subm_conv3d(*leaves, bias, table.to(device), backend)
    of_features, of_weight = torch.autograd.grad(out, leaves, grad)
    return {"forward": out.detach(), "of_features": of_features, "of_weight": of_weight}


@contextmanager
def default_tiles() -> Iterator[None]:
    """Nothing is tuned where deterministic results are asked for; other operators only warn."""
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        torch.use_deterministic_algorithms(False)
