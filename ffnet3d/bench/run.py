"""A run of the benchmark: what was asked for, checked, then measured in order."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from ffnet3d.bench.convolution import ConvolutionRow, PeerRow, measure_convolutions, measure_peers, places
from ffnet3d.bench.geometry import PyramidRow, measure_pyramid, pyramid_of
from ffnet3d.bench.measure import describe_machine, memory_bytes
from ffnet3d.bench.network import (
    EVALUATIONS,
    TRAININGS,
    NetworkRow,
    Work,
    expected_bytes,
    measure_network,
)
from ffnet3d.bench.page import check_page, write_results
from ffnet3d.bench.report import report
from ffnet3d.bench.results import Results
from ffnet3d.bench.roofs import measure_roofs
from ffnet3d.bench.scenes import RealScene, Rooms, Scene
from ffnet3d.data.scene import read_scene
from ffnet3d.engine.memory import keep_freed_memory
from ffnet3d.models.config import FFNet3DConfig
from ffnet3d.models.presets import PRESETS, model_config
from ffnet3d.registry import nearest

SUBJECTS = ("convolution", "pyramid", "network", "training")
SIZES = (20_000, 100_000, 500_000)
CONVOLUTION_SIZE = 100_000  # convolutions are measured at the size nearest to this
QUICK_SIZES, QUICK_REPEATS = (20_000,), 2
LEAST, MOST = 1000, 50_000_000  # voxels of a scene
ROOM_LEFT = 0.9  # of the machine's memory, that a work may be expected to take

UNITS = {"": 1, "k": 1000, "m": 1_000_000}

Announce = Callable[[str], None]


@dataclass(frozen=True)
class BenchRequest:
    """What to measure. ValueError names a value that cannot be."""

    sizes: tuple[int, ...] = ()  # voxels; () for SIZES
    subjects: tuple[str, ...] = SUBJECTS
    threads: int | None = None  # None: as many as PyTorch takes
    repeats: int = 3
    scene: Path | None = None  # a real scene beside the rooms
    grid_size: float = 0.02  # metres, of the real scene
    preset: str = "ffnet3d"
    quick: bool = False
    out: Path | None = None

    def __post_init__(self) -> None:
        for subject in self.subjects:
            if subject not in SUBJECTS:
                raise ValueError(f"--what {subject}: {nearest(subject, SUBJECTS)} (of {', '.join(SUBJECTS)})")
        for size in self.sizes:
            if not LEAST <= size <= MOST:
                raise ValueError(f"--sizes {size}: a scene has {LEAST:,} to {MOST:,} voxels here")
        if self.repeats < 1:
            raise ValueError(f"--repeats must be at least 1, not {self.repeats}")
        if self.threads is not None and self.threads < 1:
            raise ValueError(f"--threads must be at least 1, not {self.threads}")
        if not self.grid_size > 0:
            raise ValueError(f"--grid-size must be positive, in metres, not {self.grid_size}")
        model_config(self.preset)
        if self.scene is not None:
            read_scene(self.scene, required=("coord",))
        if self.out is not None:
            check_page(self.out)

    def all_sizes(self) -> tuple[int, ...]:
        """Ascending."""
        return tuple(sorted(set(self.sizes or (QUICK_SIZES if self.quick else SIZES))))

    def scenes(self) -> list[Scene]:
        """Rooms of each size, then the real scene."""
        rooms: list[Scene] = [Rooms(size) for size in self.all_sizes()]
        return rooms if self.scene is None else [*rooms, RealScene(self.scene, self.grid_size)]

    def works(self) -> tuple[Work, ...]:
        """Of the whole network; a quick run takes the two ends of the evaluations, and the first training."""
        evaluations = EVALUATIONS[:: len(EVALUATIONS) - 1] if self.quick else EVALUATIONS
        trainings = TRAININGS[:1] if self.quick else TRAININGS
        wanted = evaluations if "network" in self.subjects else ()
        return (*wanted, *(trainings if "training" in self.subjects else ()))

    def command(self) -> str:
        """The command line that repeats this run."""
        words = ["ffnet3d bench", "--sizes " + ",".join(map(str, self.all_sizes()))]
        words += [f"--what {','.join(self.subjects)}"] if self.subjects != SUBJECTS else []
        words += [f"--threads {self.threads}"] if self.threads else []
        words += [f"--repeats {self.repeats}"]
        # A folder's place on this machine is nobody's business.
        words += [f"--scene {self.scene.name} --grid-size {self.grid_size:g}"] if self.scene else []
        words += [f"--preset {self.preset}"] if self.preset != "ffnet3d" else []
        words += ["--quick"] if self.quick else []
        return " ".join(words)


def parse_sizes(text: str) -> tuple[int, ...]:
    """Sizes as the command takes them: "20000,100000", "20k 100k" or "1M"; () for "".

    ValueError naming a word that is no size.
    """
    sizes = []
    for word in text.replace(",", " ").split():
        digits, unit = (word[:-1], word[-1].lower()) if word[-1].lower() in UNITS else (word, "")
        if not digits.isdigit():
            raise ValueError(
                f"--sizes takes numbers of voxels such as 20000,100000 or 20k,100k, not {word!r}"
            )
        sizes.append(int(digits) * UNITS[unit])
    return tuple(sizes)


def run_bench(request: BenchRequest) -> str:
    """Measure, write the files where `out` is given, and return the report."""
    if request.quick:
        request = replace(request, repeats=min(request.repeats, QUICK_REPEATS))
    before = torch.get_num_threads()
    torch.set_num_threads(request.threads or before)
    try:
        results = measure(request, announce)
    finally:
        torch.set_num_threads(before)
        announce("")
    text = report(results)
    if request.out is not None:
        files = write_results(results, request.out)
        text += "\n\nwritten: " + ", ".join(map(str, files))
    return text


def measure(request: BenchRequest, announce: Announce) -> Results:
    """All subjects, one after the other, on the threads that PyTorch now uses."""
    results = Results(
        machine=describe_machine(),
        command=request.command(),
        preset=request.preset,
        repeats=request.repeats,
        keeps_freed_memory=keep_freed_memory(),
    )
    if "convolution" in request.subjects:
        results = with_convolutions(results, request, announce)
    if "pyramid" in request.subjects:
        rows = []
        for scene in request.scenes():
            announce(f"pyramid; {scene.name}")
            rows.append(measure_pyramid(scene, results.machine.threads, request.repeats))
        results = replace(results, pyramids=tuple[PyramidRow, ...](rows))
    return with_networks(results, request, announce)


def with_convolutions(results: Results, request: BenchRequest, announce: Announce) -> Results:
    """Roofs, convolutions of every place of the preset's network, and peers."""
    announce("roofs")
    roofs = measure_roofs(request.repeats, request.quick)
    size = min(request.all_sizes(), key=lambda size: abs(size - CONVOLUTION_SIZE))
    pyramid = pyramid_of(Rooms(size).voxels(0))
    rows: list[ConvolutionRow] = []
    others: list[PeerRow] = []
    for place in places(FFNet3DConfig(**PRESETS[request.preset])):
        announce(f"convolution; level {place.level}, {place.channels} channels")
        rows += measure_convolutions(pyramid, place, request.repeats)
        others += measure_peers(pyramid, place, request.repeats)
    return replace(
        results, roofs=roofs, convolution_voxels=size, convolutions=tuple(rows), peers=tuple(others)
    )


def with_networks(results: Results, request: BenchRequest, announce: Announce) -> Results:
    """Every work on every scene, but for those that this machine's memory would not hold."""
    rows: list[NetworkRow] = []
    skipped: list[str] = []
    for work in request.works():
        for scene in request.scenes():
            voxels = scene.num_voxels if isinstance(scene, Rooms) else len(scene.voxels(0))
            wanted = expected_bytes(rows, work, voxels)
            if wanted > ROOM_LEFT * memory_bytes():
                limit = f"{memory_bytes() / 1e9:.0f} GB of this machine"
                skipped.append(
                    f"{work.name}; {scene.name}: not run, for want of about {wanted / 1e9:.0f} GB ({limit})"
                )
                continue
            announce(f"{work.name}; {scene.name}")
            rows.append(
                measure_network(work, scene, request.preset, results.machine.threads, request.repeats)
            )
    return replace(results, networks=tuple(rows), skipped=tuple(skipped))


def announce(text: str) -> None:
    """Show on a terminal what is being measured, in one line that the next call replaces."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()
    if text:
        logging.getLogger(__name__).debug("%s", text)
