"""E57: scans come out in one frame, a copy keeps every number and node, damage is a ValueError."""

from __future__ import annotations

import re
import struct
from pathlib import Path

import numpy as np
import pytest
from cloud_files import addition, check_copy, read_all

from ffnet3d.data.formats.e57_cloud import E57Cloud

libe57 = pytest.importorskip("pye57.libe57", reason="pye57 is not installed: pip install 'ffnet3d[io]'")
from e57_files import rechecked, scan, spherical, write_e57  # noqa: E402


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "scan.e57"


def labels(count: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(count)
    return {
        "label": rng.integers(0, 20, count).astype(np.uint8),
        "confidence": rng.random(count).astype(np.float32),
        "number": rng.integers(-(2**62), 2**62, count),
        "row": rng.integers(0, 2**32, count).astype(np.uint32),
        "sure": rng.random(count) < 0.5,
    }


def test_scans_in_one_frame(file: Path) -> None:
    scans = [scan(40), scan(30, 1)]
    write_e57(file, scans)
    cloud = E57Cloud(file)
    assert cloud.names == ("x", "y", "z", "intensity", "red", "green", "blue")
    columns = read_all(cloud)
    first = [np.float64(scans[0][f"cartesian{axis}"]) for axis in "XYZ"]
    x, y, z = (np.float64(scans[1][f"cartesian{axis}"]) for axis in "XYZ")
    for name, own, turned in zip("xyz", first, (z + 10, x + 20, y + 30), strict=True):
        np.testing.assert_array_equal(columns[name][:40], own)
        np.testing.assert_allclose(columns[name][40:], turned, rtol=1e-12)
    red = np.concatenate([part["colorRed"] for part in scans])
    np.testing.assert_array_equal(columns["red"], red)
    assert (columns["red"].dtype, columns["intensity"].dtype) == (np.uint8, np.float64)


def test_spherical_scans(file: Path) -> None:
    import pye57

    write_e57(file, [spherical(), spherical(30)])
    columns = read_all(E57Cloud(file))
    assert list(columns) == ["x", "y", "z"]
    with pye57.E57(str(file)) as e57:
        for number, part in enumerate((slice(0, 40), slice(40, 70))):
            expected = e57.read_scan(number, ignore_missing_fields=True)
            for axis in "xyz":
                np.testing.assert_allclose(
                    columns[axis][part], expected[f"cartesian{axis.upper()}"], atol=1e-12
                )


def test_invalid_points_are_no_numbers(file: Path) -> None:
    state = (np.arange(40) % 3).astype(np.uint8)
    write_e57(file, [scan(cartesianInvalidState=state)])
    columns = read_all(E57Cloud(file))
    np.testing.assert_array_equal(np.isnan(columns["y"]), state > 0)
    np.testing.assert_array_equal(columns["cartesianInvalidState"], state)


def test_only_what_every_scan_has_is_a_column(file: Path) -> None:
    write_e57(file, [scan(), spherical(), scan(0)])
    assert E57Cloud(file).names == ("x", "y", "z")
    assert E57Cloud(file).num_points == 80
    check_copy(E57Cloud, file, file.with_name("out.e57"), labels(80))


def test_a_copy_keeps_all_and_adds(file: Path, tmp_path: Path) -> None:
    more = {"rowIndex": np.arange(40, dtype=np.int32) - 7, "nor:normalX": np.linspace(-1, 1, 40)}
    picture = bytes(range(256)) * 9000
    write_e57(file, [scan(**more), scan(40, 1, **more)], ["cartesianX", "intensity"], picture)
    out = tmp_path / "out.e57"
    after = check_copy(E57Cloud, file, out, labels(80))
    assert after.names[7:9] == ("rowIndex", "nor:normalX")
    assert raw_fields(out, 1)[: len(raw_fields(file, 1))] == raw_fields(file, 1)
    image = libe57.ImageFile(str(out), "r")
    try:
        assert image.root().get("data3D/1/guid").type() == libe57.E57_STRING
        blob = libe57.BlobNode(image.root().get("images2D/0/jpegImage"))
        assert blob.read_buffer().tobytes() == picture
        assert image.root().isDefined("data3D/1/pose/rotation/w")
    finally:
        image.close()
    changed = {"label": np.full(80, 19, np.uint8), "red": np.arange(80), "intensity": np.full(80, 6.5)}
    assert check_copy(E57Cloud, out, tmp_path / "again.e57", changed).names == after.names


def raw_fields(file: Path, number: int) -> list[tuple[str, bytes]]:
    """Fields of a scan and their numbers as the file holds them."""
    image = libe57.ImageFile(str(file), "r")
    points = libe57.CompressedVectorNode(image.root().get(f"data3D/{number}/points"))
    prototype = libe57.StructureNode(points.prototype())
    names = [prototype.get(place).elementName() for place in range(prototype.childCount())]
    out = []
    for name in names:
        values = np.zeros(points.childCount(), np.float64 if name != "cartesianX" else "q")
        buffers = libe57.VectorSourceDestBuffer()
        buffers.append(libe57.SourceDestBuffer(image, name, values, len(values), True, False))
        points.reader(buffers).read()
        out.append((name, values.tobytes()))
    image.close()
    return out


def test_other_programs_read_the_copy(file: Path, tmp_path: Path) -> None:
    import pye57

    write_e57(file, [scan(), scan(30, 1)])
    E57Cloud(file).copy(tmp_path / "out.e57", addition(labels(70)))
    with pye57.E57(str(file)) as old, pye57.E57(str(tmp_path / "out.e57")) as new:
        assert new.scan_count == 2
        for number in range(2):
            one, two = (
                e57.read_scan(number, intensity=True, colors=True, ignore_missing_fields=True)
                for e57 in (old, new)
            )
            assert all(one[name].tobytes() == two[name].tobytes() for name in one)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"red": np.full(40, 256)}, "'red' is of type uint8, which cannot hold 256"),
        ({"x": np.zeros(40)}, r"the coordinates of E57 cannot be replaced; write another format"),
        ({"my label": np.zeros(40)}, "'my label' cannot be the name of a field of E57"),
        ({"label": np.zeros(40, np.uint64)}, "E57 has no type for 'label', uint64"),
        ({"label": np.zeros(40, complex)}, "no type for the column 'label', complex128"),
    ],
)
def test_what_cannot_be_written_leaves_nothing(
    file: Path, values: dict[str, np.ndarray], message: str
) -> None:
    write_e57(file, [scan()])
    with pytest.raises(ValueError, match=message):
        E57Cloud(file).copy(file.with_name("out.e57"), addition(values))
    assert [path.name for path in file.parent.iterdir()] == ["scan.e57"]


def test_files_that_are_none(file: Path) -> None:
    write_e57(file, [])
    with pytest.raises(ValueError, match=r"scan\.e57: it holds no scans"):
        E57Cloud(file)
    write_e57(file, [{"intensity": np.zeros(3)}])
    with pytest.raises(ValueError, match=r"scan\.e57: a scan has no coordinates, but intensity"):
        E57Cloud(file)
    file.write_bytes(b"ply\n" * 100)
    with pytest.raises(ValueError, match=r"scan\.e57: not an E57 file"):
        E57Cloud(file)


def test_every_cut_is_refused(file: Path) -> None:
    write_e57(file, [scan(400)])
    whole = file.read_bytes()
    for size in [*range(0, len(whole) - 1, 499), len(whole) - 1024]:
        file.write_bytes(whole[:size])
        with pytest.raises(ValueError, match=r"scan\.e57"):
            E57Cloud(file)


def rewritten_xml(data: bytes, old: bytes, new: bytes) -> bytes:
    """A file with other XML, checksums made anew."""
    start, size = struct.unpack_from("<QQ", data, 24)
    logical = b"".join(data[at : at + 1020] for at in range(0, len(data), 1024))
    begin = start - start // 1024 * 4
    xml = logical[begin : begin + size]
    assert old in xml
    xml = xml.replace(old, new)
    logical = logical[:begin] + xml
    logical += b"\0" * (-len(logical) % 1020)
    pages = [logical[at : at + 1020] for at in range(0, len(logical), 1020)]
    total = len(pages) * 1024
    pages[0] = pages[0][:16] + struct.pack("<QQQ", total, start, len(xml)) + pages[0][40:]
    return rechecked(b"".join(page + bytes(4) for page in pages))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            b'recordCount="40"',
            b'recordCount="1000000000000"',
            "header promises 1000000000000 points of 184 bits",
        ),
        (b"<e57Root", b'<!DOCTYPE x [<!ENTITY a "aaaa">]><e57Root', "it defines types or entities"),
        (b"<data3D ", b"<data4D ", "scan.e57"),
        (b"<cartesianX", b"<cartesianX <", "scan.e57"),
    ],
)
def test_odd_xml_is_refused(file: Path, old: bytes, new: bytes, message: str) -> None:
    write_e57(file, [scan()])
    data = file.read_bytes()
    file.write_bytes(rewritten_xml(data, b"e57Root", b"e57Root"))
    assert E57Cloud(file).num_points == 40
    file.write_bytes(rewritten_xml(data, old, new))
    with pytest.raises(ValueError, match=re.escape(message)):
        read_all(E57Cloud(file))
