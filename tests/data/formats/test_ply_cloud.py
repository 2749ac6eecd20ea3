"""PLY clouds: chunks are the file, a copy is the file with columns more."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cloud_copies import additions, joined
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ply_files import CODES, Part, ply_bytes

from ffnet3d.data.formats import Addition, Column, PlyCloud, read_ply

ENCODINGS = ["ascii", "binary_little_endian", "binary_big_endian"]
FACES = Part("face", [("list uchar int", "vertex_indices")], [([0, 1, 2],), ([2, 1, 0, 3],)])
EDGES = Part("edge", [("int", "from"), ("int", "to")], [(0, 1)])
FILES = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


def values(kind: str) -> st.SearchStrategy[Any]:
    if CODES[kind] in "fd":
        return st.floats(width=32 if CODES[kind] == "f" else 64, allow_nan=False)
    limits = np.iinfo(CODES[kind])
    return st.integers(int(limits.min), int(limits.max))


@st.composite
def vertices(draw: st.DrawFn) -> Part:
    names = draw(st.permutations(["z", "label", "x", "nx", "red", "y"]))
    kinds = [draw(st.sampled_from(sorted(CODES))) for _ in names]
    rows = draw(st.lists(st.tuples(*map(values, kinds)), min_size=1, max_size=7))
    return Part("vertex", list(zip(kinds, names, strict=True)), rows)


def cloud_of(folder: Path, data: bytes) -> PlyCloud:
    file = folder / "scan.ply"
    file.write_bytes(data)
    return PlyCloud(file)


@FILES
@given(
    part=vertices(),
    encoding=st.sampled_from(ENCODINGS),
    newline=st.sampled_from(["\n", "\r\n", "\r"]),
    before=st.sampled_from([[], [FACES], [EDGES], [EDGES, FACES]]),
    rows=st.integers(1, 4),
    data=st.data(),
)
def test_chunks_are_the_file_and_a_copy_has_columns_more(
    tmp_path: Path,
    part: Part,
    encoding: str,
    newline: str,
    before: list[Part],
    rows: int,
    data: st.DataObject,
) -> None:
    after = [other for other in (FACES, EDGES) if other not in before]
    whole = ply_bytes([*before, part, *after], encoding, newline)
    cloud = cloud_of(tmp_path, whole)
    assert (cloud.num_points, cloud.names) == (len(part.rows), tuple(name for _, name in part.properties))
    assert all(0 < len(chunk["x"]) <= rows for chunk in cloud.chunks(rows))
    held = joined(cloud, rows)
    for number, (kind, name) in enumerate(part.properties):
        assert held[name].dtype == np.dtype(CODES[kind])
        assert held[name].tolist() == [row[number] for row in part.rows]

    label = next(column.dtype for column in cloud.columns if column.name == "label")
    added, expected = data.draw(additions(cloud.num_points, {"label": label}))
    out = tmp_path / "out.ply"
    cloud.copy(out, added, rows)
    copy = PlyCloud(out)
    new = [name for name in expected if name not in cloud.names]
    assert copy.names == (*cloud.names, *new)
    for name, array in joined(copy, rows).items():
        np.testing.assert_array_equal(array, expected.get(name, held.get(name)))
        assert array.dtype == held.get(name, array).dtype
    old, read = read_ply(tmp_path / "scan.ply"), read_ply(out)
    assert (read.comments, list(read.elements)) == (old.comments, list(old.elements))

    with_own_columns = Part(
        "vertex",
        [*part.properties, *((STORED[expected[name].dtype.kind], name) for name in new)],
        [
            (*kept, *(expected[name][row].item() for name in new))
            for row, kept in enumerate(replaced_rows(part, expected))
        ],
    )
    assert_same_file(out.read_bytes(), ply_bytes([*before, with_own_columns, *after], encoding, newline))


STORED = {"u": "uchar", "i": "int", "f": "float"}


def replaced_rows(part: Part, expected: dict[str, np.ndarray]) -> list[tuple[Any, ...]]:
    names = [name for _, name in part.properties]
    return [
        tuple(
            expected[name][row].item() if name in expected else value
            for name, value in zip(names, values, strict=True)
        )
        for row, values in enumerate(part.rows)
    ]


def assert_same_file(found: bytes, expected: bytes) -> None:
    """Equal, in text up to how a number is written."""
    if b"format ascii" not in found:
        assert found == expected
        return
    pairs = zip(found.split(), expected.split(), strict=True)
    for one, other in pairs:
        assert one == other or np.float32(one) == np.float32(other)


def test_text_stays_as_it_is_written(tmp_path: Path) -> None:
    head = "ply\nformat ascii 1.0\ncomment  spaces   stay\nelement vertex 2\nproperty float x\n"
    tail = "end_header\n\n  0.10000000000000000001\t007\n\n1e-3 2  \n3 0 0 0\n\n3 1   1 1"
    face = "element face 2\nproperty list uchar int vertex_indices\n"
    cloud = cloud_of(tmp_path, f"{head}property uchar label\n{face}{tail}".encode())
    added = Addition(
        (Column("confidence", np.dtype("f4")),), lambda a, b: {"confidence": np.full(b - a, 0.1, "f4")}
    )
    cloud.copy(tmp_path / "out.ply", added)
    text = (tmp_path / "out.ply").read_text()
    assert text == (
        f"{head}property uchar label\nproperty float confidence\n{face}end_header\n"
        "  0.10000000000000000001\t007 0.1\n1e-3 2 0.1\n3 0 0 0\n\n3 1   1 1"
    )
    again = Addition((Column("label", np.dtype("i8")),), lambda a, b: {"label": np.arange(a, b) + 40})
    cloud.copy(tmp_path / "scan.ply", again)  # onto itself
    assert "\n0.10000000000000000001 40\n1e-3 41\n3 0 0 0" in (tmp_path / "scan.ply").read_text()


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_value_that_a_column_cannot_hold_is_named_and_nothing_is_written(
    tmp_path: Path, encoding: str
) -> None:
    part = Part("vertex", [("float", "x"), ("uchar", "label")], [(0.5, 1), (1.5, 2)])
    cloud = cloud_of(tmp_path, ply_bytes([part], encoding))
    for name, dtype, value, message in [
        ("label", "i4", -1, "its column 'label' is of type uint8, which cannot hold -1"),
        ("big", "i8", 2**40, "its column 'big' is of type int32, which cannot hold 1099511627776"),
        ("two words", "i4", 0, "'two words' cannot be the name of a property"),
        ("c", "c8", 0, "PLY has no type for the column 'c', complex64"),
    ]:
        added = Addition(
            (Column(name, np.dtype(dtype)),), lambda a, b, n=name, d=dtype, v=value: {n: np.full(b - a, v, d)}
        )
        with pytest.raises(
            ValueError, match=rf"scan\.ply: .*{re.escape(message)}|scan\.ply: {re.escape(message)}"
        ):
            cloud.copy(tmp_path / "out.ply", added)
    assert [file.name for file in tmp_path.iterdir()] == ["scan.ply"]


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ([FACES], "no element 'vertex', but face"),
        ([Part("vertex", [], [()])], "its element 'vertex' has no properties"),
        ([Part("vertex", [("list uchar int", "near")], [([1],)])], "its element 'vertex' has lists (near)"),
    ],
)
def test_files_without_plain_vertices_are_refused(tmp_path: Path, parts: list[Part], message: str) -> None:
    with pytest.raises(ValueError, match=rf"scan\.ply: {re.escape(message)}"):
        cloud_of(tmp_path, ply_bytes(parts))


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("name", ["vertex", "face"])
def test_promises_beyond_the_file_are_refused_at_once(tmp_path: Path, encoding: str, name: str) -> None:
    part = Part("vertex", [("float", "x")], [(1.0,), (2.0,)])
    data = ply_bytes([FACES, part], encoding).replace(f"{name} 2".encode(), f"{name} {10**12}".encode())
    with pytest.raises(ValueError, match=rf"scan\.ply: the header promises {10**12} rows.*bytes are left"):
        cloud_of(tmp_path, data)
