"""LAS and LAZ: every dimension comes out, a copy keeps all bits, broken promises are refused at once."""

from __future__ import annotations

import re
import struct
from pathlib import Path

import numpy as np
import pytest
from cloud_files import addition, check_copy, peak_memory, read_all

from ffnet3d.data.formats.las_cloud import LasCloud

laspy = pytest.importorskip("laspy", reason="laspy is not installed: pip install 'ffnet3d[io]'")
from las_files import write_las  # noqa: E402

LABELS = {
    "label": (np.arange(50) * 5).astype(np.uint8),
    "truth": np.arange(50, dtype=np.uint16) * 1000,
    "confidence": np.linspace(0, 1, 50).astype(np.float32),
    "sure": np.arange(50) % 2 == 0,
}
VARIANTS = [(fmt, "1.2") for fmt in (0, 1, 2, 3)] + [(2, "1.4")] + [(fmt, "1.4") for fmt in (6, 7, 8)]
SUFFIXES = ["las", "laz"]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_dimension_comes_out(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"scan.{suffix}"
    las = write_las(file)
    cloud = LasCloud(file)
    assert cloud.num_points == 50
    assert cloud.names[:4] == ("x", "y", "z", "intensity")
    names = "red green blue quality angles_0 angles_1 angles_2 range"
    assert cloud.names[-8:] == tuple(names.split())
    columns = read_all(cloud)
    np.testing.assert_array_equal(columns["x"], las.X * 0.001 + 1e5)
    np.testing.assert_array_equal(columns["y"], las.Y * 0.01 - 5e6)
    np.testing.assert_array_equal(columns["red"], las.red)
    assert columns["red"].dtype == np.uint16
    np.testing.assert_array_equal(columns["classification"], las.classification)
    np.testing.assert_array_equal(columns["angles_1"], las.angles[:, 1])
    np.testing.assert_array_equal(columns["range"], las.points.array["range"] * 0.5 + 10)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(("point_format", "version"), VARIANTS)
@pytest.mark.parametrize("extra", [False, True])
def test_a_copy_keeps_every_bit(
    tmp_path: Path, point_format: int, version: str, suffix: str, extra: bool
) -> None:
    file, out = tmp_path / f"scan.{suffix}", tmp_path / f"out.{suffix}"
    write_las(file, 50, point_format, version, extra)
    check_copy(LasCloud, file, out, LABELS, rows=20)
    old, new = laspy.read(file), laspy.read(out)
    for name in old.points.array.dtype.names:
        assert new.points.array[name].tobytes() == old.points.array[name].tobytes()
    assert (new.header.version, new.header.point_format.id) == (old.header.version, point_format)
    np.testing.assert_array_equal(new.header.scales, old.header.scales)
    np.testing.assert_array_equal(new.header.offsets, old.header.offsets)
    np.testing.assert_array_equal(new.header.maxs, old.header.maxs)
    np.testing.assert_array_equal(
        new.header.number_of_points_by_return, old.header.number_of_points_by_return
    )
    assert (new.header.system_identifier, new.header.file_source_id) == ("a scanner", 77)
    assert new.header.creation_date == old.header.creation_date
    kept = [record for record in new.header.vlrs if record.user_id == "somebody"]
    assert [record.record_data for record in kept] == [b"\x01\x02\x03"]
    assert [record.record_data for record in new.evlrs or []] == [b"evlr" * 10] * (version == "1.4")
    assert new.header.are_points_compressed == (suffix == "laz")


def test_a_dimension_that_is_there_keeps_its_type(tmp_path: Path) -> None:
    file = tmp_path / "scan.las"
    write_las(file)
    values = {
        "classification": np.arange(50) % 32,
        "red": np.arange(50) * 1000,
        "angles_2": np.arange(50),
        "label": np.arange(50),
    }
    check_copy(LasCloud, file, tmp_path / "out.las", values)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"red": np.full(50, 70000)}, "'red' is of type uint16, which cannot hold 70000"),
        ({"red": np.full(50, 0.5)}, "'red' is of type uint16, which cannot hold 0.5"),
        ({"classification": np.full(50, 32)}, "the values do not go into its dimension 'classification'"),
        ({"x" * 33: np.zeros(50, np.uint8)}, "cannot be the name of a new dimension: up to 32 ASCII"),
        ({"angles": np.zeros(50, np.uint8)}, "'angles' cannot be the name of a new dimension"),
    ],
)
def test_what_cannot_be_written_leaves_nothing(
    tmp_path: Path, values: dict[str, np.ndarray], message: str
) -> None:
    file = tmp_path / "scan.las"
    write_las(file)
    with pytest.raises(ValueError, match=message):
        LasCloud(file).copy(tmp_path / "out.las", addition(values))
    assert [path.name for path in tmp_path.iterdir()] == ["scan.las"]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_no_points(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"scan.{suffix}"
    write_las(file, 0)
    assert read_all(LasCloud(file))["x"].shape == (0,)
    check_copy(LasCloud, file, tmp_path / f"out.{suffix}", {"label": np.empty(0, np.uint8)})


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(
    ("version", "at", "count"), [("1.2", 107, 2**32 - 1), ("1.4", 247, 10**12), ("1.4", 247, 2**64 - 1)]
)
def test_promises_beyond_the_file_are_refused_at_once(
    tmp_path: Path, suffix: str, version: str, at: int, count: int
) -> None:
    file = tmp_path / f"scan.{suffix}"
    write_las(file, version=version)
    data = bytearray(file.read_bytes())
    data[at : at + (4 if at == 107 else 8)] = count.to_bytes(4 if at == 107 else 8, "little")
    file.write_bytes(data)

    def refused() -> None:
        with pytest.raises(ValueError, match=rf"scan\.{suffix}: the header promises {count} points"):
            LasCloud(file)

    assert peak_memory(refused) < 1 << 20


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_cut_is_refused(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"scan.{suffix}"
    write_las(file, 5)
    whole = file.read_bytes()
    for size in [*range(0, len(whole) - 1, 5), len(whole) - 1]:
        file.write_bytes(whole[:size])
        with pytest.raises(ValueError, match=rf"scan\.{suffix}"):
            read_all(LasCloud(file))


def test_layers_beyond_the_file_are_refused_before_they_are_read(tmp_path: Path) -> None:
    file = tmp_path / "scan.laz"
    las = write_las(file, 20, 7, "1.4")
    data = bytearray(file.read_bytes())
    with laspy.open(file) as reader:
        sizes = reader.header.offset_to_point_data + 8 + las.header.point_format.size + 4
    data[sizes : sizes + 4] = struct.pack("<I", 2**32 - 10)
    file.write_bytes(data)
    with pytest.raises(
        ValueError, match=r"scan\.laz: its chunk 0 ends at byte 42949\d*, but the points do at"
    ):
        LasCloud(file)


@pytest.mark.parametrize(
    ("at", "data", "message"),
    [
        (0, b"LASX", "scan.laz: not a LAS file"),
        (94, struct.pack("<H", 20000), "the header promises a header of 20000 bytes"),
        (96, struct.pack("<I", 2**31), "points from byte 2147483648, but the file has"),
        (100, struct.pack("<I", 2**32 - 1), "4294967295 records from byte 227 do not fit"),
        (105, struct.pack("<H", 7), "its points have 7 bytes, but 40 when decompressed"),
        (227 + 20, struct.pack("<H", 60000), "the record at byte 227 has 60000 bytes, beyond byte"),
    ],
)
def test_odd_headers_are_named(tmp_path: Path, at: int, data: bytes, message: str) -> None:
    file = tmp_path / "scan.laz"
    write_las(file)
    whole = file.read_bytes()
    file.write_bytes(whole[:at] + data + whole[at + len(data) :])
    with pytest.raises(ValueError, match=re.escape(message)):
        LasCloud(file)
