"""Matrix products by the fastest library that PyTorch carries for the device and the dtype.

On a CPU, PyTorch gives float32 products to MKL, which does not use AVX-512 on every processor that has it
(on AMD's it does not: 0.22 instead of 0.5 TFLOP/s on two cores of an EPYC 9005), and 16-bit ones to oneDNN,
which does. PyTorch reaches oneDNN in float32 too, by the operator that its compiler emits for linear layers.
"""

from __future__ import annotations

import functools

import torch
from torch import Tensor


def product(left: Tensor, right: Tensor) -> Tensor:
    """Matrix product [M, A] x [A, B] -> [M, B], in the dtype of both; any strides, outside of autograd.

    `right` is best contiguous, or the transpose of a contiguous matrix; so is `left`, or it is copied.
    """
    return linear_product(left, right.t(), None) if takes_onednn(left) else left @ right


def linear_product(left: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """`left @ weight.T + bias` by oneDNN, where `takes_onednn(left)`: [M, A], [B, A], [B] -> [M, B]."""
    out: Tensor = torch.ops.mkldnn._linear_pointwise(left, weight, bias, "none", [], "")
    return out


def product_of_columns(left: Tensor, right: Tensor) -> Tensor:
    """Transposed product [N, A], [N, B] -> left^T right [A, B]; best where A is the smaller."""
    if takes_onednn(left):
        return product(left.t().contiguous(), right)  # oneDNN would transpose it more slowly
    return left.t() @ right


def product_into(out: Tensor, left: Tensor, right: Tensor) -> None:
    """`product(left, right)` written to `out` [M, B], which is contiguous."""
    if takes_onednn(left):
        out.copy_(product(left, right))
    else:
        torch.mm(left, right, out=out)


def takes_onednn(left: Tensor) -> bool:
    """Whether a product with this matrix on its left goes to oneDNN by our own choice."""
    if left.device.type != "cpu" or left.numel() == 0 or not _has_onednn_linear():
        return False
    return left.dtype == torch.float32 and not _lower_precision_allowed()


def takes_onednn_linear(left: Tensor) -> bool:
    """Whether a linear layer does: in bfloat16 PyTorch's own would first fill its result with the bias."""
    if left.dtype == torch.bfloat16 and left.device.type == "cpu" and left.numel() > 0:
        return _has_onednn_linear() and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    return takes_onednn(left)


@functools.cache
def _has_onednn_linear() -> bool:
    return torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")


def _lower_precision_allowed() -> bool:
    """Whether the user lets float32 products be computed from bfloat16: torch.mm then goes to oneDNN itself.

    The switch is `torch.set_float32_matmul_precision("medium")`, or `fp32_precision` of
    `torch.backends.mkldnn.matmul`.
    """
    matmul = getattr(torch.backends.mkldnn, "matmul", None)  # since PyTorch 2.9
    if matmul is not None:
        return str(matmul.fp32_precision) not in ("none", "ieee")
    return torch.get_float32_matmul_precision() == "medium"
