"""Points in text: separators, headers and counts are found; a copy keeps every line; faults are named."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from cloud_files import addition, check_copy, peak_memory, read_all
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ffnet3d.data.formats.text_cloud import TextCloud
from ffnet3d.data.formats.text_rows import BLOCK

FILES = settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
ROWS = ["0.5 1 2.25 10 20 255", "-1e3 .5 3 0 0 0"]


def write(folder: Path, text: str, name: str = "scan.txt") -> Path:
    file = folder / name
    file.write_bytes(text.encode())
    return file


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", [" ", ",", ";", "\t", ", ", "   "])
@pytest.mark.parametrize(
    ("head", "names"),
    [
        ([], "x y z red green blue"),
        (["# made by hand", ""], "x y z red green blue"),
        (["X Y Z R G B"], "X Y Z R G B"),
        (['"X" "Y" "Z" "R" "G" "B"'], "X Y Z R G B"),
        (["# X Y Z R G B", "# 2 points"], "X Y Z R G B"),
        (["//X Y Z R G B", "2"], "X Y Z R G B"),
        (["2"], "x y z red green blue"),
        (["x y z a b c", "2"], "x y z a b c"),
    ],
)
def test_layouts_are_found(tmp_path: Path, head: list[str], names: str, mark: str, end: str) -> None:
    lines = [line if line.startswith("# ") else line.replace(" ", mark) for line in head]
    rows = [row.replace(" ", mark) for row in ROWS]
    file = write(tmp_path, end.join([*lines, rows[0], "", "# between", f" {rows[1]}", ""]))
    cloud = TextCloud(file)
    assert cloud.names == tuple(names.split())
    assert cloud.num_points == 2
    table = np.stack(list(read_all(cloud, 1).values()), axis=1)
    np.testing.assert_array_equal(table, [[0.5, 1, 2.25, 10, 20, 255], [-1000, 0.5, 3, 0, 0, 0]])
    labels = {"label": np.array([3, 11], np.uint8), "confidence": np.array([0.5, 1], np.float32)}
    named = any("X" in line or "x" in line for line in head)
    if named:
        check_copy(TextCloud, file, tmp_path / "out.txt", labels)
    else:
        TextCloud(file).copy(tmp_path / "out.txt", addition(labels))
    kept = end.join([*lines, rows[0], "", "# between", f" {rows[1]}", ""]).encode().splitlines()
    copied = (tmp_path / "out.txt").read_bytes().splitlines()
    assert len(copied) == len(kept)
    assert all(new.startswith(old) for new, old in zip(copied, kept, strict=True))
    glue = mark.strip(" ") or " "
    assert copied[-1].decode() == f" {rows[1]}{glue}11{glue}1.0"


def test_guessed_columns(tmp_path: Path) -> None:
    for row, suffix, names in [
        ("1 2 3", "xyz", "x y z"),
        ("1 2 3 0.5 0.25 1", "xyz", "x y z red green blue"),
        ("1 2 3 65535 300 0", "xyz", "x y z red green blue"),
        ("1 2 3 0 -1 0", "xyz", "x y z nx ny nz"),
        ("1 2 3 255 0 0 0 0 -1 7", "asc", "x y z red green blue nx ny nz column_10"),
        ("1 2 3 -4000.5 7 8", "txt", "x y z column_4 column_5 column_6"),
        ("1 2 3 -1203 255 0 0", "pts", "x y z intensity red green blue"),
        ("1 2 3 -1203", "PTS", "x y z intensity"),
        ("# made by hand\n1 2 3", "txt", "x y z"),
        ("1 2", "txt", "column_1 column_2"),
    ]:
        assert TextCloud(write(tmp_path, row, f"scan.{suffix}")).names == tuple(names.split())


def test_stated_names(tmp_path: Path) -> None:
    file = write(tmp_path, "1 2 3 4\n")
    assert TextCloud(file, ["y", "x", "z"]).names == ("y", "x", "z", "column_4")
    assert read_all(TextCloud(file, ["y", "x", "z", "i"]))["x"].tolist() == [2]
    with pytest.raises(ValueError, match=r"scan\.txt: 5 names are stated"):
        TextCloud(file, list("abcde"))
    assert TextCloud(write(tmp_path, "a,a,b\n1,2,3\n"), ["x", "y"]).names == ("x", "y", "b")


def test_names_of_every_kind(tmp_path: Path) -> None:
    text = "\ufeffid, Point X ,höhe,\n1,2,3,4\n"
    file = write(tmp_path, text, "scan.csv")
    assert TextCloud(file).names == ("id", "Point X", "höhe", "column_4")
    TextCloud(file).copy(tmp_path / "out.csv", addition({"größe": np.array([7])}))
    assert (tmp_path / "out.csv").read_bytes().decode() == "\ufeffid, Point X ,höhe,,größe\n1,2,3,4,7\n"


def test_words_are_replaced_in_their_place(tmp_path: Path) -> None:
    file = write(tmp_path, "x;y;label;c\n 1.50 ; 2;x7 ; nan\r\n3;4;5;6".replace("x7", "7"))
    TextCloud(file).copy(
        tmp_path / "out.txt", addition({"label": np.array([11, 12]), "new": np.array([True, False])})
    )
    expected = "x;y;label;c;new\n 1.50 ; 2;11 ; nan;1\r\n3;4;12;6;0\n"
    assert (tmp_path / "out.txt").read_bytes().decode() == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("# nothing\n\n", "scan.txt: it holds no points"),
        ("x y z\n", "scan.txt: it holds no points, but a header"),
        ("x y\n1 2 3\n", "scan.txt:1: the header 'x y' does not name the 3 columns of the rows"),
        ("1 2 3\n\n# hm\n1 2\n", "scan.txt:4: 2 values, but a row has 3 (in '1 2')"),
        ("1 2 3\n1 2 3 4\n", "scan.txt:2: 4 values, but a row has 3 (in '1 2 3 4')"),
        ("x,y,z\n1,2,3\n1,,3\n", "scan.txt:3: y is '', no float64 number (in '1,,3')"),
        ("1 2 3\n1 2 ten\n", "scan.txt:2: column_3 is 'ten', no float64 number (in '1 2 ten')"),
        ("x y z\n1 2 3\n1 2 1_0\n", "scan.txt:3: z is '1_0', no float64 number"),
        ("3\n1 2 3\n4 5 6\n", "scan.txt:1: 3 points are promised, but the file holds 2"),
        (
            "1000000000000\n1 2 3\n4 5 6\n",
            "scan.txt:1: 1000000000000 points are promised, but the file holds 2",
        ),
        ("x y y\n1 2 3\n", "y stands twice"),
        ("1 " * 1025, "scan.txt:1: a row of 1025 values; this is no text of points"),
        ("x" * (BLOCK * 2 + 10), "scan.txt: a line has over 1048576 bytes"),
    ],
)
def test_faults_are_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        read_all(TextCloud(write(tmp_path, text)))


def test_names_that_text_cannot_hold(tmp_path: Path) -> None:
    cloud = TextCloud(write(tmp_path, "1 2 3\n"))
    with pytest.raises(ValueError, match="'my label' cannot be the name of a column of its text"):
        cloud.copy(tmp_path / "out.txt", addition({"my label": np.array([1])}))
    assert not (tmp_path / "out.txt").exists()


@FILES
@given(
    rows=st.lists(st.tuples(*[st.floats()] * 3), min_size=1, max_size=8),
    mark=st.sampled_from([" ", ",", ";", "\t", "\t "]),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    size=st.integers(1, 9),
)
def test_any_floats_there_and_back(
    tmp_path: Path, rows: list[tuple[float, ...]], mark: str, end: str, size: int
) -> None:
    file = write(
        tmp_path, end.join(["a b c".replace(" ", mark), *(mark.join(map(repr, row)) for row in rows)])
    )
    table = np.stack(list(read_all(TextCloud(file), size).values()), axis=1)
    np.testing.assert_array_equal(table, rows)
    confidence = np.random.default_rng(size).random(len(rows))
    check_copy(TextCloud, file, tmp_path / "out.txt", {"confidence": confidence, "b": confidence}, size)


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    peaks = []
    for times in (1, 3):
        file = write(tmp_path, "0.125 0.25 -0.5 7 8 9\n" * 60_000 * times)
        cloud = TextCloud(file)
        values = {"label": np.zeros(cloud.num_points, np.uint8)}
        assert sum(len(chunk["x"]) for chunk in cloud.chunks()) == 60_000 * times
        peaks.append(peak_memory(lambda c=cloud, v=values: c.copy(tmp_path / "out.txt", addition(v))))
    assert peaks[1] < 1.5 * peaks[0]
