"""PLY: what is written is read, in every encoding; what is not whole or not as promised is named."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ply_files import CODES, Part, ply_bytes

from ffnet3d.data.formats import Ply, Ragged, read_ply, write_ply

ENCODINGS = ["ascii", "binary_little_endian", "binary_big_endian"]
VERTEX = Part("vertex", [("float", "x"), ("uchar", "red")], [(0.5, 1), (-2.25, 255), (3.0, 7)])
TRIANGLES = Part("triangle", [("list uchar int", "vertex_indices")], [([0, 1, 2],), ([2, 1, 0],)])
POLYGONS = Part(
    "face",
    [("short", "group"), ("list ushort uint", "corners"), ("list uchar float", "uv"), ("double", "area")],
    [(-1, [0, 1, 2], [], 0.5), (7, [], [0.25, 1.0], 1e-300), (300, [4, 3, 2, 1], [2.0], -3.0)],
)
FILES = settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])


def read(folder: Path, data: bytes, only: tuple[str, ...] | None = None) -> Ply:
    file = folder / "scan.ply"
    file.write_bytes(data)
    return read_ply(file, only)


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_vertices_faces_and_whatever_else(tmp_path: Path, encoding: str, newline: str) -> None:
    parts = [
        POLYGONS,
        VERTEX,
        Part("camera", [], [(), ()]),
        Part("edge", TRIANGLES.properties, []),
        TRIANGLES,
    ]
    ply = read(tmp_path, ply_bytes(parts, encoding, newline))
    assert ply.comments == ("made by hand", "of no interest")
    assert list(ply.elements) == ["face", "vertex", "camera", "edge", "triangle"]
    assert ply.elements["camera"] == {}
    assert len(ply.elements["edge"]["vertex_indices"]) == 0
    np.testing.assert_array_equal(ply.elements["triangle"]["vertex_indices"], [[0, 1, 2], [2, 1, 0]])
    x, red = ply.elements["vertex"]["x"], ply.elements["vertex"]["red"]
    assert (x.dtype, red.dtype) == (np.dtype("f4"), np.dtype("u1"))
    np.testing.assert_array_equal(x, [0.5, -2.25, 3])
    np.testing.assert_array_equal(red, [1, 255, 7])
    check(ply.elements["face"], POLYGONS)


def check(columns: dict[str, Any], part: Part) -> None:
    """The columns hold the part's values."""
    for number, (kind, name) in enumerate(part.properties):
        expected = [row[number] for row in part.rows]
        if kind.startswith("list"):
            assert [list(columns[name][row]) for row in range(len(expected))] == expected
        else:
            assert columns[name].dtype == np.dtype(CODES[kind])
            assert columns[name].tolist() == expected


def values(kind: str) -> st.SearchStrategy[Any]:
    """Numbers that a type of PLY holds exactly, or lists of them."""
    if kind.startswith("list"):
        return st.lists(values(kind.split()[2]), max_size=4)
    if CODES[kind] in "fd":
        return st.floats(width=32 if CODES[kind] == "f" else 64, allow_nan=False)
    limits = np.iinfo(CODES[kind])
    return st.integers(int(limits.min), int(limits.max))


@st.composite
def parts(draw: st.DrawFn) -> Part:
    scalar = st.sampled_from(sorted(CODES))
    length = st.sampled_from(["char", "uchar", "short", "ushort", "int", "uint"])
    kinds = draw(st.lists(scalar | st.builds("list {} {}".format, length, scalar), min_size=1, max_size=4))
    rows = draw(st.lists(st.tuples(*map(values, kinds)), max_size=5))
    return Part("thing", [(kind, f"p{number}") for number, kind in enumerate(kinds)], rows)


@FILES
@given(part=parts(), encoding=st.sampled_from(ENCODINGS))
def test_any_properties_come_back(tmp_path: Path, part: Part, encoding: str) -> None:
    after = Part("vertex", VERTEX.properties, VERTEX.rows)
    ply = read(tmp_path, ply_bytes([part, after], encoding))
    check(ply.elements["thing"], part)
    check(ply.elements["vertex"], after)


@contextmanager
def suppress_error_of(file: str) -> Iterator[None]:
    """A ValueError that names the file may come, no other."""
    try:
        yield
    except ValueError as error:
        if file not in str(error):
            raise


@FILES
@given(part=parts(), encoding=st.sampled_from(ENCODINGS), data=st.data())
def test_damage_is_a_value_error_that_names_the_file(
    tmp_path: Path, part: Part, encoding: str, data: st.DataObject
) -> None:
    whole = bytearray(ply_bytes([part, TRIANGLES], encoding))
    for _ in range(data.draw(st.integers(0, 3))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    cut = whole[: data.draw(st.integers(0, len(whole)))]
    with suppress_error_of("scan.ply"):
        read(tmp_path, bytes(cut))


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_cut_through_the_data_is_refused(tmp_path: Path, encoding: str) -> None:
    whole = ply_bytes([VERTEX, POLYGONS], encoding).rstrip(b"\n")
    header = whole.index(b"end_header\n") + len("end_header\n")
    last_word = whole.rindex(b" ") + 2 if encoding == "ascii" else len(whole)  # a number cut is a number
    for size in range(header, last_word):
        with pytest.raises(ValueError, match=r"scan\.ply"):
            read(tmp_path, whole[:size])


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("part", [VERTEX, TRIANGLES])
def test_promises_beyond_the_file_are_refused_at_once(tmp_path: Path, part: Part, encoding: str) -> None:
    data = ply_bytes([part], encoding).replace(
        f"{part.name} {len(part.rows)}".encode(), f"{part.name} {10**15}".encode()
    )
    with pytest.raises(ValueError, match=rf"scan\.ply: the header promises {10**15} rows.*bytes are left"):
        read(tmp_path, data)


def test_a_long_list_is_refused_before_it_is_read(tmp_path: Path) -> None:
    part = Part("face", [("list uint double", "corners")], [([0.0],), ([0.0, 1.0],)])
    whole = ply_bytes([part])
    at = len(whole) - 20  # the second list's length
    with pytest.raises(
        ValueError,
        match=r"promises 2 rows of the element 'face', the file holds 1, the next has 34359738364 bytes",
    ):
        read(tmp_path, whole[:at] + struct.pack("<I", 2**32 - 1) + whole[at + 4 :])


def test_negative_lists_are_refused(tmp_path: Path) -> None:
    data = ply_bytes([Part("face", [("list char int", "corners")], [([],)])])
    with pytest.raises(ValueError, match="row 0 of the element 'face' has a list 'corners' of -1 values"):
        read(tmp_path, data[:-1] + b"\xff")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("1 2 3", "scan.ply:8: 3 values, but a row of 'vertex' has 2"),
        ("123", "scan.ply:8: 1 values, but a row of 'vertex' has 2"),
        ("1 red", "scan.ply:8: could not convert string to float: 'red' in the element 'vertex'"),
        ("1 256", "scan.ply:8: red is 256, but the header promises an integer from 0 to 255"),
        ("1 0.5", "scan.ply:8: red is 0.5, but the header promises an integer from 0 to 255"),
        ("1 nan", "scan.ply:8: red is nan, but the header promises an integer from 0 to 255"),
    ],
)
def test_odd_rows_of_text_are_named(tmp_path: Path, row: str, message: str) -> None:
    header = "ply\nformat ascii 1.0\nelement vertex 2\nproperty float x\nproperty uchar red\nend_header\n"
    with pytest.raises(ValueError, match=re.escape(message)):
        read(tmp_path, f"{header}0 0\n{row}\n".encode())
    assert len(read(tmp_path, f"{header}\n0 0\n\n  1 2\n\n".encode()).elements["vertex"]["x"]) == 2


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("3 0 1", "scan.ply:6: 3 values, but the lists of 'face' ask for 4"),
        ("2 0 1 2", "scan.ply:6: 4 values, but the lists of 'face' ask for 3"),
        ("-1 0 1", "scan.ply:6: a list of -1 values"),
        ("inf 0", "scan.ply:6: a list of inf values"),
    ],
)
def test_odd_lists_of_text_are_named(tmp_path: Path, row: str, message: str) -> None:
    header = "ply\nformat ascii 1.0\nelement face 1\nproperty list uchar int corners\nend_header\n"
    with pytest.raises(ValueError, match=re.escape(message)):
        read(tmp_path, f"{header}{row}\n".encode())


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("obj", "scan.ply: not a PLY file"),
        ("ply\nformat ascii 1.0\nelement vertex 1\n", "the header has no end_header"),
        ("ply\nelement vertex 1\nend_header\n", "the header has no format line"),
        ("ply\nformat middle 1.0\nend_header\n", "scan.ply:2: the format must be one of ascii, binary"),
        ("ply\nelement vertex -1\n", "scan.ply:2: an element needs a name and a number of rows"),
        ("ply\nproperty float x\n", "scan.ply:2: a property before any element"),
        ("ply\nelement a 1\nproperty real x\n", "scan.ply:3: unknown type 'real'; known: char, uchar"),
        ("ply\nelement a 1\nproperty float\n", "scan.ply:3: a property needs a type and a name"),
        ("ply\nelement a 1\nproperty list float int x\n", "length of a list cannot be a floating-point"),
        ("ply\nelement a 1\nproperty int x\nproperty int x\n", "scan.ply:4: 'x' stands twice"),
        ("ply\nelement a 1\nelement a 1\n", "scan.ply:3: 'a' stands twice"),
        ("ply\nelemnt a 1\n", "scan.ply:2: unknown keyword 'elemnt'"),
    ],
)
def test_odd_headers_are_named(tmp_path: Path, header: str, message: str) -> None:
    if "end_header" not in message and "not a PLY" not in message and "end_header" not in header:
        header += "end_header\n"
    with pytest.raises(ValueError, match=re.escape(message)):
        read(tmp_path, header.encode())


def test_only_what_is_asked_for_is_read(tmp_path: Path) -> None:
    data = ply_bytes([POLYGONS, VERTEX, TRIANGLES])
    assert list(read(tmp_path, data[:-5], ("vertex",)).elements) == ["vertex"]
    with pytest.raises(ValueError, match="'triangle'"):
        read(tmp_path, data[:-5])


def test_stack_names_what_lacks(tmp_path: Path) -> None:
    ply = read(tmp_path, ply_bytes([VERTEX, TRIANGLES]))
    np.testing.assert_array_equal(ply.stack("vertex", ("red", "x"))[1], [255, -2.25])
    with pytest.raises(
        ValueError, match=r"scan\.ply: its element 'vertex' has no property green, blue, but x, red"
    ):
        ply.stack("vertex", ("red", "green", "blue"))
    with pytest.raises(ValueError, match=r"scan\.ply: no element 'face', but vertex, triangle"):
        ply.stack("face", ("x",))
    with pytest.raises(ValueError, match="must be numbers, but there are lists"):
        ply.stack("triangle", ("vertex_indices",))


def test_ragged_lists(tmp_path: Path) -> None:
    corners = read(tmp_path, ply_bytes([POLYGONS])).elements["face"]["corners"]
    assert isinstance(corners, Ragged)
    assert len(corners) == 3
    assert corners.values.tolist() == [0, 1, 2, 4, 3, 2, 1]
    assert corners.starts.tolist() == [0, 3, 3, 7]


def test_written_points_are_read(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    vertex = {
        "x": rng.normal(size=9).astype(np.float32),
        "y": rng.normal(size=9),
        "red": rng.integers(0, 256, 9).astype(np.uint8),
        "label": rng.integers(-1, 200, 9),
        "large": np.full(9, 2**32 - 1),
        "kept": rng.random(9) > 0.5,
        "half": rng.normal(size=9).astype(np.float16),
        "swapped": rng.normal(size=9).astype(">f4"),
    }
    write_ply(tmp_path / "out.ply", vertex, comments=["two\nlines"])
    ply = read_ply(tmp_path / "out.ply")
    assert ply.comments == ("two lines",)
    types = [column.dtype.str[1:] for column in ply.elements["vertex"].values()]
    assert types == ["f4", "f8", "u1", "i4", "u4", "u1", "f4", "f4"]
    for name, expected in vertex.items():
        np.testing.assert_array_equal(ply.elements["vertex"][name], expected)


def test_no_points_can_be_written(tmp_path: Path) -> None:
    write_ply(tmp_path / "out.ply", {"x": np.empty(0), "n": np.empty(0, int)})
    assert {
        name: len(column) for name, column in read_ply(tmp_path / "out.ply").elements["vertex"].items()
    } == {
        "x": 0,
        "n": 0,
    }


@pytest.mark.parametrize(
    ("vertex", "message"),
    [
        ({"x": np.zeros(2), "y": np.zeros(3)}, "need one common length, got {'x': 2, 'y': 3}"),
        ({}, "need one common length"),
        ({"x y": np.zeros(2)}, "'x y' cannot be the name of a property"),
        ({"xyz": np.zeros((2, 3))}, "the property 'xyz' needs the shape [N], got [2, 3]"),
        ({"id": np.array([0, 2**40])}, "the property 'id' holds 0 to 1099511627776, beyond 32 bits"),
        ({"id": np.array([-1, 2**31])}, "beyond 32 bits"),
        ({"name": np.array(["a"])}, "PLY has no type for the property 'name'"),
    ],
)
def test_what_ply_cannot_hold_is_refused(tmp_path: Path, vertex: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        write_ply(tmp_path / "out.ply", vertex)
    assert not list(tmp_path.iterdir())
