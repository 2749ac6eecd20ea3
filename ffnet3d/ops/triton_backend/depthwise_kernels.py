"""The GPU kernels of the depthwise convolution; see `kernels` for what holds for all."""

from __future__ import annotations

import triton
import triton.language as tl

from ffnet3d.ops.triton_backend.kernels import _finish, _gather


@triton.jit(do_not_specialize=["count"])
def depthwise_convolution(
    features,  # [N, C]
    weight,  # [K, C]
    bias,  # [C] or None
    out,  # [N, C]
    neighbors,  # [N, K] int32 or int64
    count,
    width,
    OFFSETS: tl.constexpr,
    MIRRORED: tl.constexpr,
    ACTIVATION: tl.constexpr,
    BLOCK_ROWS: tl.constexpr,
    BLOCK_OUT: tl.constexpr,
):
    """One tile of output rows and channels: the sum over all offsets."""
    rows = tl.program_id(0) * BLOCK_ROWS + tl.arange(0, BLOCK_ROWS)
    channels = tl.program_id(1) * BLOCK_OUT + tl.arange(0, BLOCK_OUT)
    total = tl.zeros((BLOCK_ROWS, BLOCK_OUT), tl.float32)
    for offset in range(OFFSETS):
        place = neighbors + rows.to(tl.int64) * OFFSETS + offset
        sources = tl.load(place, mask=rows < count, other=count)
        seen = _gather(features, sources, sources < count, channels, width, False)
        slot = OFFSETS - 1 - offset if MIRRORED else offset
        factor = tl.load(weight + slot * width + channels, mask=channels < width, other=0.0)
        total += seen.to(tl.float32) * factor.to(tl.float32)[None, :]
    total = _finish(total, bias, channels, width, ACTIVATION)
    inside = (rows < count)[:, None] & (channels < width)[None, :]
    target = out + rows.to(tl.int64)[:, None] * width + channels[None, :]
    tl.store(target, total.to(out.dtype.element_ty), mask=inside)


@triton.jit(do_not_specialize=["splits"])
def depthwise_weight_gradient(
    features,  # [N, C]
    grad,  # [N, C]
    partial,  # [S, K, C] float32
    sources,  # [P] int32
    targets,  # [P] int32
    starts,  # [K + 1] int32
    width,
    splits,
    OFFSETS: tl.constexpr,
    BLOCK_PAIRS: tl.constexpr,
    BLOCK_OUT: tl.constexpr,
):
    """Some channels of one offset's gradient, summed over one of `splits` equal shares of its pairs."""
    channels = tl.program_id(0) * BLOCK_OUT + tl.arange(0, BLOCK_OUT)
    offset = tl.program_id(1)
    split = tl.program_id(2)
    start = tl.load(starts + offset)
    stop = tl.load(starts + offset + 1)
    share = tl.cdiv(tl.cdiv(stop - start, splits), BLOCK_PAIRS) * BLOCK_PAIRS
    first = start + split * share
    stop = tl.minimum(first + share, stop)
    total = tl.zeros((BLOCK_PAIRS, BLOCK_OUT), tl.float32)
    for place in range(first, stop, BLOCK_PAIRS):
        pairs = place + tl.arange(0, BLOCK_PAIRS)
        present = pairs < stop
        rows = tl.load(sources + pairs, mask=present, other=0)
        seen = _gather(features, rows, present, channels, width, False)
        rows = tl.load(targets + pairs, mask=present, other=0)
        wanted = _gather(grad, rows, present, channels, width, False)
        total += seen.to(tl.float32) * wanted.to(tl.float32)
    row = partial + (split.to(tl.int64) * OFFSETS + offset) * width
    tl.store(row + channels, tl.sum(total, axis=0), mask=channels < width)
