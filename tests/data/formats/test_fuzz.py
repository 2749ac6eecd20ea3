"""Damaged files: each is read to its end or refused by a ValueError that names it, within little memory."""

from __future__ import annotations

import io
import random
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from fuzz import damaged
from numpy.lib import format as npy_format
from ply_files import Part, ply_bytes

from ffnet3d.data.formats import Addition, Cloud, Column, NpyCloud, NpzCloud, PlyCloud, open_cloud, read_ply

CASES = 250  # of each kind
CONSTANT = 4 << 20  # bytes of memory that a reader may take for any file
FACTOR = 16  # and for each byte of the file

RNG = np.random.default_rng(0)
XYZ = RNG.normal(size=(40, 3)).astype(np.float32)
RGB = RNG.integers(0, 256, (40, 3)).astype(np.uint8)
VERTEX = Part(
    "vertex",
    [*(("float", name) for name in "xyz"), ("uchar", "red"), ("double", "w"), ("int", "label")],
    [(*map(float, xyz), int(rgb[0]), float(xyz[0]), int(rgb[1])) for xyz, rgb in zip(XYZ, RGB, strict=True)],
)
FACES = Part("face", [("list uchar int", "vertex_indices")], [([0, 1, 2],), ([2, 1, 0],), ([1, 2, 3, 4],)])


def ply(encoding: str) -> bytes:
    return ply_bytes([FACES, VERTEX, Part("tristrip", FACES.properties, FACES.rows[:2])], encoding)


def npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def npz(save: Callable[..., None]) -> bytes:
    stream = io.BytesIO()
    save(stream, coord=XYZ, color=RGB, label=RGB[:, 0].astype(int), axis=np.eye(4))
    return stream.getvalue()


def structured() -> np.ndarray:
    table = np.zeros(40, [("x", "f4"), ("y", ">f8"), ("z", "f4"), ("rgb", "u1", (3,)), ("name", "S2")])
    table["x"], table["y"], table["z"] = XYZ.T
    return table


LABEL = Addition(
    (Column("new", np.dtype("u1")),), lambda start, stop: {"new": np.zeros(stop - start, np.uint8)}
)

SEEDS: dict[str, tuple[str, bytes]] = {
    "ascii": ("scan.ply", ply("ascii")),
    "little": ("scan.ply", ply("binary_little_endian")),
    "big": ("scan.ply", ply("binary_big_endian")),
    "plain": ("scan.npy", npy(np.concatenate([XYZ, RGB], axis=1))),
    "fortran": ("scan.npy", npy(np.asfortranarray(XYZ))),
    "structured": ("scan.npy", npy(structured())),
    "stored": ("scan.npz", npz(np.savez)),
    "packed": ("scan.npz", npz(np.savez_compressed)),
    "member": ("scan.npz", npy(XYZ)),
}


def wrapped(kind: str, data: bytes) -> bytes:
    """What is written: the data, or a sound archive of them."""
    if kind != "member":
        return data
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("coord.npy", data)
    return stream.getvalue()


def read_all(file: Path) -> Cloud:
    """Every point of a file, by chunks; and a copy with a label."""
    cloud = open_cloud(file)
    found = sum(len(next(iter(chunk.values()))) for chunk in cloud.chunks(16) if chunk)
    assert found == cloud.num_points or not cloud.columns
    cloud.copy(file.with_name(f"out{file.suffix}"), LABEL, 16)
    return cloud


def fault(read: Callable[[Path], object], file: Path) -> str | None:
    """Why a file is refused; None if it is read."""
    try:
        read(file)
    except ValueError as error:
        return str(error)
    return None


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("kind", SEEDS)
def test_damage_is_read_or_named(tmp_path: Path, kind: str) -> None:
    name, whole = SEEDS[kind]
    file = tmp_path / name
    others = [data for _, data in SEEDS.values()]
    file.write_bytes(wrapped(kind, whole))
    assert read_all(file).num_points == 40
    rng = random.Random(kind)
    refused = 0
    tracemalloc.start()
    try:
        for case in range(CASES):
            data = wrapped(kind, damaged(rng, whole, others))
            file.write_bytes(data)
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            for read in (read_all, read_ply) if name.endswith(".ply") else (read_all,):
                error = fault(read, file)
                assert error is None or name in error, f"case {case}: {error}"
                refused += error is not None
            peak = tracemalloc.get_traced_memory()[1] - before
            assert peak < CONSTANT + FACTOR * len(data), f"case {case}: {peak} bytes for {len(data)}"
    finally:
        tracemalloc.stop()
    assert refused > CASES // 10  # the damage is damage


@pytest.mark.parametrize("kind", ["ascii", "little", "big"])
@pytest.mark.parametrize("element", ["vertex", "face", "empty"])
def test_ply_promises_are_refused_at_once(tmp_path: Path, kind: str, element: str) -> None:
    data = SEEDS[kind][1].replace(b"element vertex", b"element empty 1000000000000\nelement vertex")
    count = {"vertex": b" 40\n", "face": b" 3\n", "empty": b" 1000000000000\n"}[element]
    data = data.replace(
        b"element " + element.encode() + count, b"element " + element.encode() + b" 1000000000000\n"
    )
    (tmp_path / "scan.ply").write_bytes(data)
    if element == "empty":  # rows without properties take no place
        assert read_all(tmp_path / "scan.ply").num_points == 40
        assert read_ply(tmp_path / "scan.ply").elements["empty"] == {}
    else:
        for read in (PlyCloud, read_ply):
            with pytest.raises(
                ValueError, match=rf"scan\.ply: the header promises {10**12} rows of the element"
            ):
                read(tmp_path / "scan.ply")


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_promises_of_arrays_are_refused_at_once(tmp_path: Path, method: int) -> None:
    stream = io.BytesIO()
    npy_format.write_array_header_1_0(stream, {"descr": "<f4", "fortran_order": True, "shape": (10**12, 6)})
    data = stream.getvalue() + bytes(24)
    (tmp_path / "scan.npy").write_bytes(data)
    with zipfile.ZipFile(tmp_path / "scan.npz", "w", method) as archive:
        archive.writestr("coord.npy", data)
    for cloud, name in ((NpyCloud, "scan.npy"), (NpzCloud, "scan.npz/coord.npy")):
        with pytest.raises(
            ValueError, match=rf"{name}: the header promises an array \[{10**12}, 6\] of {24 * 10**12}"
        ):
            cloud(tmp_path / name.split("/")[0])


@pytest.mark.parametrize("kind", ["ascii", "big", "plain", "packed"])
def test_a_file_is_never_held_whole(tmp_path: Path, kind: str) -> None:
    name, _ = SEEDS[kind]
    file, count = tmp_path / name, 40_000 if kind == "ascii" else 200_000
    xyz = RNG.normal(size=(count, 3))
    if kind == "packed":
        np.savez_compressed(file, coord=xyz, label=np.zeros(count))
    elif kind == "plain":
        np.save(file, np.asfortranarray(xyz))
    else:
        write_large_ply(file, xyz, kind)
    tracemalloc.start()
    try:
        cloud = open_cloud(file)
        for _ in cloud.chunks(1000):
            pass
        cloud.copy(file.with_name(f"out{file.suffix}"), LABEL, 1000)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert file.stat().st_size > 1.2 * (2 << 20)
    assert peak < 2 << 20
    assert open_cloud(file.with_name(f"out{file.suffix}")).num_points == count


def write_large_ply(file: Path, xyz: np.ndarray, kind: str) -> None:
    encoding = "ascii" if kind == "ascii" else "binary_big_endian"
    properties = "".join(f"property double {name}\n" for name in "xyz")
    header = f"ply\nformat {encoding} 1.0\nelement vertex {len(xyz)}\n{properties}end_header\n"
    with file.open("wb") as stream:
        stream.write(header.encode())
        if kind == "ascii":
            np.savetxt(stream, xyz)
        else:
            stream.write(xyz.astype(">f8").tobytes())
