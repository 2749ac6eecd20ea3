"""What bounds a convolution: its rate as a fraction of the roof, taken apart into factors."""

from __future__ import annotations

from dataclasses import dataclass

from ffnet3d.bench.convolution import KERNEL, ConvolutionRow, valid_flops
from ffnet3d.bench.roofs import Roofs

ENOUGH = 0.85  # a factor above this is not blamed


@dataclass(frozen=True)
class Bound:
    """Time in products x work on present pairs x rate of the products = fraction of the GEMM roof."""

    products: float  # share of the time spent in matrix products
    present: float  # share of the multiplied work that present pairs ask for
    rate: float  # of the products, over the GEMM roof
    of_products: float  # the whole convolution over the GEMM roof
    of_memory: float  # least bytes a second over the roof of the memory

    @property
    def roof(self) -> str:
        """The nearer of the two roofs: "GEMM" or "memory"."""
        return "GEMM" if self.of_products >= self.of_memory else "memory"


def bound_of(row: ConvolutionRow, roofs: Roofs) -> Bound:
    """The factors of one row. `rate` is that of the profiled call scaled to the median of the timed ones."""
    seconds, roof = row.timing.median, roofs.product(row.dtype)
    in_products = max(row.parts.products * seconds, 1e-12)
    return Bound(
        products=row.parts.products,
        present=row.flops / max(row.parts.flops, 1),
        rate=row.parts.flops / in_products / roof,
        of_products=row.rate / roof,
        of_memory=row.least_bytes / seconds / roofs.memory,
    )


def explain(row: ConvolutionRow, roofs: Roofs) -> str:
    """How much of either roof is reached, and where the rest goes: the largest loss, then others."""
    bound = bound_of(row, roofs)
    factors = sorted(
        (
            (bound.products, f"{percent(1 - bound.products)} of the time is not products: {_outside(row)}"),
            (bound.present, f"{percent(1 - bound.present)} of the multiplied work is zeros, {_zeros(row)}"),
            (bound.rate, f"the products, {_shape(row)}, reach {percent(bound.rate)} of the roof"),
        )
    )
    losses = [text for factor, text in factors if factor < ENOUGH] or [factors[0][1]]
    reasons = "; ".join(losses)
    fractions = f"{percent(bound.of_products)} of the GEMM roof, {percent(bound.of_memory)} of the memory's"
    return f"{fractions}. {reasons[0].upper()}{reasons[1:]}."


def percent(fraction: float) -> str:
    """As in "41 %"."""
    return f"{100 * fraction:.0f} %"


def _outside(row: ConvolutionRow) -> str:
    parts = row.parts
    named = {"moving rows": parts.rows, "adding up": parts.sums, "calls and allocation": parts.rest}
    ordered = sorted(named.items(), key=lambda item: -item[1])
    return ", ".join(f"{name} {percent(share)}" for name, share in ordered if share >= 0.02)


def _zeros(row: ConvolutionRow) -> str:
    """Where they come from: the gathered form multiplies the whole table, the pair form rounds rows up."""
    whole_table = valid_flops(row.voxels * KERNEL**3, row.place.channels)
    return "missing neighbours" if row.parts.flops >= whole_table else "rows that round up the products"


def _shape(row: ConvolutionRow) -> str:
    """How large the products are: a row of the gathered form is as wide as the kernel."""
    channels = row.place.channels
    per_offset = row.pairs / KERNEL**3
    return f"{channels} channels wide over {row.voxels:,} voxels ({per_offset:,.0f} pairs an offset)"
