"""The gradient of the weight, dense and depthwise: sums over the pairs of each offset.

The pairs of an offset are cut into equal shares, so that there is work for the whole GPU; each share has its
own sum in float32, and one `torch.sum` adds the shares. No atomics: the result is the same on every run.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import triton
from torch import Tensor

from ffnet3d.ops.triton_backend import depthwise_kernels, kernels
from ffnet3d.ops.triton_backend.configs import Config, Problem
from ffnet3d.ops.triton_backend.launch import (
    check_tensor,
    compile_options,
    input_precision,
    make_problem,
    split_count,
)
from ffnet3d.ops.triton_backend.tables import Pairs, pairs_of
from ffnet3d.ops.triton_backend.tuning import choose

LEAST_TILES = 4  # of pairs in a share: a shorter one costs more to add than it saves


def dense_weight_gradient(features: Tensor, grad: Tensor, neighbors: Tensor) -> Tensor:
    """features [N, Cin], grad [N, Cout] of the output, neighbors [N, K] -> [K, Cin, Cout]."""
    shape = (neighbors.shape[1], features.shape[1], grad.shape[1])
    return _run("weight gradient", _launch_dense, shape, features, grad, neighbors)


def depthwise_weight_gradient(features: Tensor, grad: Tensor, neighbors: Tensor) -> Tensor:
    """features [N, C], grad [N, C] of the output, neighbors [N, K] -> [K, C]."""
    shape = (neighbors.shape[1], features.shape[1])
    return _run("depthwise weight gradient", _launch_depthwise, shape, features, grad, neighbors)


Launch = Callable[[Tensor, Tensor, Pairs, Problem, Config], Tensor]
"""(features, grad, pairs, problem, config) -> partial sums, one for each share: [S, *shape of the weight]"""


def _run(
    kind: str, launch: Launch, shape: tuple[int, ...], features: Tensor, grad: Tensor, neighbors: Tensor
) -> Tensor:
    check_tensor(features)
    if features.numel() == 0 or grad.numel() == 0:
        return features.new_zeros(shape)
    features, grad, pairs = features.contiguous(), grad.contiguous(), pairs_of(neighbors)
    problem = make_problem(kind, features, neighbors.shape[1], grad.shape[1])

    def run(config: Config) -> Tensor:
        partial = launch(features, grad, pairs, problem, config)
        return (partial[0] if len(partial) == 1 else partial.sum(0)).to(features.dtype)

    with torch.cuda.device_of(features):
        return run(choose(problem, run))


def _launch_dense(features: Tensor, grad: Tensor, pairs: Pairs, problem: Problem, config: Config) -> Tensor:
    cin, cout, offsets = problem.cin, problem.cout, problem.offsets
    tiles = triton.cdiv(cin, config.channels_in) * triton.cdiv(cout, config.channels_out)
    splits = _splits(tiles, 4 * offsets * cin * cout, pairs, config)
    partial = features.new_empty(splits, offsets, cin, cout, dtype=torch.float32)
    kernels.weight_gradient[(tiles, offsets, splits)](
        *(features, grad, partial, pairs.sources, pairs.targets, pairs.starts, cin, cout, splits),
        OFFSETS=offsets,
        PRECISION=input_precision(problem),
        BLOCK_PAIRS=config.rows,
        BLOCK_IN=config.channels_in,
        BLOCK_OUT=config.channels_out,
        **compile_options(config),
    )
    return partial


def _launch_depthwise(
    features: Tensor, grad: Tensor, pairs: Pairs, problem: Problem, config: Config
) -> Tensor:
    channels, offsets = problem.cout, problem.offsets
    tiles = triton.cdiv(channels, config.channels_out)
    splits = _splits(tiles, 4 * offsets * channels, pairs, config)
    partial = features.new_empty(splits, offsets, channels, dtype=torch.float32)
    depthwise_kernels.depthwise_weight_gradient[(tiles, offsets, splits)](
        *(features, grad, partial, pairs.sources, pairs.targets, pairs.starts, channels, splits),
        OFFSETS=offsets,
        BLOCK_PAIRS=config.rows,
        BLOCK_OUT=config.channels_out,
        **compile_options(config),
    )
    return partial


def _splits(tiles: int, bytes_each: int, pairs: Pairs, config: Config) -> int:
    most = pairs.count // (LEAST_TILES * config.rows)  # no offset has more pairs than there are rows
    return split_count(tiles * pairs.offsets, most, bytes_each, pairs.sources.device)
