"""Writes the demo rooms as a data set in the layout of S3DIS: `Area_k/room_j/*.npy` and a manifest."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ffnet3d.atomic import write_atomic
from ffnet3d.data.demo.furnish import furnished_room
from ffnet3d.data.demo.items import Item
from ffnet3d.data.demo.paint import colours
from ffnet3d.data.demo.room import Room
from ffnet3d.data.demo.scanner import scan
from ffnet3d.data.demo.style import Style
from ffnet3d.data.demo.surfaces import Array, join, turn
from ffnet3d.data.scene import read_scene, write_scene

VERSION = 1  # of the procedure: rooms of another version are not mixed with these
MANIFEST = "manifest.json"
logger = logging.getLogger(__name__)


def make_demo(
    root: str | Path, areas: int = 6, rooms_per_area: int = 4, seed: int = 7, progress: bool = True
) -> Path:
    """Make the demo rooms `root`/Area_k/room_j and return `root`.

    Each room holds coord float32 [N, 3] (metres), color uint8 [N, 3], normal float32 [N, 3], segment int16
    [N, 1] (classes of S3DIS) and instance int16 [N, 1], about 60,000 to 130,000 points. A room depends on
    `seed`, its area and its number alone: rooms that are there and whole are kept, so that an interrupted set
    is completed and a smaller one extended. `progress` shows a bar where the standard error is a terminal and
    tqdm is installed.
    ValueError: counts below 1, or a folder that holds something else.
    """
    root = Path(root)
    if areas < 1 or rooms_per_area < 1:
        raise ValueError(
            f"the demo needs at least one area and one room in each, got {areas} and {rooms_per_area}"
        )
    claim(root, seed)
    wanted = [(area, number) for area in range(1, areas + 1) for number in range(1, rooms_per_area + 1)]
    missing = [room for room in wanted if not is_whole(root / room_name(*room))]
    for area, number in with_progress(missing, progress):
        write_room(root / room_name(area, number), make_room(area, number, seed))
    if missing:
        logger.info("made %d demo rooms in %s", len(missing), root)
    return root


def make_room(area: int, number: int, seed: int = 7) -> dict[str, NDArray]:
    """The arrays of one demo room, see `make_demo`; points in random order, the lowest at 0 on each axis."""
    style = Style.draw(np.random.default_rng((seed, area)))
    rng = np.random.default_rng((seed, area, number))
    room, items = furnished_room(style, rng)
    surface = join([part for item in items for part in item.surfaces])
    segment, instance = labels(items)
    kept, points, normals = scan(surface.points, surface.normals, viewpoints(room, style), style, rng)
    order = rng.permutation(len(kept))
    angle = rng.uniform(0, 2 * np.pi)
    kept, points, normals = kept[order], turn(points[order], angle), turn(normals[order], angle)
    return {
        "coord": (points - points.min(0)).astype(np.float32),
        "color": colours(surface.at(kept), room.sampler.paints, rng),
        "normal": normals.astype(np.float32),
        "segment": segment[kept, None],
        "instance": instance[kept, None],
    }


def write_room(folder: Path, room: dict[str, NDArray]) -> None:
    """Write a room; where another process wrote the same one at the same time, leave that."""
    try:
        write_scene(folder, room)
    except OSError:
        if not is_whole(folder):
            raise


def labels(items: list[Item]) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
    """Class and number of the item of each point [N]."""
    counts = [sum(len(part.points) for part in item.surfaces) for item in items]
    segment = np.repeat(np.array([item.label for item in items], dtype=np.int16), counts)
    return segment, np.repeat(np.arange(len(items), dtype=np.int16), counts)


def viewpoints(room: Room, style: Style) -> Array:
    """Positions [S, 3] of the scanner: at eye level, over free floor; over the middle where all is taken."""
    rng = room.sampler.rng
    centre = (room.width / 2, room.depth / 2)
    places = [room.floor.find((0.3, 0.3), rng) or centre for _ in range(style.scanners)]
    return np.array([(x, y, rng.uniform(1.2, 1.75)) for x, y in places])


def room_name(area: int, number: int) -> str:
    """Folder of a room below the root."""
    return f"Area_{area}/room_{number}"


def is_whole(folder: Path) -> bool:
    """Whether a room is there and readable; a damaged one is made anew."""
    if not folder.is_dir():
        return False
    try:
        read_scene(folder, required=("coord", "color", "normal", "segment", "instance"), num_classes=13)
    except ValueError as error:
        logger.warning("making a damaged demo room anew: %s", error)
        return False
    return True


def claim(root: Path, seed: int) -> None:
    """Write the manifest, or check that the one there tells of the same rooms."""
    manifest, ours = root / MANIFEST, {"made_by": "ffnet3d make-demo", "version": VERSION, "seed": seed}
    if manifest.is_file():
        theirs = manifest.read_text()
        if theirs != json.dumps(ours):
            raise ValueError(
                f"{manifest} tells of other demo rooms ({theirs}, now {ours}): delete {root} or name another"
            )
        return
    if root.is_dir() and any(root.iterdir()):
        raise ValueError(
            f"{root} holds files but no {MANIFEST}: not demo rooms; name an empty or new folder for these, "
            "or use scenes of your own as another data set (-d s3dis -c FILE.py -D FOLDER)"
        )
    root.mkdir(parents=True, exist_ok=True)
    write_atomic(manifest, lambda file: file.write(json.dumps(ours).encode()))


def with_progress(rooms: list[tuple[int, int]], progress: bool) -> Iterable[tuple[int, int]]:
    """`rooms`, behind a progress bar where one can be shown."""
    if not (progress and rooms and sys.stderr.isatty()):
        return rooms
    try:
        from tqdm import tqdm
    except ImportError:
        return rooms
    bar: Iterator[tuple[int, int]] = tqdm(rooms, desc="demo rooms", unit="room")
    return bar
