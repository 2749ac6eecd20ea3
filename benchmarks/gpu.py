"""Convolutions, pyramid, network and training step on a GPU: our kernels beside spconv and spconv-triton.

One command measures all, the project's goals first (100,000 voxels, one scene), and prints them beside the
figures. Backends that compute wrongly, or cannot run here, are named and left out. Results are written after
each part to `gpu.json` and `gpu.md`. No setting of the device is changed. The Triton kernels are compiled and
tuned as they are met, which a second run on the same machine need not do again.

    python benchmarks/gpu.py --out results
    python benchmarks/gpu.py --dry-run      # on a CPU, tiny sizes: the program is tested, nothing is measured
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from gpu_parts.authors import authors
from gpu_parts.bench import Bench, Case
from gpu_parts.check import check
from gpu_parts.clock import Clock
from gpu_parts.convolution import convolution
from gpu_parts.geometry import pyramid
from gpu_parts.goals import SIZE, judge
from gpu_parts.machine import bandwidth_roof, describe, product_roof
from gpu_parts.network import compiled, graph, network
from gpu_parts.precision import PRECISIONS, Precision
from gpu_parts.report import Results, table
from gpu_parts.training import training

from ffnet3d.ops import available_backends
from ffnet3d.ops.triton_library import triton_is_interpreted

Part = Callable[[Bench, Case, Precision, str], None]
PARTS: dict[str, Part] = {
    "check": check,  # first: it decides who takes part
    "network": network,
    "graph": graph,
    "training": training,
    "authors": authors,
    "convolution": convolution,
    "compile": compiled,
}
DEFAULT_PARTS = "check,pyramid,network,graph,training,authors,convolution"  # not compile: it takes minutes
BACKENDS = "triton,spconv,spconv-triton,torch"
SIDE, COPIED = 8192, 2**30  # of the measured roofs: rows of a matrix, bytes


@dataclass(frozen=True)
class Job:
    """One part for one case; precision and backend are those of all parts but the pyramid."""

    part: str
    case: Case
    precision: Precision | None = None
    backend: str = ""

    def __str__(self) -> str:
        where = f"{self.case.size:,} voxels x {self.case.scenes}"
        return " ".join(
            filter(None, (self.part, where, self.precision and self.precision.name, self.backend))
        )


def plan(arguments: argparse.Namespace) -> list[Job]:
    """What to measure, in order: the goals' case and the first precision before all others."""
    sizes = sorted(arguments.sizes, key=lambda size: abs(size - SIZE))
    cases = [Case(size, scenes) for size, scenes in itertools.product(sizes, arguments.batches)]
    for case in [case for case in cases if case.voxels > arguments.most_voxels]:
        print(f"--- left out: {case.size:,} x {case.scenes}, over --most-voxels {arguments.most_voxels:,}")
        cases.remove(case)
    precisions = [PRECISIONS[name] for name in arguments.precisions]
    parts = [part for part in PARTS if part in arguments.parts]
    places = itertools.product(range(len(cases)), range(len(precisions)))
    jobs = []
    for at, kind in sorted(places, key=lambda place: (sum(place), place)):
        if kind == 0 and "pyramid" in arguments.parts:
            jobs.append(Job("pyramid", cases[at]))
        for part, backend in itertools.product(parts, arguments.backends):
            if part != "check" or at == 0:
                jobs.append(Job(part, cases[at], precisions[kind], backend))
    return jobs


def run(bench: Bench, job: Job) -> None:
    """Do a job; what it raises is a result too: the others go on."""
    if job.precision is not None and (job.backend, job.precision.name) in bench.failed:
        print(f"{job}: left out, see above", flush=True)
        return
    print(f"{job}", flush=True)
    try:
        if job.precision is None:
            pyramid(bench, job.case)
        else:
            PARTS[job.part](bench, job.case, job.precision, job.backend)
    except Exception as error:
        if bench.dry:
            raise
        what = {"precision": job.precision and job.precision.name, "backend": job.backend or None}
        reason = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
        bench.results.add(job.part, size=job.case.size, scenes=job.case.scenes, **what, error=reason[:300])
    if bench.clock.on_gpu:
        torch.cuda.empty_cache()
    bench.results.write()


def usable(asked: list[str], dry: bool) -> list[str]:
    """Those of the backends that can run here; the others are named with the reason."""
    reasons = available_backends()
    unknown = [name for name in asked if name not in reasons]
    if unknown:
        raise SystemExit(f"unknown backend {', '.join(unknown)}; known: {', '.join(reasons)}")
    if dry:
        reasons |= {name: "a dry run is on a CPU" for name in reasons if name not in ("torch", "triton")}
    for name in asked:
        if reasons[name]:
            print(f"--- left out: {name}: {reasons[name]}")
    return [name for name in asked if not reasons[name]]


def measure_roofs(bench: Bench, precisions: list[str]) -> None:
    """The best that products and copies reach on this machine, measured now."""
    side, copied = (64, 2**16) if bench.dry else (SIDE, COPIED)
    bench.roofs["bandwidth"] = bandwidth_roof(bench.clock, copied)
    bench.results.add("roofs", what="copy", gbytes_per_s=1e-9 * bench.roofs["bandwidth"])
    for name in precisions:
        bench.roofs[name] = product_roof(bench.clock, PRECISIONS[name], side)
        bench.results.add(
            "roofs", what=f"product of {side} rows", precision=name, gflops=1e-9 * bench.roofs[name]
        )


def names(known: tuple[str, ...] | None = None) -> Callable[[str], list[str]]:
    """A list of names, split at commas, each one known."""

    def split(text: str) -> list[str]:
        values = [value.strip() for value in text.split(",") if value.strip()]
        wrong = [value for value in values if known and value not in known]
        if wrong:
            raise argparse.ArgumentTypeError(f"{', '.join(wrong)}; choose from {', '.join(known or ())}")
        return values

    return split


def numbers(text: str) -> list[int]:
    """Positive whole numbers, split at commas."""
    values = [int(value) for value in text.split(",")]
    if min(values) < 1:
        raise argparse.ArgumentTypeError(f"{text}: positive numbers only")
    return values


def parse() -> argparse.Namespace:
    """The command line; a dry run has tiny sizes of its own."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parts, kinds = (*PARTS, "pyramid"), tuple(PRECISIONS)
    parser.add_argument("--sizes", type=numbers, default="20000,100000,500000", help="voxels of a scene")
    parser.add_argument("--batches", type=numbers, default="1,12", help="scenes in a batch")
    parser.add_argument("--precisions", type=names(kinds), default="bf16,fp16,tf32,fp32")
    parser.add_argument("--backends", type=names(), default=BACKENDS)
    parser.add_argument("--parts", type=names(parts), default=DEFAULT_PARTS, help=f"of {', '.join(parts)}")
    parser.add_argument(
        "--out", type=Path, default=None, help="folder of gpu.json and gpu.md; default exp/gpu"
    )
    parser.add_argument("--minutes", type=float, default=8.0, help="no further measurement is begun then")
    parser.add_argument("--most-voxels", type=int, default=2_000_000, help="of a batch")
    parser.add_argument("--dry-run", action="store_true", help="on a CPU, to test the program")
    arguments = parser.parse_args()
    # A dry run leaves the results of a real one alone.
    arguments.out = arguments.out or Path("exp/gpu-dry-run" if arguments.dry_run else "exp/gpu")
    if arguments.dry_run:
        slow = triton_is_interpreted() and "triton" in arguments.backends
        arguments.sizes, arguments.batches = ([40], [1]) if slow else ([300], [1, 2])
        arguments.precisions = [name for name in arguments.precisions if name in ("bf16", "fp32")]
    elif not torch.cuda.is_available():
        parser.error("no CUDA device is usable here; --dry-run tests the program on a CPU")
    return arguments


def main() -> None:
    """Measure, and print the goals beside the figures."""
    begin = time.monotonic()
    arguments = parse()
    device = torch.device("cpu" if arguments.dry_run else "cuda")
    machine = describe(device)
    title = "DRY RUN ON A CPU: nothing here is a measurement" if arguments.dry_run else "ffnet3d on a GPU"
    print(title, *(f"{key}: {value}" for key, value in machine.items()), sep="\n", flush=True)
    bench = Bench(device, arguments.dry_run, Clock(device), Results(arguments.out, title, machine))
    arguments.backends = usable(arguments.backends, arguments.dry_run)
    measure_roofs(bench, arguments.precisions)
    jobs = plan(arguments)
    for number, job in enumerate(jobs):
        minutes = (time.monotonic() - begin) / 60
        if minutes > arguments.minutes:
            print(f"--- {minutes:.1f} minutes: {len(jobs) - number} of {len(jobs)} jobs are NOT measured")
            bench.results.add("left out", jobs=len(jobs) - number, first=str(job), reason="--minutes")
            break
        print(f"[{minutes:4.1f} min, {number + 1}/{len(jobs)}] ", end="")
        run(bench, job)
    bench.results.write()
    print(*table(judge(bench.results.records)), f"written to {arguments.out}", sep="\n")


if __name__ == "__main__":
    main()
