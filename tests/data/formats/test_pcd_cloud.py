"""PCD: all three encodings are read and written again; what is not as the header says is named."""

from __future__ import annotations

import re
import struct
from pathlib import Path

import numpy as np
import pytest
from cloud_files import addition, check_copy, peak_memory, read_all
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pcd_files import HEADER, compressed, pcd_bytes, points

from ffnet3d.data.formats.lzf import decompress, literal_runs
from ffnet3d.data.formats.pcd_cloud import PcdCloud

ENCODINGS = ["ascii", "binary", "binary_compressed"]
FILES = settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
LABELS = {
    "label": (np.arange(23) % 20).astype(np.uint8),
    "confidence": np.linspace(0, 1, 23).astype(np.float32),
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "scan.pcd"


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_field_comes_out(file: Path, encoding: str) -> None:
    table = points(23)
    file.write_bytes(pcd_bytes(table, encoding))
    cloud = PcdCloud(file)
    assert cloud.num_points == 23
    names = ["x", "y", "z", "red", "green", "blue", "ring", "time", "fpfh_0", "fpfh_1", "fpfh_2"]
    assert list(cloud.names) == names
    columns = read_all(cloud)
    for name in ("x", "y", "z", "ring", "time"):
        np.testing.assert_array_equal(columns[name], table[name])
    np.testing.assert_array_equal(columns["fpfh_1"], table["fpfh"][:, 1])
    bits = table["rgb"].view("u4")
    np.testing.assert_array_equal(columns["red"], bits >> 16 & 255)
    np.testing.assert_array_equal(columns["green"], bits >> 8 & 255)
    np.testing.assert_array_equal(columns["blue"], bits & 255)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_copy_keeps_all_and_adds(file: Path, tmp_path: Path, encoding: str) -> None:
    file.write_bytes(pcd_bytes(points(23), encoding))
    out = tmp_path / "out" / "scan.pcd"
    check_copy(PcdCloud, file, out, LABELS)
    lines = out.read_bytes().splitlines()
    assert lines[0] == b"# .PCD v0.7 - made by hand"
    assert b"VIEWPOINT 1 2 3 0.5 0.5 0.5 0.5" in lines
    assert lines[2].endswith(b"fpfh label confidence")
    assert lines[3].endswith(b" 8 8 1 4")
    assert f"DATA {encoding}".encode() in lines


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_new_colours_are_packed_into_the_old_field(file: Path, tmp_path: Path, encoding: str) -> None:
    file.write_bytes(pcd_bytes(points(23), encoding))
    red, blue = np.arange(23, dtype=np.uint8) * 11, np.full(23, 255, np.uint8)
    values = {"blue": blue, "red": red, "ring": np.arange(23) * 1000}
    check_copy(PcdCloud, file, tmp_path / "out.pcd", values)


def test_lines_of_text_stay_as_they_are(file: Path, tmp_path: Path) -> None:
    rows = ["1.50 2 3e0 4", " nan\t1.0  2.00 7 "]
    header = HEADER.format(fields="x y z label", size="4 4 4 4", type="F F F U", count="1 1 1 1", n=2)
    file.write_bytes(f"{header}DATA ascii\n{rows[0]}\r\n{rows[1]}".encode())
    PcdCloud(file).copy(tmp_path / "out.pcd", addition({"confidence": np.array([0.5, 1], np.float32)}))
    assert (tmp_path / "out.pcd").read_bytes().endswith(b"1.50 2 3e0 4 0.5\r\n nan\t1.0  2.00 7  1.0\n")
    PcdCloud(file).copy(tmp_path / "out.pcd", addition({"label": np.array([11, 12])}))
    assert (tmp_path / "out.pcd").read_bytes().endswith(b"1.50 2 3e0 11\r\n nan\t1.0  2.00 12 \n")


def test_padding_is_skipped_and_kept(file: Path, tmp_path: Path) -> None:
    header = HEADER.format(fields="x _ y z _", size="4 1 4 4 1", type="F U F F U", count="1 4 1 1 3", n=2)
    rows = [struct.pack("<f4sff3s", i, b"keep", i + 1, i + 2, b"too") for i in range(2)]
    file.write_bytes(f"{header}DATA binary\n".encode() + b"".join(rows))
    assert read_all(PcdCloud(file))["z"].tolist() == [2, 3]
    out = tmp_path / "out.pcd"
    check_copy(PcdCloud, file, out, {"label": np.array([1, 2], np.uint8)})
    assert out.read_bytes().count(b"keep") == out.read_bytes().count(b"too") == 2


def test_alpha_of_rgba_and_of_rgb(file: Path, tmp_path: Path) -> None:
    for name, kind in (("rgba", "U"), ("rgb", "F")):
        header = HEADER.format(fields=name, size=4, type=kind, count=1, n=1)
        file.write_bytes(f"{header}DATA binary\n".encode() + struct.pack("<I", 0x80102030))
        columns = read_all(PcdCloud(file))
        assert [int(columns[c][0]) for c in ("red", "green", "blue")] == [0x10, 0x20, 0x30]
        assert ("alpha" in columns) == (name == "rgba")
        PcdCloud(file).copy(tmp_path / "out.pcd", addition({"green": np.array([0xFF], np.uint8)}))
        assert (tmp_path / "out.pcd").read_bytes()[-4:] == struct.pack("<I", 0x8010FF30)


def test_the_oldest_headers(file: Path, tmp_path: Path) -> None:
    file.write_bytes(b"# .PCD v.5\nCOLUMNS x y z\nPOINTS 2\nDATA ascii\n1 2 3\n4 5 6\n")
    assert read_all(PcdCloud(file))["y"].tolist() == [2, 5]
    after = check_copy(PcdCloud, file, tmp_path / "out.pcd", {"label": np.array([3, 4], np.uint8)})
    assert after.columns[-1].dtype == np.uint8


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_no_points(file: Path, tmp_path: Path, encoding: str) -> None:
    file.write_bytes(pcd_bytes(points(0), encoding))
    assert PcdCloud(file).num_points == 0
    check_copy(PcdCloud, file, tmp_path / "out.pcd", {"label": np.empty(0, np.uint8)})


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("count", [24, 10**12, 2**64 - 1])
def test_promises_beyond_the_file_are_refused_at_once(file: Path, encoding: str, count: int) -> None:
    data = pcd_bytes(points(23), encoding)
    file.write_bytes(
        data.replace(b"WIDTH 23", b"WIDTH %d" % count).replace(b"POINTS 23", b"POINTS %d" % count)
    )

    def refused() -> None:
        with pytest.raises(ValueError, match=rf"scan\.pcd: .*{count}"):
            list(PcdCloud(file).chunks())

    assert peak_memory(refused) < 1 << 23


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_cut_is_refused(file: Path, encoding: str) -> None:
    whole = pcd_bytes(points(3), encoding)
    for size in range(len(whole) - (12 if encoding == "ascii" else 1)):  # a number cut is a number
        file.write_bytes(whole[:size])
        with pytest.raises(ValueError, match=r"scan\.pcd"):
            list(PcdCloud(file).chunks())


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "DATA ascii",
            "DATA zip",
            "scan.pcd:11: DATA must be one of ascii, binary, binary_compressed, got 'zip'",
        ),
        ("SIZE 4 4 4", "SIZE 4 4", "scan.pcd: 3 FIELDS (x y z), but 2 SIZE"),
        ("TYPE F F F", "TYPE F F G", "the field 'z' has the unknown TYPE 'G' of SIZE '4'"),
        ("COUNT 1 1 1", "COUNT 1 1 0", "the field 'z' has the COUNT 0"),
        ("COUNT 1 1 1", "COUNT 1 1 99999999", "over 10000 numbers or 1048576 bytes"),
        ("FIELDS x y z", "FIELDS x y y", "the field 'y' stands twice"),
        ("WIDTH 2", "WIDTH 3", "POINTS is 2, but WIDTH times HEIGHT 3"),
        ("WIDTH 2", "WIDTH many", "WIDTH needs a whole number, got 'many'"),
        ("WIDTH 2", "WEITE 2", "scan.pcd:7: not a line of a PCD header: 'WEITE 2'"),
        ("HEIGHT 1", "WIDTH 2", "scan.pcd:8: WIDTH stands twice"),
        ("1 2 3\n", "1 2\n", "scan.pcd:12: 2 values, but a row has 3 (in '1 2')"),
        ("1 2 3\n", "1 2 3 4\n", "scan.pcd:12: 4 values, but a row has 3"),
        ("1 2 3\n", "1 two 3\n", "scan.pcd:12: y is 'two', no float32 number (in '1 two 3')"),
        ("4 5 6\n", "4 5 6\n\n7 8 9\n", "scan.pcd:15: the header promises 2 points, more follow"),
    ],
)
def test_odd_files_are_named(file: Path, old: str, new: str, message: str) -> None:
    header = HEADER.format(fields="x y z", size="4 4 4", type="F F F", count="1 1 1", n=2)
    whole = f"{header}DATA ascii\n1 2 3\n4 5 6\n"
    assert old in whole
    file.write_text(whole.replace(old, new))
    with pytest.raises(ValueError, match=re.escape(message)):
        list(PcdCloud(file).chunks())


@pytest.mark.parametrize(
    ("word", "value"), [("7.0", 7), ("+7", 7), ("7.5", None), ("256", None), ("nan", None)]
)
def test_integers_of_text(file: Path, word: str, value: int | None) -> None:
    header = HEADER.format(fields="x label", size="4 1", type="F U", count="1 1", n=1)
    file.write_text(f"{header}DATA ascii\n1 {word}\n")
    if value is None:
        with pytest.raises(ValueError, match=re.escape(f"scan.pcd:12: label is '{word}', no uint8 number")):
            read_all(PcdCloud(file))
    else:
        assert read_all(PcdCloud(file))["label"].tolist() == [value]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"ring": np.full(23, 70000)}, "'ring' is of type .*u?int16, which cannot hold 70000"),
        ({"my label": np.zeros(23, np.uint8)}, "'my label' cannot be the name of a new field"),
        ({"rgb": np.zeros(23, np.uint8)}, "'rgb' cannot be the name of a new field"),
        ({"label": np.zeros(23, complex)}, "no type for the column 'label', complex128"),
    ],
)
def test_what_cannot_be_written_leaves_nothing(
    file: Path, tmp_path: Path, values: dict[str, np.ndarray], message: str
) -> None:
    file.write_bytes(pcd_bytes(points(23), "binary"))
    with pytest.raises(ValueError, match=message):
        PcdCloud(file).copy(tmp_path / "out.pcd", addition(values))
    assert [path.name for path in tmp_path.iterdir()] == ["scan.pcd"]


def unpacked(data: bytes, size: int) -> bytes:
    return b"".join(bytes(block) for block in decompress(data, 0, len(data), size))


@FILES
@given(st.binary(max_size=300), st.integers(0, 3))
def test_lzf_there_and_back(data: bytes, times: int) -> None:
    data *= 10**times
    assert unpacked(literal_runs(data), len(data)) == data
    assert unpacked(compressed(data), len(data)) == data


@pytest.mark.parametrize(
    ("data", "size", "message"),
    [
        (b"\x02ab", 3, "do not give the 3 bytes"),
        (b"\x02abc", 4, "do not give the 4 bytes"),
        (b"\x00a\x20", 4, "end within a copy"),
        (b"\x00a\xe0\x05", 16, "end within a copy"),
        (b"\x00a\x20\x01", 4, "refer to bytes before"),
    ],
)
def test_lzf_that_is_damaged(data: bytes, size: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        unpacked(data, size)


def test_a_bomb_stops_at_its_promise() -> None:
    bomb = b"\x00a" + b"\xe0\xff\x00" * 200_000
    with pytest.raises(ValueError, match="do not give the 2000000 bytes"):
        unpacked(bomb, 2_000_000)
