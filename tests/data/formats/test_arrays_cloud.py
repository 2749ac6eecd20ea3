"""Archives and scene folders: arrays as columns, and copies with arrays more."""

from __future__ import annotations

import re
import struct
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cloud_copies import addition, additions, joined
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ffnet3d.data.formats import Cloud, FolderCloud, NpzCloud

FILES = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
RNG = np.random.default_rng(0)


def folder(path: Path, arrays: Mapping[str, np.ndarray]) -> FolderCloud:
    path.mkdir(exist_ok=True)
    for file in path.iterdir():
        file.unlink()
    for name, array in arrays.items():
        np.save(path / f"{name}.npy", array)
    return FolderCloud(path)


def stored(path: Path, arrays: Mapping[str, np.ndarray]) -> NpzCloud:
    np.savez(path.with_suffix(".npz"), **arrays)
    return NpzCloud(path.with_suffix(".npz"))


def packed(path: Path, arrays: Mapping[str, np.ndarray]) -> NpzCloud:
    np.savez_compressed(path.with_suffix(".npz"), **arrays)
    return NpzCloud(path.with_suffix(".npz"))


def contents(path: Path) -> dict[str, np.ndarray]:
    if path.is_dir():
        return {file.stem: np.load(file) for file in path.glob("*.npy")}
    return dict(np.load(path))


def scene(count: int, order: str = "C") -> dict[str, np.ndarray]:
    return {
        "coord": np.asarray(RNG.normal(size=(count, 3)).astype(np.float32), order=order),  # type: ignore[call-overload]
        "color": np.asarray(RNG.integers(0, 256, (count, 3)).astype(np.uint8), order=order),  # type: ignore[call-overload]
        "normal": RNG.normal(size=(count, 3)).astype(">f4"),
        "segment": RNG.integers(0, 20, (count, 1)).astype(np.int16),
        "label": RNG.integers(0, 20, count),
        "extra": RNG.normal(size=(count, 2)),
        "axis": np.eye(4),
        "names": np.array(["a"] * count),
        "none": np.zeros((count, 0)),
    }


MAKERS: list[Callable[[Path, Mapping[str, np.ndarray]], Cloud]] = [folder, stored, packed]


@FILES
@given(
    make=st.sampled_from(MAKERS),
    count=st.integers(5, 12),
    order=st.sampled_from("CF"),
    rows=st.integers(1, 5),
    data=st.data(),
)
def test_chunks_and_copies(
    tmp_path: Path, make: Any, count: int, order: str, rows: int, data: st.DataObject
) -> None:
    arrays = scene(count, order)
    cloud = make(tmp_path / "scan", arrays)
    names = [
        "x",
        "y",
        "z",
        "red",
        "green",
        "blue",
        "nx",
        "ny",
        "nz",
        "segment",
        "label",
        "extra_0",
        "extra_1",
    ]
    assert (cloud.num_points, sorted(cloud.names)) == (count, sorted(names))
    held = joined(cloud, rows)
    assert all(len(chunk["x"]) <= rows for chunk in cloud.chunks(rows))
    np.testing.assert_array_equal(
        np.stack([held["red"], held["green"], held["blue"]], axis=1), arrays["color"]
    )
    np.testing.assert_array_equal(held["y"], arrays["coord"][:, 1])
    np.testing.assert_array_equal(held["segment"], arrays["segment"][:, 0])

    types = {"label": np.dtype("i8"), "blue": np.dtype("u1"), "segment": np.dtype("i2")}
    added, expected = data.draw(additions(count, types))
    out = tmp_path / ("out.npz" if isinstance(cloud, NpzCloud) else "out")
    cloud.copy(out, added, rows)
    copy = contents(out)
    new = expected.keys() - types.keys()
    assert copy.keys() == arrays.keys() | new
    for name, array in arrays.items():
        should = array.copy()
        if name in expected:
            should[...] = expected[name].reshape(array.shape)
        if name == "color" and "blue" in expected:
            should[:, 2] = expected["blue"]
        assert (copy[name].dtype, copy[name].shape) == (array.dtype, array.shape)
        assert copy[name].tobytes() == should.tobytes()
    for name in new:
        np.testing.assert_array_equal(copy[name], expected[name])


@pytest.mark.parametrize("make", MAKERS)
def test_colours_of_labels_are_one_array_and_replaced_the_next_time(tmp_path: Path, make: Any) -> None:
    cloud = make(tmp_path / "scan", {"coord": np.ones((4, 3))})
    values = {
        f"label_{channel}": np.arange(4, dtype=np.uint8) + n
        for n, channel in enumerate(("red", "green", "blue"))
    }
    out = tmp_path / ("out.npz" if isinstance(cloud, NpzCloud) else "out")
    cloud.copy(out, addition({**values, "label": np.arange(4)}))
    assert contents(out)["label_color"].tolist() == [[n, n + 1, n + 2] for n in range(4)]
    again = type(cloud)(out)
    assert set(again.names) == {"x", "y", "z", "label", *values}
    again.copy(out, addition({name: array + 9 for name, array in values.items()}))  # onto itself
    assert contents(out).keys() == {"coord", "label", "label_color"}
    assert contents(out)["label_color"][0].tolist() == [9, 10, 11]


def test_other_files_of_a_folder_stay(tmp_path: Path) -> None:
    cloud = folder(tmp_path / "scan", {"coord": np.ones((2, 3)), "segment": np.zeros(2, int)})
    (tmp_path / "scan" / "notes.txt").write_text("kept")
    (tmp_path / "scan" / "more").mkdir()
    (tmp_path / "scan" / "more" / "segment.npy").write_bytes(b"not touched")
    cloud.copy(tmp_path / "out", addition({"segment": np.array([4, 5])}))
    assert (tmp_path / "out" / "notes.txt").read_text() == "kept"
    assert (tmp_path / "out" / "more" / "segment.npy").read_bytes() == b"not touched"
    assert np.load(tmp_path / "out" / "segment.npy").tolist() == [4, 5]
    with pytest.raises(ValueError, match=r"lies within the scene"):
        cloud.copy(tmp_path / "scan" / "out", addition({}))
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(ValueError, match="taken: a file is in the way of the folder"):
        cloud.copy(tmp_path / "taken", addition({}))
    assert {path.name for path in tmp_path.iterdir()} == {"scan", "out", "taken"}


def test_a_failed_copy_leaves_the_former_folder(tmp_path: Path) -> None:
    cloud = folder(tmp_path / "scan", {"coord": np.ones((2, 3)), "label": np.zeros(2, np.uint8)})
    with pytest.raises(ValueError, match="scan: its column 'label' is of type uint8, which cannot hold -1"):
        cloud.copy(tmp_path / "scan", addition({"label": np.array([1, -1])}))
    assert contents(tmp_path / "scan")["label"].tolist() == [0, 0]
    assert [path.name for path in tmp_path.iterdir()] == ["scan"]


@pytest.mark.parametrize("make", [stored, packed])
@pytest.mark.parametrize(
    ("arrays", "names"),
    [
        (
            {"arr_0": np.concatenate([np.ones((9, 3)), RNG.integers(0, 255, (9, 3))], axis=1)},
            "x y z red green blue",
        ),
        ({"points": np.ones((9, 4)), "normals": np.ones((9, 3))}, "x y z column_4 nx ny nz"),
        ({"POS": np.ones((9, 3)), "rgb": np.ones((9, 4))}, "x y z red green blue alpha"),
        ({"Y": np.ones(9), "X": np.ones(9), "Z": np.ones((9, 1)), "w": np.ones(8)}, "X Y Z"),
        ({"xyz": np.ones((9, 3)), "coord": np.zeros((9, 3)), "x": np.ones(9)}, "x y z xyz_0 xyz_1 xyz_2 x_0"),
    ],
)
def test_names_of_arrays(tmp_path: Path, make: Any, arrays: dict[str, np.ndarray], names: str) -> None:
    assert sorted(make(tmp_path / "scan", arrays).names) == sorted(names.split())


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"a": np.ones(3), "b": np.ones((3, 2))}, "no coordinates among its arrays (a [3], b [3, 2])"),
        ({"a": np.ones((3, 3)), "b": np.ones((3, 3))}, "no coordinates among its arrays"),
        ({"coord": np.ones((0, 3))}, "it holds no points: its array 'coord' is empty"),
    ],
)
def test_archives_without_points(tmp_path: Path, arrays: dict[str, np.ndarray], message: str) -> None:
    with pytest.raises(ValueError, match=rf"scan\.npz: {re.escape(message)}"):
        stored(tmp_path / "scan", arrays)


@pytest.mark.parametrize("make", MAKERS)
def test_an_array_of_another_length_in_the_way_is_named(tmp_path: Path, make: Any) -> None:
    cloud = make(tmp_path / "scan", {"coord": np.ones((4, 3)), "label": np.ones(7)})
    with pytest.raises(ValueError, match=r"scan.*: its array 'label' of the shape \[7\] is in the way"):
        cloud.copy(tmp_path / "out", addition({"label": np.zeros(4, int)}))


@pytest.mark.parametrize("make", MAKERS)
def test_pickled_arrays_are_kept_but_never_read(tmp_path: Path, make: Any) -> None:
    cloud = make(tmp_path / "scan", {"coord": np.ones((4, 3)), "what": np.array([{}, [], 1, "a"], object)})
    assert cloud.names == ("x", "y", "z")
    with pytest.raises(ValueError, match=r"coord\.npy: holds pickled Python objects, which are never read"):
        make(tmp_path / "scan", {"coord": np.array([[{}, 1, 2]], object)})


def test_a_folder_without_coordinates(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"coord\.npy is missing: a scene folder needs coord\.npy"):
        folder(tmp_path / "scan", {"color": np.ones((4, 3))})
    folder(tmp_path / "scan", {"coord": np.ones((4, 3)), "color": np.ones((4, 3))})
    file = tmp_path / "scan" / "color.npy"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(ValueError, match=r"color\.npy: the header promises an array \[4, 3\] of 96 bytes"):
        FolderCloud(tmp_path / "scan")


def test_members_that_unpack_to_far_more_are_refused(tmp_path: Path) -> None:
    packed(tmp_path / "scan", {"coord": np.ones((4, 3))})
    file = tmp_path / "scan.npz"
    data = bytearray(file.read_bytes())
    entry = data.index(b"PK\x01\x02")
    data[entry + 24 : entry + 28] = struct.pack("<I", 2**31)
    file.write_bytes(data)
    with pytest.raises(ValueError, match=rf"scan\.npz: its members promise to unpack to {2**31} bytes"):
        NpzCloud(file)


def test_archives_of_other_kinds_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "scan.npz"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("coord.npy", b"anything")
    with pytest.raises(ValueError, match=r"scan\.npz/coord\.npy: packed or encrypted in a way"):
        NpzCloud(file)
    with zipfile.ZipFile(file, "w") as archive:
        pass
    with pytest.raises(ValueError, match=r"scan\.npz: needs 1 to 1024 members"):
        NpzCloud(file)
    file.write_bytes(b"no archive")
    with pytest.raises(ValueError, match=r"scan\.npz: a damaged archive"):
        NpzCloud(file)


def test_a_damaged_member_is_named_where_it_is_read(tmp_path: Path) -> None:
    stored(tmp_path / "scan", {"coord": np.ones((400, 3))})
    file = tmp_path / "scan.npz"
    data = bytearray(file.read_bytes())
    data[2000] ^= 1
    file.write_bytes(data)
    with pytest.raises(ValueError, match=r"scan\.npz/coord\.npy: a damaged archive \(Bad CRC-32"):
        joined(NpzCloud(file))
    with pytest.raises(ValueError, match=r"scan\.npz/coord\.npy: a damaged archive \(Bad CRC-32"):
        NpzCloud(file).copy(tmp_path / "out.npz", addition({}))
    assert not (tmp_path / "out.npz").exists()
