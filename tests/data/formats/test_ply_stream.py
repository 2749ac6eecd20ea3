import numpy as np
import pytest

from ffnet3d.data.formats.cloud import Column
from ffnet3d.data.formats.ply import read_ply
from ffnet3d.data.formats.ply_stream import ply_type, stream_ply

COLUMNS = (Column("x", np.dtype("f8")), Column("label", np.dtype("i2")), Column("red", np.dtype("u1")))


def chunks(count=10, rows=3):
    for start in range(0, count, rows):
        numbers = np.arange(start, min(start + rows, count))
        yield {"x": numbers / 7, "label": -numbers, "red": numbers, "unused": numbers}


def test_chunks_make_one_file(tmp_path):
    stream_ply(tmp_path / "a.ply", COLUMNS, 10, chunks())
    vertex = read_ply(tmp_path / "a.ply").elements["vertex"]
    assert list(vertex) == ["x", "label", "red"]
    assert (vertex["x"] == np.arange(10) / 7).all()
    assert vertex["label"].dtype == np.int16
    assert vertex["label"].tolist() == list(range(0, -10, -1))


@pytest.mark.parametrize(
    ("columns", "count", "match"),
    [
        (COLUMNS, 11, "11 points were to be written, but 10 came"),
        ((Column("two words", np.dtype("f4")),), 10, "one ASCII word"),
        ((Column("x", np.dtype("i8")),), 10, "PLY has no type for the column 'x', int64"),
        ((Column("label", np.dtype("u1")),), 10, "'label' is of type uint8, which cannot hold -1"),
    ],
)
def test_what_cannot_be_written_leaves_no_file(tmp_path, columns, count, match):
    with pytest.raises(ValueError, match=match):
        stream_ply(tmp_path / "a.ply", columns, count, chunks())
    assert list(tmp_path.iterdir()) == []


def test_types_that_stand_in():
    assert ply_type(np.dtype(">i8")) == np.dtype("<f8")
    assert ply_type(np.dtype("f2")) == np.dtype("<f4")
    assert ply_type(np.dtype("u2")) == np.dtype("<u2")
