"""Matrix products by the fastest library that PyTorch carries for the device and the dtype.

On a CPU, PyTorch gives float32 products to MKL, which does not use AVX-512 on every processor that has it
(on AMD's it does not: 0.22 instead of 0.5 TFLOP/s on two cores of an EPYC 9005), and 16-bit ones to oneDNN,
which does. PyTorch reaches oneDNN in float32 too, by the operator that its compiler emits for linear layers.
"""

from __future__ import annotations

import functools

import torch
from torch import Tensor


class Products:
    """Matrix products by the library that PyTorch chooses; no autograd, in the dtype of the factors."""

    def of(self, left: Tensor, right: Tensor) -> Tensor:
        """[M, A] x [A, B] -> [M, B], the factors best contiguous or transposes of contiguous matrices."""
        return left @ right

    def into(self, out: Tensor, left: Tensor, right: Tensor) -> None:
        """The same, written to `out` [M, B], which is contiguous."""
        torch.mm(left, right, out=out)

    def of_columns(self, left: Tensor, right: Tensor) -> Tensor:
        """[N, A], [N, B] -> left^T right [A, B]; best where A is the smaller."""
        return left.t() @ right

    def of_columns_into(self, out: Tensor, left: Tensor, right: Tensor) -> None:
        """The same, written to `out` [A, B], which is contiguous."""
        torch.mm(left.t(), right, out=out)


class OneDnnProducts(Products):
    """Matrix products by oneDNN."""

    def of(self, left: Tensor, right: Tensor) -> Tensor:
        """See `Products`."""
        return linear_product(left, right.t(), None)

    def into(self, out: Tensor, left: Tensor, right: Tensor) -> None:
        """See `Products`; the operator has no `out`."""
        out.copy_(linear_product(left, right.t(), None))

    def of_columns(self, left: Tensor, right: Tensor) -> Tensor:
        """See `Products`; oneDNN would transpose the left factor more slowly."""
        return linear_product(left.t().contiguous(), right.t(), None)

    def of_columns_into(self, out: Tensor, left: Tensor, right: Tensor) -> None:
        """See `Products`."""
        out.copy_(self.of_columns(left, right))


def products_for(like: Tensor) -> Products:
    """The products for matrices of the dtype, and on the device, of `like`."""
    return OneDnnProducts() if takes_onednn(like) else Products()


def linear_product(features: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """`features @ weight.T + bias` by oneDNN: [M, A], [B, A], [B] -> [M, B], M and A not 0."""
    out: Tensor = torch.ops.mkldnn._linear_pointwise(features, weight, bias, "none", [], "")
    return out


def takes_onednn(like: Tensor) -> bool:
    """Whether products of such matrices go to oneDNN by our own choice."""
    if like.device.type != "cpu" or like.numel() == 0 or not _has_onednn_linear():
        return False
    return like.dtype == torch.float32 and not _lower_precision_allowed()


def takes_onednn_linear(features: Tensor) -> bool:
    """Whether a linear layer does: in bfloat16 PyTorch's own would first fill its result with the bias."""
    if features.dtype == torch.bfloat16 and features.device.type == "cpu" and features.numel() > 0:
        return _has_onednn_linear() and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    return takes_onednn(features)


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
