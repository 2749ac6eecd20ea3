"""Time and memory of labelling a whole building, and what tiles change in the labels.

The building is made: storeys of demo rooms, a dozen of them turned, moved and roughened again and again,
written as a binary PLY file, room by room. Each prediction is a process of its own; its memory is the peak of
its resident set. Runs on Linux.

    python benchmarks/buildings.py building -w exp/scannet/first --points 20000000
    python benchmarks/buildings.py compare -w exp/scannet/first --points 500000 --halo 0 1 2 3 4
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import multiprocessing
import os
import resource
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ffnet3d.data.demo import make_room
from ffnet3d.segment.scan import ScanOptions, open_scan
from ffnet3d.segment.segmenter import Segmenter
from ffnet3d.segment.tiles import TileOptions, label_scan
from ffnet3d.version import __version__

MODELS = 12  # rooms that are made; the others repeat them
PITCH = np.array([8.5, 8.5, 4.1])  # metres from room to room and from storey to storey
ROOMS_PER_STOREY = 36
FLOATS, BYTES = ("x", "y", "z", "nx", "ny", "nz"), ("red", "green", "blue")
VERTEX = np.dtype([*((name, "<f4") for name in FLOATS), *((name, "u1") for name in BYTES)])
INTERVAL = 0.2  # seconds between looks at the scratch files


def rooms(points: int, normals: bool) -> Iterator[np.ndarray]:
    """Records of a building's rooms, `points` of them in all."""
    rng = np.random.default_rng(0)
    models = [make_room(1 + number % 6, 1 + number // 6) for number in range(MODELS)]
    density = sum(len(model["coord"]) for model in models) / MODELS
    per_storey = min(ROOMS_PER_STOREY, int(np.ceil(points / density)))
    side = int(np.ceil(per_storey**0.5))
    for number in itertools.count():
        storey, place = divmod(number, per_storey)
        corner = np.array([place % side, place // side, storey]) * PITCH
        room = furnish(models[int(rng.integers(MODELS))], corner, rng)[:points]
        yield room if normals else np.ascontiguousarray(room[[*FLOATS[:3], *BYTES]]).astype(bare())
        points -= len(room)
        if points == 0:
            return


def bare() -> np.dtype:
    """A vertex without its normal."""
    return np.dtype([(name, VERTEX[name]) for name in (*FLOATS[:3], *BYTES)])


def furnish(model: dict[str, np.ndarray], corner: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A room turned by a multiple of 90 degrees and some more, with noise of 2 mm and light of its own."""
    angle = rng.integers(4) * np.pi / 2 + rng.uniform(-0.05, 0.05)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    coord = model["coord"] @ turn.T
    coord += corner - coord.min(axis=0) + rng.normal(0, 0.002, coord.shape)
    color = np.clip(model["color"] * rng.uniform(0.8, 1.2), 0, 255)
    records = np.empty(len(coord), dtype=VERTEX)
    for names, values in ((FLOATS, np.hstack([coord, model["normal"] @ turn.T])), (BYTES, color)):
        for axis, name in enumerate(names):
            records[name] = values[:, axis]
    return records


def write_building(file: Path, points: int, normals: bool) -> None:
    """Write the building, holding a room at a time."""
    dtype = VERTEX if normals else bare()
    kinds = {"f": "float", "u": "uchar"}
    lines = ["ply", "format binary_little_endian 1.0", f"element vertex {points}"]
    lines += [f"property {kinds[dtype[name].kind]} {name}" for name in dtype.names or ()]
    with file.open("wb") as stream:
        stream.write("\n".join([*lines, "end_header\n"]).encode())
        for room in rooms(points, normals):
            stream.write(room.tobytes())


def scratch_bytes() -> int:
    """Disk that this process's files without a name take."""
    total = 0
    for descriptor in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            status = os.stat(f"/proc/self/fd/{descriptor}")
            total += status.st_blocks * 512 if status.st_nlink == 0 else 0
    return total


class Watch:
    """The most scratch space taken between start and end, bytes."""

    def __init__(self) -> None:
        self.peak, self._end = 0, threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def _look(self) -> None:
        while not self._end.wait(INTERVAL):
            self.peak = max(self.peak, scratch_bytes())

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._end.set()
        self._thread.join()


def predict(
    file: Path, weights: Path, network: dict[str, Any], options: TileOptions, out: Path, queue: Any
) -> None:
    """Label a scan in this process; what it took goes into the queue, the labels into a file."""
    segmenter = Segmenter(weights, **network)
    idle = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    start = time.perf_counter()
    scan = open_scan(file, ScanOptions(), segmenter.recipe.features)
    survey = time.perf_counter() - start
    with tempfile.TemporaryDirectory(dir=out.parent) as scratch, Watch() as watch:
        labels = label_scan(scan, segmenter, options, Path(scratch))
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    np.save(out, np.asarray(labels.label))
    disk = watch.peak + (6 * len(labels) if isinstance(labels.label, np.memmap) else 0)
    queue.put({"seconds": seconds, "survey": survey, "peak": peak, "idle": idle, "disk": disk})


def in_a_process(*work: Any) -> dict[str, Any]:
    """`predict` in a fresh process; what it took."""
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    process = context.Process(target=predict, args=(*work, queue))
    process.start()
    while process.is_alive() and queue.empty():
        process.join(INTERVAL)
    if queue.empty():
        raise SystemExit("the prediction failed: see above")
    took: dict[str, Any] = queue.get()
    process.join()
    return took


def report(took: dict[str, Any], points: int) -> str:
    """A line of figures."""
    speed = points / took["seconds"]
    return (
        f"{took['seconds']:8.1f} s, {speed:10,.0f} points/s, peak {took['peak'] / 1e9:.2f} GB "
        f"({took['idle'] / 1e9:.2f} before), scratch {took['disk'] / 1e9:.2f} GB"
    )


def measure_building(arguments: argparse.Namespace, folder: Path, file: Path) -> None:
    """One building, one line."""
    options = TileOptions(voxels=arguments.voxels, halo=arguments.halo_metres)
    took = in_a_process(file, arguments.weights, network_of(arguments), options, folder / "labels.npy")
    labels = np.load(folder / "labels.npy")
    print(report(took, len(labels)))
    print(f"{took['survey']:.1f} s of it to look through the file; {np.unique(labels).size} classes found")


def compare(arguments: argparse.Namespace, folder: Path, file: Path) -> None:
    """The same scan whole and in tiles, by the width of the halo."""
    network = network_of(arguments)
    whole = TileOptions(whole_up_to=10**9)
    took = in_a_process(file, arguments.weights, network, whole, folder / "whole.npy")
    expected = np.load(folder / "whole.npy")
    print(f"whole{report(took, len(expected)):>90}")
    segmenter = Segmenter(arguments.weights, **network)
    cell = segmenter.cell * segmenter.recipe.grid_size
    tile = None if arguments.tile is None else arguments.tile * cell
    for halo in arguments.halo:
        options = TileOptions(tile=tile, halo=halo * cell, voxels=arguments.voxels, whole_up_to=0)
        took = in_a_process(file, arguments.weights, network, options, folder / "tiled.npy")
        equal = (np.load(folder / "tiled.npy") == expected).mean()
        print(
            f"halo {halo} cells, {halo * cell:.2f} m: {equal:8.3%} equal,{report(took, len(expected))}",
            flush=True,
        )


def network_of(arguments: argparse.Namespace) -> dict[str, Any]:
    """Arguments of `open_network`."""
    return {} if arguments.grid_size is None else {"grid_size": arguments.grid_size}


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for name, points in (("building", 20_000_000), ("compare", 500_000)):
        command = commands.add_parser(name)
        command.add_argument("-w", "--weights", type=Path, required=True)
        command.add_argument("--points", type=int, default=points)
        command.add_argument("--grid-size", type=float, help="metres; default: the network's")
        command.add_argument("--voxels", type=int, default=TileOptions().voxels, help="budget of a tile")
        command.add_argument("--scan", type=Path, help="a file of points in place of the building")
        command.add_argument("--without-normals", action="store_true", help="they are estimated")
        command.add_argument("--folder", type=Path, help="for the building and the scratch files")
    commands.choices["building"].add_argument("--halo-metres", type=float, help="default: the usual")
    commands.choices["compare"].add_argument(
        "--tile", type=int, help="edge in coarsest cells; default: by budget"
    )
    commands.choices["compare"].add_argument("--halo", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    return parser.parse_args()


def main() -> None:
    """Print a line for each prediction."""
    arguments = parse()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        folder = Path(name)
        file = arguments.scan
        if file is None:
            file = folder / "building.ply"
            start = time.perf_counter()
            write_building(file, arguments.points, not arguments.without_normals)
            print(
                f"ffnet3d {__version__}; {arguments.points:,} points, {file.stat().st_size / 1e9:.2f} GB",
                end="",
            )
            print(f", made in {time.perf_counter() - start:.0f} s", flush=True)
        {"building": measure_building, "compare": compare}[arguments.command](arguments, folder, file)


if __name__ == "__main__":
    main()
