"""E57 files made with pye57's libe57."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

POSE = ((0.5, 0.5, 0.5, 0.5), (10.0, 20.0, 30.0))  # turns x to y, y to z, z to x
Scan = Mapping[str, np.ndarray]


def scan(count: int = 40, seed: int = 0, **more: np.ndarray) -> dict[str, np.ndarray]:
    """Made points with colours."""
    rng = np.random.default_rng(seed)
    coord = {f"cartesian{axis}": rng.normal(size=count).astype(np.float32) for axis in "XYZ"}
    color = {
        f"color{name}": rng.integers(0, 256, count).astype(np.uint8) for name in ("Red", "Green", "Blue")
    }
    return {**coord, "intensity": rng.random(count), **color, **more}


def spherical(count: int = 40) -> dict[str, np.ndarray]:
    """Points in spherical coordinates."""
    rng = np.random.default_rng(count)
    angles = {f"spherical{name}": rng.uniform(-1, 1, count) for name in ("Azimuth", "Elevation")}
    return {"sphericalRange": rng.uniform(1, 5, count), **angles}


def write_e57(file: Path, scans: Sequence[Scan], scaled: Sequence[str] = (), picture: bytes = b"") -> None:
    """Write scans, the first in its own frame, the others with POSE; fields of `scaled` in thousandths."""
    import pye57
    from pye57 import libe57 as lib

    with pye57.E57(str(file), "w") as e57:
        image = e57.image_file
        image.extensionsAdd("nor", "http://www.libe57.org/E57_NOR_surface_normals.txt")
        for number, columns in enumerate(scans):
            node = lib.StructureNode(image)
            node.set("guid", lib.StringNode(image, f"{{scan {number}}}"))
            if number:
                node.set("pose", _pose(lib, image))
            prototype = lib.StructureNode(image)
            for name, values in columns.items():
                prototype.set(name, _field(lib, image, values, name in scaled))
            points = lib.CompressedVectorNode(image, prototype, lib.VectorNode(image, True))
            node.set("points", points)
            e57.data3d.append(node)
            _write(lib, image, points, columns)
        if picture:
            view = lib.StructureNode(image)
            blob = lib.BlobNode(image, len(picture))
            view.set("jpegImage", blob)
            e57.root["images2D"].append(view)
            blob.write(np.frombuffer(picture, np.uint8).copy(), 0, len(picture))


def _pose(lib: Any, image: Any) -> Any:
    pose = lib.StructureNode(image)
    for part, names, values in zip(("rotation", "translation"), ("wxyz", "xyz"), POSE, strict=True):
        node = lib.StructureNode(image)
        for name, value in zip(names, values, strict=True):
            node.set(name, lib.FloatNode(image, value))
        pose.set(part, node)
    return pose


def _field(lib: Any, image: Any, values: np.ndarray, scaled: bool) -> Any:
    if scaled:
        return lib.ScaledIntegerNode(image, 0, -(2**30), 2**30, 0.001, 5.0)
    if values.dtype.kind == "f":
        return lib.FloatNode(image, 0.0, lib.E57_SINGLE if values.dtype.itemsize == 4 else lib.E57_DOUBLE)
    limits = np.iinfo(values.dtype)
    return lib.IntegerNode(image, 0, int(limits.min), int(limits.max))


def _write(lib: Any, image: Any, points: Any, columns: Scan) -> None:
    buffers, kept = lib.VectorSourceDestBuffer(), []
    for name, values in columns.items():
        wide = values.dtype.kind in "iu" and values.dtype.itemsize > 2
        kept.append(values.astype("q") if wide else values.copy())
        buffers.append(lib.SourceDestBuffer(image, name, kept[-1], len(values), True, True))
    if kept and len(kept[0]):
        writer = points.writer(buffers)
        writer.write(len(kept[0]))
        writer.close()


def rechecked(data: bytes) -> bytes:
    """Pages of 1024 bytes, of which a last one may be shorter, with the checksums that they need."""
    pages = [data[at : at + 1020] for at in range(0, len(data), 1024)]
    return b"".join(page + struct.pack(">I", crc32c(page)) if len(page) == 1020 else page for page in pages)


def crc32c(data: bytes) -> int:
    """The checksum of E57's pages."""
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    return value ^ 0xFFFFFFFF
