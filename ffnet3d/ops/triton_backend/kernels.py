"""The GPU kernels of the dense convolution: what one program of the grid computes.

Nothing here uses atomics: each program owns what it writes, so that a result is the same on every run. Sums
are kept in float32 whatever the dtype of the tensors. Row and pair numbers fit 32 bits; a row number times
the number of channels need not, and is taken in 64.

Capitals are compile-time constants. MIRRORED takes matrix `OFFSETS - 1 - k` for offset `k`, as the input
gradient does; the host swaps the weight's strides to transpose it. WHOLE_IN: Cin is a multiple of BLOCK_IN.
What changes from batch to batch is not specialised on, so that no batch waits for a compiler.
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def _gather(values, rows, present, channels, width, WHOLE: tl.constexpr):
    """Tile `values[rows, channels]` of a matrix of `width` columns; zeros for what is missing."""
    inside = present[:, None]
    if not WHOLE:
        inside = inside & (channels < width)[None, :]
    return tl.load(values + rows.to(tl.int64)[:, None] * width + channels[None, :], mask=inside, other=0.0)


@triton.jit
def _matrix_tile(
    weight, offset, inputs, outputs, cin, cout, stride_offset, stride_in, stride_out, WHOLE_IN: tl.constexpr
):
    """Tile `weight[offset, inputs, outputs]`, addressed by strides."""
    inside = (outputs < cout)[None, :]
    if not WHOLE_IN:
        inside = inside & (inputs < cin)[:, None]
    places = inputs[:, None] * stride_in + outputs[None, :] * stride_out
    return tl.load(weight + offset.to(tl.int64) * stride_offset + places, mask=inside, other=0.0)


@triton.jit
def _finish(total, bias, outputs, cout, ACTIVATION: tl.constexpr):
    """Bias and activation on a tile of sums, in float32."""
    if bias is not None:
        total += tl.load(bias + outputs, mask=outputs < cout, other=0.0).to(tl.float32)[None, :]
    if ACTIVATION == "relu":
        total = tl.maximum(total, 0.0)
    if ACTIVATION == "gelu":
        total = 0.5 * total * (1.0 + tl.erf(total * 0.7071067811865476))
    return total


@triton.jit(do_not_specialize=["count"])
def masked_convolution(
    features,  # [N, Cin]
    weight,
    bias,  # [Cout] or None
    out,  # [N, Cout]
    order,  # [N] int32, the rows in the order of their masks
    columns,  # [K, N] int32, the neighbors of those rows, N where there is none
    tile_offsets,  # [T, K] int32, the offsets that a tile of rows has, before those that it has not
    tile_counts,  # [T] int32, how many it has
    count,
    cin,
    cout,
    stride_offset,
    stride_in,
    stride_out,
    OFFSETS: tl.constexpr,
    MIRRORED: tl.constexpr,
    ACTIVATION: tl.constexpr,
    PRECISION: tl.constexpr,
    WHOLE_IN: tl.constexpr,
    BLOCK_ROWS: tl.constexpr,
    BLOCK_IN: tl.constexpr,
    BLOCK_OUT: tl.constexpr,
):
    """One tile of output rows and channels: the sum over the offsets that any of its rows has."""
    tile = tl.program_id(0)
    places = tile * BLOCK_ROWS + tl.arange(0, BLOCK_ROWS)
    outputs = tl.program_id(1) * BLOCK_OUT + tl.arange(0, BLOCK_OUT)
    total = tl.zeros((BLOCK_ROWS, BLOCK_OUT), tl.float32)
    # Offsets and blocks of channels in one flat loop: the compiler then loads ahead across offsets as well.
    blocks = tl.cdiv(cin, BLOCK_IN)
    for step in range(tl.load(tile_counts + tile) * blocks):
        offset = tl.load(tile_offsets + tile * OFFSETS + step // blocks)
        inputs = step % blocks * BLOCK_IN + tl.arange(0, BLOCK_IN)
        sources = tl.load(columns + offset.to(tl.int64) * count + places, mask=places < count, other=count)
        rows = _gather(features, sources, sources < count, inputs, cin, WHOLE_IN)
        slot = OFFSETS - 1 - offset if MIRRORED else offset
        matrix = _matrix_tile(
            weight, slot, inputs, outputs, cin, cout, stride_offset, stride_in, stride_out, WHOLE_IN
        )
        total = tl.dot(rows, matrix, total, input_precision=PRECISION)
    total = _finish(total, bias, outputs, cout, ACTIVATION)
    targets = tl.load(order + places, mask=places < count, other=0).to(tl.int64)
    inside = (places < count)[:, None] & (outputs < cout)[None, :]
    tl.store(out + targets[:, None] * cout + outputs[None, :], total.to(out.dtype.element_ty), mask=inside)


@triton.jit
def grouped_products(
    features,  # [N, Cin]
    weight,
    products,  # [P, Cout] float32
    sources,  # [P] int32, the neighbor's row of each pair, pairs in the order of their offsets
    starts,  # [K + 1] int32, where the pairs of an offset begin
    tile_offsets,  # [T] int32, the offset of a tile of pairs
    tile_starts,  # [T] int32, the first pair of the tile
    cin,
    cout,
    stride_offset,
    stride_in,
    stride_out,
    OFFSETS: tl.constexpr,
    MIRRORED: tl.constexpr,
    PRECISION: tl.constexpr,
    WHOLE_IN: tl.constexpr,
    BLOCK_ROWS: tl.constexpr,
    BLOCK_IN: tl.constexpr,
    BLOCK_OUT: tl.constexpr,
):
    """One tile of the products of pairs of one offset: the neighbor's features times the offset's matrix."""
    tile = tl.program_id(0)
    offset = tl.load(tile_offsets + tile)
    pairs = tl.load(tile_starts + tile) + tl.arange(0, BLOCK_ROWS)
    present = pairs < tl.load(starts + offset + 1)
    outputs = tl.program_id(1) * BLOCK_OUT + tl.arange(0, BLOCK_OUT)
    rows = tl.load(sources + pairs, mask=present, other=0)
    slot = OFFSETS - 1 - offset if MIRRORED else offset
    total = tl.zeros((BLOCK_ROWS, BLOCK_OUT), tl.float32)
    for first in range(0, cin, BLOCK_IN):
        inputs = first + tl.arange(0, BLOCK_IN)
        tile_rows = _gather(features, rows, present, inputs, cin, WHOLE_IN)
        matrix = _matrix_tile(
            weight, slot, inputs, outputs, cin, cout, stride_offset, stride_in, stride_out, WHOLE_IN
        )
        total = tl.dot(tile_rows, matrix, total, input_precision=PRECISION)
    inside = present[:, None] & (outputs < cout)[None, :]
    tl.store(products + pairs.to(tl.int64)[:, None] * cout + outputs[None, :], total, mask=inside)


@triton.jit(do_not_specialize=["count"])
def sum_products(
    products,  # [P, Cout] float32
    bias,  # [Cout] or None
    out,  # [N, Cout]
    slots,  # [K, N] int32, the place of a row's pair of an offset among the products, -1 for none
    count,
    cout,
    OFFSETS: tl.constexpr,
    ACTIVATION: tl.constexpr,
    BLOCK_ROWS: tl.constexpr,
    BLOCK_OUT: tl.constexpr,
):
    """One tile of the output: the products of each row, added in the order of their offsets."""
    rows = tl.program_id(0) * BLOCK_ROWS + tl.arange(0, BLOCK_ROWS)
    outputs = tl.program_id(1) * BLOCK_OUT + tl.arange(0, BLOCK_OUT)
    total = tl.zeros((BLOCK_ROWS, BLOCK_OUT), tl.float32)
    for offset in range(OFFSETS):
        places = tl.load(slots + offset * count + rows, mask=rows < count, other=-1)
        total += _gather(products, places, places >= 0, outputs, cout, False)
    total = _finish(total, bias, outputs, cout, ACTIVATION)
    inside = (rows < count)[:, None] & (outputs < cout)[None, :]
    target = out + rows.to(tl.int64)[:, None] * cout + outputs[None, :]
    tl.store(target, total.to(out.dtype.element_ty), mask=inside)


@triton.jit(do_not_specialize=["splits"])
def weight_gradient(
    features,  # [N, Cin]
    grad,  # [N, Cout]
    partial,  # [S, K, Cin, Cout] float32
    sources,  # [P] int32
    targets,  # [P] int32, the row of each pair
    starts,  # [K + 1] int32
    cin,
    cout,
    splits,
    OFFSETS: tl.constexpr,
    PRECISION: tl.constexpr,
    BLOCK_PAIRS: tl.constexpr,
    BLOCK_IN: tl.constexpr,
    BLOCK_OUT: tl.constexpr,
):
    """One tile of one offset's gradient, summed over one of `splits` equal shares of its pairs."""
    out_blocks = tl.cdiv(cout, BLOCK_OUT)
    inputs = tl.program_id(0) // out_blocks * BLOCK_IN + tl.arange(0, BLOCK_IN)
    outputs = tl.program_id(0) % out_blocks * BLOCK_OUT + tl.arange(0, BLOCK_OUT)
    offset = tl.program_id(1)
    split = tl.program_id(2)
    start = tl.load(starts + offset)
    stop = tl.load(starts + offset + 1)
    share = tl.cdiv(tl.cdiv(stop - start, splits), BLOCK_PAIRS) * BLOCK_PAIRS
    first = start + split * share
    stop = tl.minimum(first + share, stop)
    total = tl.zeros((BLOCK_IN, BLOCK_OUT), tl.float32)
    for place in range(first, stop, BLOCK_PAIRS):
        pairs = place + tl.arange(0, BLOCK_PAIRS)
        present = pairs < stop
        rows = tl.load(sources + pairs, mask=present, other=0)
        seen = _gather(features, rows, present, inputs, cin, False)
        rows = tl.load(targets + pairs, mask=present, other=0)
        wanted = _gather(grad, rows, present, outputs, cout, False)
        total = tl.dot(tl.trans(seen), wanted, total, input_precision=PRECISION)
    inside = (inputs < cin)[:, None] & (outputs < cout)[None, :]
    matrix = (split.to(tl.int64) * OFFSETS + offset) * cin * cout
    tl.store(partial + matrix + inputs[:, None] * cout + outputs[None, :], total, mask=inside)
