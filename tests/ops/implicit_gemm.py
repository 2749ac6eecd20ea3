"""What spconv's implicit GEMM kernels do with their arguments, slowly and on a CPU.

Written after what its kernels do (cumm 0.4 to 0.7, `conv/kernel.py`), not after our tables: a block of rows
visits only the offsets in the union of its masks, and what it does not visit stays zero.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

BLOCK = 32


def implicit_gemm(
    features: Tensor,
    filters: Tensor,
    pair_fwd: Tensor,
    pair_mask_fwd_splits: list[Tensor],
    mask_argsort_fwd_splits: list[Tensor],
    num_activate_out: int,
    masks: list[np.ndarray],
    is_train: bool,
    is_subm: bool,
    fp32_accum: bool | None = None,
) -> tuple[Tensor, None, int]:
    """features [N, Cin], filters [Cout, k, Cin] -> [N, Cout]."""
    assert not is_train
    assert not is_subm
    out = _gather_gemm(
        features, filters, pair_fwd, pair_mask_fwd_splits, mask_argsort_fwd_splits, num_activate_out, masks
    )
    return out, None, BLOCK


def implicit_gemm_backward(
    features: Tensor,
    filters: Tensor,
    out_bp: Tensor,
    pair_fwd: Tensor,
    pair_bwd: Tensor,
    pair_mask_fwd_splits: list[Tensor],
    pair_mask_bwd_splits: list[Tensor],
    mask_argsort_fwd_splits: list[Tensor],
    mask_argsort_bwd_splits: list[Tensor],
    mask_output_fwd: Tensor,
    masks: list[np.ndarray],
    mask_width: int,
    is_subm: bool,
    fp32_accum: bool | None = None,
) -> tuple[Tensor, Tensor]:
    """out_bp [N, Cout] -> gradients of features [N, Cin] and filters [Cout, k, Cin]."""
    assert not is_subm
    of_features = _gather_gemm(
        out_bp,
        filters.transpose(0, 2).contiguous(),
        pair_bwd,
        pair_mask_bwd_splits,
        mask_argsort_bwd_splits,
        len(features),
        masks,
    )
    (order,) = mask_argsort_fwd_splits
    _check(mask_output_fwd, (1, -(-len(features) // mask_width), 1))
    of_filters = torch.zeros(filters.shape)
    for tile, mask in enumerate(mask_output_fwd.flatten().tolist()):
        rows = order[tile * mask_width : (tile + 1) * mask_width].long()
        for k in _bits(mask, masks, len(pair_fwd)):
            of_filters[:, k] += out_bp[rows].float().t() @ _gather(features, pair_fwd[k, rows])
    return of_features, of_filters.to(features.dtype)


def _gather_gemm(
    features: Tensor,
    filters: Tensor,
    pairs: Tensor,
    mask_splits: list[Tensor],
    order_splits: list[Tensor],
    count: int,
    masks: list[np.ndarray],
) -> Tensor:
    (row_masks,), (order,) = mask_splits, order_splits
    assert filters.is_contiguous()
    assert 0 < filters.shape[1] == len(pairs) <= 32
    assert features.dtype == filters.dtype in (torch.float32, torch.float16)
    for tensor, shape in ((pairs, (len(pairs), count)), (row_masks, (count, 1)), (order, (count,))):
        _check(tensor, shape)
    out = torch.zeros(count, len(filters))
    for start in range(0, count, BLOCK):
        rows = order[start : start + BLOCK].long()
        union = int(np.bitwise_or.reduce(row_masks[start : start + BLOCK, 0].numpy()))
        for k in _bits(union, masks, len(pairs)):
            out[rows] += _gather(features, pairs[k, rows]) @ filters[:, k].float().t()
    return out.to(features.dtype)


def _gather(features: Tensor, index: Tensor) -> Tensor:
    return features[index.clamp(min=0).long()].float() * (index >= 0)[:, None]


def _bits(mask: int, masks: list[np.ndarray], offsets: int) -> list[int]:
    (allowed,) = masks
    assert allowed.dtype == np.uint32
    return [k for k in range(offsets) if mask & int(allowed[0]) & 1 << k]


def _check(tensor: Tensor, shape: tuple[int, ...]) -> None:
    """The kernels take addresses: a wrong dtype, shape or layout is read as something else."""
    assert tensor.dtype == torch.int32
    assert tuple(tensor.shape) == shape
    assert tensor.is_contiguous()
