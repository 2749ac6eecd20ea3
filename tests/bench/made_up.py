"""Results with made-up figures, so that texts can be tested to the letter."""

from __future__ import annotations

from ffnet3d.bench.convolution import PASSES, ConvolutionRow, PeerRow, Place
from ffnet3d.bench.geometry import PyramidRow
from ffnet3d.bench.measure import Machine, Timing
from ffnet3d.bench.network import NetworkRow
from ffnet3d.bench.profile import Parts
from ffnet3d.bench.results import Results
from ffnet3d.bench.roofs import ProductRoof, Roofs

MACHINE = Machine(
    processor="Abacus 9",
    cores=4,
    threads=2,
    capability="AVX2",
    features=("avx2",),
    memory=8 * 2**30,
    system="Linux",
    python="3.11.7",
    versions={"ffnet3d": "0.1.0", "torch": "2.13.0", "spconv": "not installed"},
)
ROOFS = Roofs(
    products=tuple(
        ProductRoof(dtype, library, flops, (1024, 1024, 1024))
        for dtype, library, flops in (
            ("fp32", "torch.mm", 1e11),
            ("fp32", "ours", 2e11),
            ("bf16", "torch.mm", 4e11),
            ("bf16", "ours", 4e11),
        )
    ),
    cached=1e11,
    memory=2e10,
)
PLACE = Place(0, 32)


def timing(median: float) -> Timing:
    """So many seconds, give or take a tenth."""
    return Timing(median, 0.9 * median, 1.1 * median, 3)


def convolution(which: str = "forward", parts: Parts | None = None, seconds: float = 0.01) -> ConvolutionRow:
    """1000 voxels with 10 neighbours each: 20.48 MFLOP."""
    parts = parts or Parts(0.5, 0.3, 0.15, 0.05, 27 * 2048 * 1000)
    first = 0.02 if which == "forward" else None
    return ConvolutionRow(PLACE, which, "fp32", 1000, 10_000, timing(seconds), first, parts)


def network(voxels: int, per_voxel: float, peak_bytes: int, work: str = "forward, fp32") -> NetworkRow:
    """A row whose pyramid takes a tenth of the time."""
    total = per_voxel * voxels
    return NetworkRow(
        work=work,
        scene=f"{voxels:,} voxels",
        voxels=voxels,
        total=timing(total),
        pyramid=timing(total / 10),
        per_voxel=timing(per_voxel),
        again=per_voxel / 1.1,
        base_bytes=10**9,
        peak_bytes=peak_bytes,
    )


RESULTS = Results(
    machine=MACHINE,
    command="ffnet3d bench --sizes 20000,100000",
    preset="ffnet3d",
    repeats=3,
    keeps_freed_memory=True,
    roofs=ROOFS,
    convolution_voxels=1000,
    convolutions=tuple(convolution(which) for which in PASSES),
    peers=(
        PeerRow(PLACE, "ffnet3d", 2, timing(0.01)),
        PeerRow(PLACE, "index_add", 2, timing(0.025)),
        PeerRow(PLACE, "ocnn", 2, None, "ocnn is not usable: No module named 'ocnn'"),
        PeerRow(PLACE, "ffnet3d", 1, timing(0.02)),
        PeerRow(PLACE, "spconv", 1, timing(0.03)),
    ),
    networks=(
        network(20_000, 2e-5, 10**9 + 200_000_000),
        network(100_000, 2.2e-5, 10**9 + 1_000_000_000),
        network(20_000, 8e-5, 10**9 + 800_000_000, "training step, fp32"),
    ),
    pyramids=(PyramidRow("20,000 voxels", 20_000, timing(0.005), timing(2e-7), 20_000_000),),
    skipped=("training step, fp32; 500,000 voxels: not run, for want of about 30 GB (9 GB of this machine)",),
)
