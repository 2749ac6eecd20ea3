"""The depthwise convolution: one pass over the output, which reads each present neighbour once."""

from __future__ import annotations

import torch
import triton
from torch import Tensor

from ffnet3d.ops.triton_backend import depthwise_kernels
from ffnet3d.ops.triton_backend.configs import Config
from ffnet3d.ops.triton_backend.launch import check_tensor, compile_options, make_problem
from ffnet3d.ops.triton_backend.tuning import choose


def convolve_depthwise(
    features: Tensor, weight: Tensor, bias: Tensor | None, neighbors: Tensor, activation: str
) -> Tensor:
    """features [N, C], weight [K, C], bias [C] or None, neighbors [N, K] -> [N, C]."""
    return _run(features, weight, bias, neighbors, activation, mirrored=False)


def depthwise_input_gradient(grad: Tensor, weight: Tensor, neighbors: Tensor) -> Tensor:
    """grad [N, C] of the output -> [N, C] of the features: the same convolution, the kernel mirrored."""
    return _run(grad, weight, None, neighbors, "none", mirrored=True)


def _run(
    features: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    neighbors: Tensor,
    activation: str,
    mirrored: bool,
) -> Tensor:
    check_tensor(features)
    features, weight, neighbors = features.contiguous(), weight.contiguous(), neighbors.contiguous()
    bias = None if bias is None else bias.contiguous()
    out = torch.empty_like(features)
    if out.numel() == 0:
        return out
    (count, channels), offsets = features.shape, len(weight)
    problem = make_problem("depthwise", features, offsets, channels)

    def launch(config: Config) -> None:
        grid = (triton.cdiv(count, config.rows), triton.cdiv(channels, config.channels_out))
        depthwise_kernels.depthwise_convolution[grid](
            *(features, weight, bias, out, neighbors, count, channels),
            OFFSETS=offsets,
            MIRRORED=mirrored,
            ACTIVATION=activation,
            BLOCK_ROWS=config.rows,
            BLOCK_OUT=config.channels_out,
            **compile_options(config),
        )

    with torch.cuda.device_of(features):
        launch(choose(problem, launch))
    return out
