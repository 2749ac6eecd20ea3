"""Submanifold convolution by the implicit GEMM of spconv or spconv-triton, on CUDA.

Offsets go in groups of at most 32, one launch each: spconv's fast path, with one mask word a row. For more
offsets it has another (`large_kernel_fast_algo`), whose kernels spconv 2.3 times anew in every call, or
confuses with those of a 3x3x3 layer of the same width. So the 5x5x5 stem is four launches.

float32 is computed as such (TF32 only if `spconv.constants.SPCONV_ALLOW_TF32` is set), float16 with float32
sums unless the backend's name says otherwise. There are no kernels for bfloat16: it is computed in float16
with the same sums, scaled so that nothing overflows and nothing of note is flushed to zero.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ffnet3d.ops.activation import activate_
from ffnet3d.ops.operator import Convolution, differentiable
from ffnet3d.ops.spconv_library import Kernels, spconv_kernels, spconv_triton_kernels
from ffnet3d.ops.spconv_tables import GROUP, TILE, forward_groups, mirrored_groups, tile_masks

DTYPES = (torch.float32, torch.float16, torch.bfloat16)
HALF_ALIGNMENT = 8  # channels; a narrower row of float16 finds only the slow kernels
LIMIT = 2**31 - 1


def spconv_convolution(name: str, load: Callable[[], Kernels]) -> Convolution:
    """The differentiable convolution `ffnet3d::<name>` by those kernels, loaded at the first call."""
    return differentiable(name, partial(_forward, load), partial(_backward, load))


def _forward(
    load: Callable[[], Kernels],
    features: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    neighbors: Tensor,
    activation: str,
) -> Tensor:
    _check(features, weight)
    if features.dtype == torch.bfloat16:
        (halves, x_scale), (weights, w_scale) = _to_half(features), _to_half(weight)
        out = _convolve(load(), halves, weights, neighbors).bfloat16().mul_(x_scale * w_scale)
    else:
        out = _convolve(load(), features, weight, neighbors)
    return activate_(out if bias is None else out.add_(bias), activation)


def _backward(
    load: Callable[[], Kernels],
    grad: Tensor,
    features: Tensor,
    weight: Tensor,
    neighbors: Tensor,
    needs_features: bool,
    needs_weight: bool,
) -> tuple[Tensor | None, Tensor | None]:
    if features.dtype == torch.bfloat16:
        # The gradient of the weight sums over all rows: 2**15 / N keeps it below float16's 65504.
        (grads, g_scale), (halves, x_scale) = _to_half(grad, 2**15 / max(len(grad), 1)), _to_half(features)
        weights, w_scale = _to_half(weight)
        of_features, of_weight = _gradients(load(), grads, halves, weights, neighbors, needs_features)
        of_features = of_features.bfloat16().mul_(g_scale * w_scale)
        of_weight = of_weight.bfloat16().mul_(g_scale * x_scale)
    else:
        of_features, of_weight = _gradients(load(), grad, features, weight, neighbors, needs_features)
    return of_features if needs_features else None, of_weight if needs_weight else None


def _convolve(kernels: Kernels, features: Tensor, weight: Tensor, neighbors: Tensor) -> Tensor:
    """features [N, Cin], weight [K, Cin, Cout] -> [N, Cout]."""
    if len(features) == 0:
        return features.new_zeros(0, weight.shape[2])
    features, weight = _align(features, weight)
    parts = []
    with torch.cuda.device_of(features):
        for matrices, group in zip(weight.split(GROUP), forward_groups(neighbors), strict=True):
            out, _, _ = kernels.implicit_gemm(
                features,
                _filters(matrices),
                group.pairs,
                [group.masks],
                [group.order],
                len(features),
                _every_offset(),
                False,  # is_train: whether to keep the tiles' masks, which are known here
                False,  # is_subm: true would leave rows without any neighbour in this group unwritten
                fp32_accum=kernels.fp32_accum,
            )
            parts.append(out)
    return _sum(parts)


def _gradients(
    kernels: Kernels,
    grad: Tensor,
    features: Tensor,
    weight: Tensor,
    neighbors: Tensor,
    needs_features: bool,
) -> tuple[Tensor, Tensor]:
    """grad [N, Cout] -> the gradients of features [N, Cin] and weight [K, Cin, Cout].

    spconv makes both. Where that of the features is not needed it is wrong, and saves the mirrored table.
    """
    if len(features) == 0:
        return torch.zeros_like(features), torch.zeros_like(weight)
    channels = features.shape[1]
    features, weight = _align(features, weight)
    of_features, of_weight = [], []
    with torch.cuda.device_of(features):
        forward = forward_groups(neighbors)
        mirrored = mirrored_groups(neighbors) if needs_features else forward
        groups = zip(weight.split(GROUP), forward, mirrored, tile_masks(neighbors), strict=True)
        for matrices, group, mirror, masks in groups:
            dx, dw = kernels.implicit_gemm_backward(
                features,
                _filters(matrices),
                grad,
                group.pairs,
                mirror.pairs,
                [group.masks],
                [mirror.masks],
                [group.order],
                [mirror.order],
                mask_output_fwd=masks,
                masks=_every_offset(),
                mask_width=TILE,
                is_subm=False,  # the mirrored table is given; true would mirror the masks within the group
                fp32_accum=kernels.fp32_accum,
            )
            of_features.append(dx)
            of_weight.append(dw.permute(1, 2, 0))
    return _sum(of_features)[:, :channels].contiguous(), torch.cat(of_weight)[:, :channels].contiguous()


def _filters(matrices: Tensor) -> Tensor:
    """[k, Cin, Cout] -> spconv's [Cout, k, Cin], contiguous: a copy, unless Cout is 1."""
    return matrices.permute(2, 0, 1).contiguous()


def _every_offset() -> list[np.ndarray]:
    """The offsets that this launch takes on, all: spconv can also split them."""
    return [np.array([0xFFFFFFFF], dtype=np.uint32)]


def _align(features: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Zeros after the input channels where the fast kernels of float16 need them (the stem's 6 become 8)."""
    extra = -features.shape[1] % HALF_ALIGNMENT if features.dtype == torch.float16 else 0
    if extra == 0:
        return features, weight
    return functional.pad(features, (0, extra)), functional.pad(weight, (0, 0, 0, extra))


def _sum(parts: list[Tensor]) -> Tensor:
    """The sum of the groups' results, in float32 and rounded once."""
    if len(parts) == 1:
        return parts[0]
    total = parts[0].float()
    for part in parts[1:]:
        total += part
    return total.to(parts[0].dtype)


def _to_half(values: Tensor, largest: float = 1.0) -> tuple[Tensor, Tensor]:
    """bfloat16 -> float16 of magnitude `largest` at most, and the power of two that brings it back.

    Of magnitudes up to one, sums of K * Cin < 65504 products cannot overflow; what is below 2**-24 of the
    largest is lost. Gradients need it most: bfloat16 is trained without loss scaling.
    """
    if values.numel() == 0:
        return values.half(), torch.ones((), device=values.device)
    exponent = torch.frexp(values.abs().amax().float() / min(largest, 1.0)).exponent
    scale = torch.ldexp(torch.ones((), device=values.device), exponent)
    return (values / scale).half(), scale  # on the device: nothing waits for the scale


def _check(features: Tensor, weight: Tensor) -> None:
    if features.dtype not in DTYPES:
        raise ValueError(
            f"spconv computes in float32, float16 and, by way of that, bfloat16, not in {features.dtype}; "
            "take backend='torch' for it"
        )
    rows, (offsets, cin, cout) = len(features), weight.shape
    size = rows * max(cin, cout, HALF_ALIGNMENT) * features.element_size()
    entries = rows * min(offsets, GROUP)
    if max(size, entries) > LIMIT:
        raise ValueError(
            f"spconv counts in 32 bits: {rows} voxels with {max(cin, cout)} channels are {size} bytes, and "
            f"{entries} neighbours in one launch, where {LIMIT} is the limit; take a smaller batch, or "
            "backend='torch' or 'triton'"
        )


subm_conv3d_spconv = spconv_convolution("subm_conv3d_spconv", spconv_kernels)
subm_conv3d_spconv_fp16acc = spconv_convolution(
    "subm_conv3d_spconv_fp16acc", partial(spconv_kernels, fp32_sums=False)
)
subm_conv3d_spconv_triton = spconv_convolution("subm_conv3d_spconv_triton", spconv_triton_kernels)
