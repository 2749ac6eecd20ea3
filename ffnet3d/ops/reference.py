"""The slow definitions of the operators: what every backend must compute, in any floating dtype.

They are written to be read. Autograd differentiates them, so they define the gradients as well.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ffnet3d.ops.activation import activate


def subm_conv3d_reference(
    features: Tensor, weight: Tensor, bias: Tensor | None, neighbors: Tensor, activation: str = "none"
) -> Tensor:
    """Submanifold convolution: `out[i] = sum_k features[neighbors[i, k]] @ weight[k] + bias`.

    features [N, Cin], weight [K, Cin, Cout], bias [Cout] or None, neighbors [N, K] int with N where there is
    no voxel. Returns [N, Cout]. Memory grows with N * K * Cin.
    """
    out = torch.einsum("nki,kio->no", _of_neighbors(features, neighbors), weight)
    return activate(out if bias is None else out + bias, activation)


def subm_conv3d_depthwise_reference(
    features: Tensor, weight: Tensor, bias: Tensor | None, neighbors: Tensor, activation: str = "none"
) -> Tensor:
    """Depthwise submanifold convolution: `out[i] = sum_k features[neighbors[i, k]] * weight[k] + bias`.

    features [N, C], weight [K, C], bias [C] or None, neighbors [N, K] int. Returns [N, C].
    """
    out = (_of_neighbors(features, neighbors) * weight).sum(dim=1)
    return activate(out if bias is None else out + bias, activation)


def segment_reduce_reference(values: Tensor, index: Tensor, num_segments: int, reduce: str = "max") -> Tensor:
    """Row `s` of the result is the max, mean or sum of the rows of `values [N, C]` whose `index [N]` is `s`.

    An empty segment gives zeros. The gradient of a maximum is shared evenly among the rows that attain it.
    """
    operators: dict[str, Callable[[Tensor], Tensor]] = {
        "max": lambda rows: rows.amax(0),
        "mean": lambda rows: rows.mean(0),
        "sum": lambda rows: rows.sum(0),
    }
    out = values.new_zeros(num_segments, values.shape[1])
    for segment in index.unique():
        out[segment] = operators[reduce](values[index == segment])
    return out


def _of_neighbors(features: Tensor, neighbors: Tensor) -> Tensor:
    """The features of all neighbours `[N, K, C]`, zeros for a missing one."""
    padded = torch.cat([features, features.new_zeros(1, features.shape[1])])
    return padded[neighbors.long()]
