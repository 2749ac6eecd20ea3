"""The convolutions as the network calls them: arguments checked, cast for autocast, given to a backend."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ffnet3d.ops.activation import activate, check_activation
from ffnet3d.ops.autocast import cast_for_autocast
from ffnet3d.ops.backends import find_backend, resolve_backend, resolve_depthwise
from ffnet3d.ops.operator import Convolution


def subm_conv3d(
    features: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    neighbors: Tensor,
    backend: str = "auto",
    activation: str = "none",
) -> Tensor:
    """Submanifold convolution: `out[i] = activation(sum_k features[neighbors[i, k]] @ weight[k] + bias)`.

    Args:
        features: [N, Cin] floating, one row a voxel.
        weight: [K, Cin, Cout], offsets row-major over (dx, dy, dz), dz fastest; a cross-correlation.
        bias: [Cout] or None.
        neighbors: [N, K] int32 or int64 table of `ffnet3d.voxels.build_neighbors`: row of the neighbour, N
            where there is none. It must be symmetric, as that of unique voxels is: the backends rely on it.
        backend: "auto" or a name of `available_backends()`.
        activation: "none", "relu" or "gelu" (the exact one).

    Returns:
        [N, Cout], in the dtype of the features, or of autocast where it is on (float64 stays float64).

    Raises:
        ValueError: shapes, dtypes or devices that do not fit; a backend that is unknown or cannot run.
    """
    _check_table(features, neighbors)
    if weight.ndim != 3 or weight.shape[:2] != (neighbors.shape[1], features.shape[1]):
        expected = f"[{neighbors.shape[1]}, {features.shape[1]}, Cout]"
        raise ValueError(f"weight must be [K, Cin, Cout] = {expected} here, got {list(weight.shape)}")
    features, weight, bias = _cast(features, weight, bias)
    convolution = _resolve(backend, features, depthwise=False)
    return _apply(convolution, features, weight, bias, neighbors, activation)


def subm_conv3d_depthwise(
    features: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    neighbors: Tensor,
    backend: str = "auto",
    activation: str = "none",
) -> Tensor:
    """Depthwise convolution: `out[i] = activation(sum_k features[neighbors[i, k]] * weight[k] + bias)`.

    features [N, C], weight [K, C], bias [C] or None, neighbors [N, K] with any odd K; all else as in
    `subm_conv3d`. A backend without a depthwise convolution of its own leaves it to that of "auto".
    """
    _check_table(features, neighbors)
    if weight.shape != (neighbors.shape[1], features.shape[1]):
        expected = f"[{neighbors.shape[1]}, {features.shape[1]}]"
        raise ValueError(f"weight must be [K, C] = {expected} here, got {list(weight.shape)}")
    features, weight, bias = _cast(features, weight, bias)
    convolution = _resolve(backend, features, depthwise=True)
    return _apply(convolution, features, weight, bias, neighbors, activation)


def _resolve(backend: str, features: Tensor, depthwise: bool) -> Convolution:
    """That of the backend asked for; left to choose, float64 goes to the one that has it on every device."""
    if backend == "auto" and features.dtype == torch.float64:
        backend = "torch"
    return find_backend(_chosen_name(backend, features.device.type, depthwise)).get(depthwise)


def _name(backend: str, device_type: str, depthwise: bool) -> str:
    resolve = resolve_depthwise if depthwise else resolve_backend
    return resolve(backend, device_type).name


# The choice is made while a program is compiled, and is no part of it.
_chosen_name: Callable[[str, str, bool], str] = torch.compiler.assume_constant_result(_name)


def _apply(
    convolution: Convolution,
    features: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    neighbors: Tensor,
    activation: str,
) -> Tensor:
    """The backends apply an activation in place, in their last pass; autograd needs what was before it."""
    check_activation(activation)
    inputs = (features, weight) if bias is None else (features, weight, bias)
    if torch.is_grad_enabled() and any(tensor.requires_grad for tensor in inputs):
        return activate(convolution(features, weight, bias, neighbors, "none"), activation)
    return convolution(features, weight, bias, neighbors, activation)


def _check_table(features: Tensor, neighbors: Tensor) -> None:
    if features.ndim != 2 or not features.is_floating_point():
        raise ValueError(f"features must be floating [N, C], got {features.dtype} {list(features.shape)}")
    if neighbors.ndim != 2 or neighbors.shape[0] != features.shape[0] or neighbors.shape[1] % 2 == 0:
        raise ValueError(
            f"neighbors must be [N, K] with N = {features.shape[0]} rows, as the features, and an odd K, "
            f"got {list(neighbors.shape)}"
        )
    if neighbors.dtype not in (torch.int32, torch.int64):
        raise ValueError(f"neighbors must be int32 or int64, got {neighbors.dtype}")
    if neighbors.device != features.device:
        raise ValueError(f"features are on {features.device} and neighbors on {neighbors.device}")


def _cast(features: Tensor, weight: Tensor, bias: Tensor | None) -> tuple[Tensor, Tensor, Tensor | None]:
    """Check the parameters against the features, and bring all to autocast's dtype where it is on."""
    if bias is not None and bias.shape != weight.shape[-1:]:
        raise ValueError(f"bias must be [{weight.shape[-1]}], got {list(bias.shape)}")
    features, weight, bias = cast_for_autocast(features, weight, bias)
    for name, tensor in (("weight", weight), ("bias", bias)):
        if tensor is not None and (tensor.dtype, tensor.device) != (features.dtype, features.device):
            raise ValueError(
                f"features are {features.dtype} on {features.device}, "
                f"but {name} is {tensor.dtype} on {tensor.device}"
            )
    return features, weight, bias
