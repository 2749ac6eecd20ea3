"""The text files of S3DIS: as numpy reads them where they are sound, line by line where they are not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ffnet3d.data.prepare.s3dis_text import MAX_REPAIRS, read_points

SOUND = b"1.5 -2.25 0.125 10 20 30\n"
POINT = [1.5, -2.25, 0.125, 10, 20, 30]


def read(folder: Path, text: bytes) -> tuple[np.ndarray, tuple[str, ...]]:
    file = folder / "chair_1.txt"
    file.write_bytes(text)
    points = read_points(file, "Annotations/chair_1.txt")
    assert points.coord.dtype == np.float64
    assert points.color.dtype == np.uint8
    return np.column_stack([points.coord, points.color]), points.repairs


def test_order_and_values_are_those_of_loadtxt(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    table = np.column_stack([rng.uniform(-40, 40, (5000, 3)), rng.integers(0, 256, (5000, 3))])
    file = tmp_path / "wall_1.txt"
    np.savetxt(file, table, fmt=["%.3f"] * 3 + ["%d"] * 3)
    points = read_points(file, "wall_1.txt")
    expected = np.loadtxt(file)
    np.testing.assert_array_equal(points.coord, expected[:, :3])
    np.testing.assert_array_equal(points.color, expected[:, 3:])
    assert points.repairs == ()


def test_lines_are_counted_over_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ffnet3d.data.prepare.s3dis_text.CHUNK", 64)
    rows, repairs = read(tmp_path, SOUND * 41 + b"1 2 3\n" + SOUND * 40)
    np.testing.assert_array_equal(rows, [POINT] * 81)
    assert repairs == ("Annotations/chair_1.txt:42: 3 of 6 numbers (x y z r g b), line dropped",)


@pytest.mark.parametrize(
    "line",
    [
        b"1.5  -2.25\t0.125   10 20 30  \r\n",
        b"15e-1 -2.25E0 +.125 10.000000 20. 3e1\n",
        b"  1.5 -2.25 0.125 10 20 30",
    ],
    ids=["blanks", "notations", "no end of line"],
)
def test_other_ways_to_write_a_line(tmp_path: Path, line: bytes) -> None:
    rows, repairs = read(tmp_path, SOUND + b"\n" + line)
    np.testing.assert_array_equal(rows, [POINT] * 2)
    assert repairs == ()


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_ends_of_lines(tmp_path: Path, end: bytes) -> None:
    rows, repairs = read(tmp_path, (SOUND.strip() + end) * 3)
    np.testing.assert_array_equal(rows, [POINT] * 3)
    assert repairs == ()


@pytest.mark.parametrize(
    ("line", "point", "done"),
    [
        (b"1.5 -2.25 0.125 103.0\x100000 20 30", [1.5, -2.25, 0.125, 103, 20, 30], "taken out"),
        (b"1.5 -2.25 0.125 185\x10187 182", [1.5, -2.25, 0.125, 185, 187, 182], "replaced by a space"),
        (b"1.5 -2.2\x165 0.125 10 20 30", POINT, "taken out"),
        (b"\xef\xbb\xbf1.5 -2.25 0.125 10 20 30", POINT, "taken out"),
        (b"1.5 -2.25 0.125 10\xa020 30", POINT, "replaced by a space"),
    ],
)
def test_a_stray_byte_costs_no_point(tmp_path: Path, line: bytes, point: list[float], done: str) -> None:
    rows, repairs = read(tmp_path, SOUND + line + b"\n" + SOUND)
    np.testing.assert_array_equal(rows, [POINT, point, POINT])
    (repair,) = repairs
    assert repair.startswith("Annotations/chair_1.txt:2: stray b'")
    assert repair.endswith(f"{done}, point kept")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"1.5 -2.25 0.125 10 20", "5 of 6 numbers"),
        (b"1.5 -2.25 0.125", "3 of 6 numbers"),
        (b"1.5 -2.25 0.125 10 20 30 40", "7 of 6 numbers"),
        (b"nan -2.25 0.125 10 20 30", "not finite"),
        (b"1e999 -2.25 0.125 10 20 30", "not finite"),
        (b"1.5 -2.25 0.125 10 20 256", "a colour outside 0-255"),
        (b"1.5 -2.25 0.125 -1 20 30", "a colour outside 0-255"),
        (b"1.5.5 -2.25 0.125 10 20 30", "'1.5.5' is no number"),
        (b"x -2.25 0.125 10 20 30", "'x' is no number"),
        (b"1.5 \x00\x00\x00", r"stray b'\x00\x00\x00', and not six numbers without it"),
    ],
)
def test_an_unreadable_line_is_dropped_and_named(tmp_path: Path, line: bytes, reason: str) -> None:
    rows, repairs = read(tmp_path, SOUND + line + b"\n" + SOUND)
    np.testing.assert_array_equal(rows, [POINT] * 2)
    (repair,) = repairs
    assert repair.startswith("Annotations/chair_1.txt:2: ")
    assert reason in repair
    assert repair.endswith("line dropped")


def test_a_file_of_bad_lines_is_refused_with_the_first(tmp_path: Path) -> None:
    some, repairs = read(tmp_path, SOUND + b"1 2 3\n" * MAX_REPAIRS)
    assert (len(some), len(repairs)) == (1, MAX_REPAIRS)
    with pytest.raises(ValueError, match=r"chair_1.txt:2: 3 of 6 numbers .*, and 10 more damaged lines"):
        read(tmp_path, SOUND + b"1 2 3\n" * (MAX_REPAIRS + 1))


def test_fractions_of_colours_are_cut_off_and_counted(tmp_path: Path) -> None:
    rows, repairs = read(tmp_path, SOUND + b"1.5 -2.25 0.125 10.5 20 30.9\n")
    np.testing.assert_array_equal(rows, [POINT] * 2)
    assert repairs == ("Annotations/chair_1.txt: 1 points with fractions in their colours, cut off",)


def test_colours_from_0_to_1_are_refused_and_black_is_not(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=r"chair_1\.txt: colours from 0 to 1, needs 0-255: multiply those of the room by"
    ):
        read(tmp_path, b"1 2 3 0.5 0 1\n4 5 6 0.25 0.5 0\n")
    for text in (b"1 2 3 0 0 0\n" * 3, b"1 2 3 0.0 1.0 0.0\n"):
        assert read(tmp_path, text)[1] == ()


def test_an_empty_file_has_no_points(tmp_path: Path) -> None:
    for text in (b"", b"\n\n", b"   \r\n"):
        rows, repairs = read(tmp_path, text)
        assert rows.shape == (0, 6)
        assert repairs == ()


@settings(max_examples=200, deadline=None)
@given(st.lists(st.one_of(st.just(SOUND), st.binary(max_size=30)), max_size=8))
def test_any_bytes_end_in_points_or_a_named_line(
    tmp_path_factory: pytest.TempPathFactory, parts: list[bytes]
) -> None:
    text = b"".join(part.replace(b"\n", b" ").replace(b"\r", b" ") + b"\n" for part in parts)
    rows, repairs = read(tmp_path_factory.getbasetemp(), text)
    assert np.isfinite(rows).all()
    sound = sum(part == SOUND for part in parts)
    blank = sum(not part.strip() for part in parts)
    dropped = sum(repair.endswith("dropped") for repair in repairs)
    assert len(rows) + dropped + blank == len(parts)
    assert len(rows) >= sound
