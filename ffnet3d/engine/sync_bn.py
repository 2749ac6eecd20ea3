"""Batch normalisation over all processes, on any device that torch.distributed reduces on.

`torch.nn.SyncBatchNorm` exists for GPUs only. Here the sums of the batch are exchanged by a differentiable
all-reduce, so that several CPU processes normalise, and learn, as one process with the whole batch does.
"""

from __future__ import annotations

from typing import Any, cast

import torch
import torch.distributed as dist
from torch import Tensor, nn


class AllReduceSum(torch.autograd.Function):
    """Sum a tensor over the processes; its gradient is the sum of the processes' gradients."""

    @staticmethod
    def forward(_ctx: Any, values: Tensor) -> Tensor:
        """values: the same shape on every process."""
        total = values.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(_ctx: Any, gradient: Tensor) -> Tensor:  # type: ignore[override]
        """gradient: of the total, on this process."""
        total = gradient.clone()
        dist.all_reduce(total)
        return total


def all_reduce_sum(values: Tensor) -> Tensor:
    """Differentiable sum of `values` over all processes."""
    return cast(Tensor, AllReduceSum.apply(values))


class SyncBatchNorm1d(nn.BatchNorm1d):
    """BatchNorm1d over [N, C] features whose batch statistics cover every process.

    The processes may hold different numbers of points. Deviations are taken from the common mean (two
    reductions): the difference of two large sums would lose digits.
    """

    def forward(self, features: Tensor) -> Tensor:
        """features [N, C] -> normalised features of the same shape and dtype."""
        if not self.training or not dist.is_initialized():
            return super().forward(features)
        values = features.float()
        count = values.new_tensor([float(values.shape[0])])
        total = all_reduce_sum(torch.cat([values.sum(0), count]))
        number = total[-1].detach()
        mean = total[:-1] / number
        deviation = values - mean
        variance = all_reduce_sum((deviation * deviation).sum(0)) / number
        self.update_running(mean.detach(), variance.detach(), number)
        normalised = deviation * torch.rsqrt(variance + self.eps)
        return (normalised * self.weight + self.bias).to(features.dtype)

    @torch.no_grad()
    def update_running(self, mean: Tensor, variance: Tensor, number: Tensor) -> None:
        """Move the running statistics as BatchNorm1d does (unbiased variance)."""
        if number < 2:
            raise ValueError("batch norm needs more than one point in training, over all processes")
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        assert self.momentum is not None
        self.num_batches_tracked += 1
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance * (number / (number - 1)), self.momentum)


def convert_sync_batchnorm(module: nn.Module, device_type: str) -> nn.Module:
    """Synchronise every BatchNorm1d of `module`: torch's SyncBatchNorm on GPUs, SyncBatchNorm1d elsewhere.

    Parameters, buffers and state-dict keys stay the same.
    """
    if device_type == "cuda":
        return cast(nn.Module, nn.SyncBatchNorm.convert_sync_batchnorm(module))
    for child in module.modules():
        if type(child) is nn.BatchNorm1d:
            # The same object with the same state, only its forward differs: nothing to copy.
            child.__class__ = SyncBatchNorm1d
    return module
