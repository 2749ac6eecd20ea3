"""Arrays of points: their columns named or guessed, read in chunks, and copied with columns more."""

from __future__ import annotations

import io
import os
import pickle
import re
from pathlib import Path

import numpy as np
import pytest
from cloud_copies import addition, additions, joined
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.lib import format as npy_format

from ffnet3d.data.formats import NpyCloud

FILES = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
RNG = np.random.default_rng(0)
XYZ = RNG.normal(size=(5000, 3))
BYTES = RNG.integers(0, 256, (5000, 3))
NORMALS = XYZ / np.linalg.norm(XYZ, axis=1, keepdims=True)


def saved(folder: Path, array: np.ndarray) -> Path:
    np.save(folder / "scan.npy", array)
    return folder / "scan.npy"


@pytest.mark.parametrize(
    ("parts", "names"),
    [
        ([XYZ], "x y z"),
        ([XYZ, BYTES], "x y z red green blue"),
        ([XYZ, BYTES / 255], "x y z red green blue"),
        ([XYZ, BYTES * 257], "x y z red green blue"),
        ([XYZ, BYTES * 0.7], "x y z red green blue"),
        ([XYZ, NORMALS], "x y z nx ny nz"),
        ([XYZ, BYTES, NORMALS], "x y z red green blue nx ny nz"),
        ([XYZ, NORMALS, BYTES], "x y z nx ny nz red green blue"),
        ([XYZ, BYTES, BYTES[:, :1]], "x y z red green blue column_7"),
        ([XYZ, BYTES[:, :1]], "x y z column_4"),
        ([XYZ, XYZ], "x y z column_4 column_5 column_6"),
        ([XYZ, BYTES * 300.5], "x y z column_4 column_5 column_6"),
        ([XYZ, XYZ * np.nan], "x y z column_4 column_5 column_6"),
    ],
)
def test_columns_of_plain_arrays_are_guessed(tmp_path: Path, parts: list[np.ndarray], names: str) -> None:
    array = np.concatenate(parts, axis=1).astype(np.float32)
    for order in "CF":
        cloud = NpyCloud(saved(tmp_path, np.asarray(array, order=order)))
        assert cloud.names == tuple(names.split())


def test_colours_are_seen_behind_a_black_start(tmp_path: Path) -> None:
    normals = NORMALS.copy()
    normals[:4500] = 0, 0, 1  # a floor first
    assert NpyCloud(saved(tmp_path, np.concatenate([XYZ, normals], axis=1))).names[3:] == ("nx", "ny", "nz")


def test_names_may_be_stated(tmp_path: Path) -> None:
    file = saved(tmp_path, np.concatenate([XYZ, BYTES], axis=1))
    cloud = NpyCloud(file, ["intensity", "x", "y", "z"])
    assert cloud.names == ("intensity", "x", "y", "z", "column_5", "column_6")
    np.testing.assert_array_equal(joined(cloud)["x"], XYZ[:, 1])
    with pytest.raises(ValueError, match=r"scan\.npy: 7 names are stated \(a, b, .*but there are 6 columns"):
        NpyCloud(file, list("abcdefg"))
    with pytest.raises(ValueError, match=r"scan\.npy: its columns would be x, y, x, .*: x stands twice"):
        NpyCloud(file, ["x", "y", "x"])


@FILES
@given(
    dtype=st.sampled_from(["<f4", ">f4", "f8", "f2", "i2", "u1", "i4", "u2", ">i8"]),
    width=st.integers(3, 8),
    count=st.integers(1, 9),
    order=st.sampled_from("CF"),
    rows=st.integers(1, 4),
    data=st.data(),
)
def test_a_copy_of_a_plain_array(
    tmp_path: Path, dtype: str, width: int, count: int, order: str, rows: int, data: st.DataObject
) -> None:
    array = np.asarray(RNG.integers(0, 100, (count, width)).astype(dtype), order=order)
    names = ["x", "y", "label", "a", "b", "c", "d", "e"][:width]
    cloud = NpyCloud(saved(tmp_path, array), names)
    held = joined(cloud, rows)
    for column, name in enumerate(names):
        np.testing.assert_array_equal(held[name], array[:, column])
    added, expected = data.draw(additions(count, {"label": np.dtype(dtype)}))
    cloud.copy(tmp_path / "out.npy", added, rows)
    copy = np.load(tmp_path / "out.npy")
    assert np.can_cast(array.dtype, copy.dtype, "safe")
    if array.dtype.itemsize > 1 and array.dtype.kind == "f":
        assert copy.dtype == array.dtype
    new = [name for name in expected if name not in names]
    for column, name in enumerate([*names, *new]):
        values = copy[:, column]
        if name in names:
            np.testing.assert_array_equal(values, expected.get(name, held[name]))
        else:
            np.testing.assert_array_equal(values, expected[name].astype(copy.dtype))
            assert name == "confidence" or (values == expected[name]).all()


def test_labels_are_exact_where_floats_are_too_short(tmp_path: Path) -> None:
    cloud = NpyCloud(saved(tmp_path, np.ones((3, 3), np.float32)))
    cloud.copy(tmp_path / "out.npy", addition({"id": np.array([1, 2**24 + 1, 3])}), 1)
    copy = np.load(tmp_path / "out.npy")
    assert copy.dtype == np.float64
    assert copy[:, 3].tolist() == [1, 2**24 + 1, 3]
    cloud = NpyCloud(saved(tmp_path, np.full((3, 3), 2**53 + 1)))
    with pytest.raises(
        ValueError, match=r"scan\.npy: its column 'x' is of type float64, which cannot hold 9007"
    ):
        cloud.copy(tmp_path / "out.npy", addition({"confidence": np.ones(3, np.float32)}))
    assert np.load(tmp_path / "out.npy").shape == (3, 4)


STRUCTURED = np.dtype(
    {
        "names": ["Z", "name", "rgb", "X", "label", "Y", "big"],
        "formats": ["<f4", "S3", ("u1", (3,)), "<f8", "<u2", "<f4", ">i8"],
        "offsets": [0, 4, 8, 16, 24, 32, 40],
        "itemsize": 56,
    }
)


@FILES
@given(count=st.integers(1, 9), rows=st.integers(1, 4), data=st.data())
def test_a_copy_of_a_structured_array(tmp_path: Path, count: int, rows: int, data: st.DataObject) -> None:
    array = np.zeros(count, STRUCTURED)
    for name in ("Z", "X", "label", "Y", "big"):
        array[name] = RNG.integers(0, 99, count)
    array["name"], array["rgb"] = b"abc", RNG.integers(0, 255, (count, 3))
    cloud = NpyCloud(saved(tmp_path, array))
    assert cloud.names == ("Z", "red", "green", "blue", "X", "label", "Y", "big")
    np.testing.assert_array_equal(joined(cloud, rows)["green"], array["rgb"][:, 1])
    added, expected = data.draw(additions(count, {"label": np.dtype("u2"), "red": np.dtype("u1")}))
    cloud.copy(tmp_path / "out.npy", added, rows)
    copy = np.load(tmp_path / "out.npy")
    for name in ("Z", "name", "X", "Y", "big"):
        assert copy.dtype[name] == array.dtype[name]
        np.testing.assert_array_equal(copy[name], array[name])
    np.testing.assert_array_equal(copy["rgb"][:, 1:], array["rgb"][:, 1:])
    np.testing.assert_array_equal(copy["rgb"][:, 0], expected.get("red", array["rgb"][:, 0]))
    np.testing.assert_array_equal(copy["label"], expected.get("label", array["label"]))
    for name in expected.keys() - {"red", "label"}:
        np.testing.assert_array_equal(copy[name], expected[name])
        assert copy[name].dtype == expected[name].dtype


def test_field_names_beyond_latin(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="format 3"):
        file = saved(tmp_path, np.ones(2, [("x", "f4"), ("y", "f4"), ("z", "f4"), ("标签", "u1")]))
    cloud = NpyCloud(file)
    assert cloud.names[3] == "标签"
    cloud.copy(tmp_path / "out.npy", addition({"label": np.array([1, 2], np.uint8)}))
    assert np.load(tmp_path / "out.npy").dtype.names == ("x", "y", "z", "标签", "label")


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.ones((5, 2)), "needs the shape [N, 3 or more], got [5, 2]"),
        (np.ones(5), "needs the shape [N, 3 or more], got [5]"),
        (np.ones((3, 2000)), "needs the shape [N, 3 or more], got [3, 2000]; are its rows its columns?"),
        (np.ones((0, 3)), "it holds no points"),
        (np.ones((4, 3), np.complex64), "needs real numbers, got dtype complex64"),
        (np.array([["a", "b", "c"]]), "needs real numbers, got dtype <U1"),
        (np.ones((2, 2), [("x", "f4")]), "an array with fields needs the shape [N], got [2, 2]"),
        (np.ones(2, [("x", "u1", (5000,))]), "5000 numbers in a row, more than points have"),
    ],
)
def test_arrays_that_are_no_points(tmp_path: Path, array: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=rf"scan\.npy: {re.escape(message)}"):
        NpyCloud(saved(tmp_path, array))


def header(shape: object, descr: object = "<f4") -> bytes:
    stream = io.BytesIO()
    npy_format.write_array_header_2_0(stream, {"descr": descr, "fortran_order": False, "shape": shape})
    return stream.getvalue()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"not an array", "not a .npy array"),
        (b"", "not a .npy array"),
        (
            header((10**12, 3)) + bytes(12),
            "promises an array [1000000000000, 3] of 12000000000000 bytes, the",
        ),
        (header((2**62, 2**62)), "the header promises an array"),
        (header((10**40, 3)), "the header of the array is not one that NumPy writes"),
        (header((-1, 3)), "the header of the array is not one that NumPy writes"),
        (header((10**12, 3), "|V0"), "the header promises an array"),
        (header((2, 3), "<f9"), "the header of the array is not one that NumPy writes"),
        (header((2, 3), "<f4").replace(b"'shape'", b"'shade'"), "is not one that NumPy writes ('shape')"),
        (b"\x93NUMPY\x02\x00\xff\xff\xff\xff{", "the header should have 4294967295 bytes"),
        (b"\x93NUMPY\x01\x00\x10\x27" + b"(" * 10000, "is not one that NumPy writes"),
    ],
)
def test_odd_headers_are_refused(tmp_path: Path, data: bytes, message: str) -> None:
    (tmp_path / "scan.npy").write_bytes(data)
    with pytest.raises(
        ValueError, match=rf"scan\.npy: .*{re.escape(message)}|scan\.npy: {re.escape(message)}"
    ):
        NpyCloud(tmp_path / "scan.npy")


class Trap:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.folder),)


def test_a_pickled_array_is_never_executed(tmp_path: Path) -> None:
    trap = np.empty((2, 3), object)
    trap[:] = Trap(tmp_path / "sprung")
    np.save(tmp_path / "scan.npy", trap, allow_pickle=True)
    with pytest.raises(ValueError, match=r"scan\.npy: holds pickled Python objects, which are never read"):
        NpyCloud(tmp_path / "scan.npy")
    (tmp_path / "bare.npy").write_bytes(pickle.dumps(Trap(tmp_path / "sprung")))
    with pytest.raises(ValueError, match=r"bare\.npy: not a \.npy array"):
        NpyCloud(tmp_path / "bare.npy")
    assert not (tmp_path / "sprung").exists()
