from pathlib import Path

import numpy as np
import pytest
from cloud_copies import joined
from made_scans import room, write_scan

from ffnet3d.data.classes import SCANNET20, palette
from ffnet3d.data.formats.open import open_cloud
from ffnet3d.data.formats.ply import read_ply
from ffnet3d.segment.label_columns import RunReader, label_columns, label_names
from ffnet3d.segment.labels import Labels
from ffnet3d.segment.output import output_path, write_labels
from ffnet3d.segment.scan import open_scan
from ffnet3d.segment.scan_options import ScanOptions

COUNT = 3000


def labels(count=COUNT):
    rng = np.random.default_rng(3)
    return Labels(rng.integers(-1, 20, count).astype(np.int16), rng.random(count, dtype=np.float32))


def colors(high=256):
    values = np.random.default_rng(4).integers(0, high, (COUNT, 3))
    values[0] = 0, 1, high - 1
    return values


def wanted_colors(label):
    return np.array([*palette(20), (128, 128, 128)])[label]


def written(file, tmp_path, suffix=".ply", **options):
    scan = open_scan(file, ScanOptions(), ("color", "normal"))
    out = tmp_path / "out" / f"{file.stem}{suffix}"
    write_labels(scan, labels(), SCANNET20, out, **options)
    return joined(open_cloud(out))


def triple(table, *names):
    return np.stack([table[name] for name in names], axis=1)


def test_every_column_stays_and_ours_come(tmp_path):
    file = write_scan(tmp_path / "a.ply", room(count=COUNT), colors().astype(np.uint8), time=np.arange(COUNT))
    before, after = joined(open_cloud(file)), written(file, tmp_path)
    for name, values in before.items():
        assert (after[name] == values).all()
        assert after[name].dtype == values.dtype
    assert (after["label"] == labels().label).all()
    assert after["label"].dtype == np.int16
    assert (after["confidence"] == labels().confidence).all()
    shown = triple(after, "label_red", "label_green", "label_blue")
    assert (shown == wanted_colors(labels().label)).all()
    assert len(after) == len(before) + 5


def test_a_scan_with_such_columns_keeps_them(tmp_path):
    own = np.arange(COUNT, dtype=np.int32)
    file = write_scan(tmp_path / "a.ply", room(count=COUNT), Label=own, confidence=own, label_red=own)
    after = written(file, tmp_path)
    for name in ("Label", "confidence", "label_red"):
        assert (after[name] == own).all()
    assert (after["predicted_label"] == labels().label).all()
    assert (after["predicted_confidence"] == labels().confidence).all()
    assert "predicted_green" in after


def test_names():
    assert label_names(["x"])[:3] == ("label", "confidence", "label_red")
    assert label_names(["LABEL"])[:2] == ("predicted_label", "confidence")


@pytest.mark.parametrize(
    ("full", "dtype"), [(255, np.uint8), (65535, np.uint16), (1, np.float32), (255, np.float64)]
)
def test_paint_keeps_the_files_range_and_the_originals(tmp_path, full, dtype):
    own = (colors() * (full / 255)).astype(dtype)
    after = written(write_scan(tmp_path / "a.ply", room(count=COUNT), own), tmp_path, paint=True)
    assert (triple(after, "original_red", "original_green", "original_blue") == own).all()
    shown = triple(after, "red", "green", "blue")
    assert shown.dtype == dtype
    assert np.allclose(shown * (255 / full), wanted_colors(labels().label), atol=1e-4)
    assert "label_red" not in after


def test_paint_of_a_scan_without_colours_and_of_a_painted_one(tmp_path):
    after = written(write_scan(tmp_path / "a.ply", room(count=COUNT)), tmp_path, paint=True)
    assert (triple(after, "red", "green", "blue") == wanted_colors(labels().label)).all()
    assert "original_red" not in after
    own = dict.fromkeys(("original_red", "original_green", "original_blue"), np.full(COUNT, 9, np.uint8))
    file = write_scan(tmp_path / "b.ply", room(count=COUNT), colors().astype(np.uint8), **own)
    assert (written(file, tmp_path, paint=True)["original_red"] == 9).all()


def test_other_formats_as_ply(tmp_path):
    coord = room(count=COUNT) + np.array([500_000.25, 4_000_000.5, 100])
    own, time = colors(), np.arange(COUNT) * 1e9
    table = np.column_stack([coord, own, time])
    file = tmp_path / "a.txt"
    header = "x y z r g b gps time".replace("gps time", "gps_time")
    np.savetxt(file, table, header=header, comments="", fmt="%.4f")
    after = written(file, tmp_path, format="ply")
    read = joined(open_cloud(file))
    assert (triple(after, "x", "y", "z") == triple(read, "x", "y", "z")).all()
    assert after["x"].dtype == np.float64
    assert (triple(after, "red", "green", "blue") == own).all()
    assert after["red"].dtype == np.uint8
    assert (after["gps_time"] == time).all()
    assert (after["label"] == labels().label).all()
    painted = written(file, tmp_path, format="ply", paint=True)
    assert (triple(painted, "original_red", "original_green", "original_blue") == own).all()
    assert (triple(painted, "red", "green", "blue") == wanted_colors(labels().label)).all()


def test_small_coordinates_become_floats_in_ply(tmp_path):
    file = tmp_path / "a.xyz"
    np.savetxt(file, room(count=COUNT), header="x y z", comments="", fmt="%.4f")
    after = written(file, tmp_path, format=".PLY")
    assert after["x"].dtype == np.float32
    assert np.abs(triple(after, "x", "y", "z") - room(count=COUNT)).max() < 1e-4


def test_a_mesh_stays_a_mesh_with_format_ply(tmp_path):
    file = tmp_path / "mesh.ply"
    points = "\n".join(f"{x} {y} {z}" for x, y, z in room(count=COUNT))
    file.write_text(
        f"ply\nformat ascii 1.0\nelement vertex {COUNT}\n"
        "property float x\nproperty float y\nproperty float z\n"
        f"element face 1\nproperty list uchar int vertex_indices\nend_header\n{points}\n3 0 1 2\n"
    )
    written(file, tmp_path, format="ply")
    assert list(read_ply(tmp_path / "out" / "mesh.ply").elements) == ["vertex", "face"]


@pytest.mark.parametrize("times", [1, 257])
def test_las_files_with_colours_of_8_or_16_bits(tmp_path, times):
    laspy = pytest.importorskip("laspy")
    las = laspy.LasData(laspy.LasHeader(point_format=7, version="1.4"))
    las.header.scales = np.full(3, 1e-4)
    las.x, las.y, las.z = room(count=COUNT).T
    las.red, las.green, las.blue = (colors() * times).T
    las.write(tmp_path / "a.las")
    after = written(tmp_path / "a.las", tmp_path, ".las", paint=True)
    assert (triple(after, "red", "green", "blue") == wanted_colors(labels().label) * times).all()
    assert (triple(after, "original_red", "original_green", "original_blue") == colors() * times).all()
    assert (after["label"] == labels().label).all()


@pytest.mark.parametrize("suffix", ["", ".npz", ".csv"])
def test_other_formats_keep_theirs(tmp_path, suffix):
    coord, color = room(count=COUNT).astype(np.float32), colors().astype(np.uint8)
    file = tmp_path / f"scan{suffix}"
    if suffix == ".csv":
        table = np.column_stack([coord, color])
        np.savetxt(file, table, header="x,y,z,red,green,blue", comments="", delimiter=",", fmt="%.6g")
    elif suffix:
        np.savez(file, coord=coord, color=color)
    else:
        file.mkdir()
        np.save(file / "coord.npy", coord)
        np.save(file / "color.npy", color)
    before, after = joined(open_cloud(file)), written(file, tmp_path, suffix)
    assert all((after[name] == values).all() for name, values in before.items())
    assert (after["label"] == labels().label).all()
    assert np.abs(after["confidence"] - labels().confidence).max() < 1e-6


def test_labels_of_another_length_are_refused(tmp_path):
    scan = open_scan(write_scan(tmp_path / "a.ply", room(count=COUNT)), ScanOptions(), ())
    with pytest.raises(ValueError, match=r"a\.ply: 7 labels for 3000 points"):
        write_labels(scan, labels(7), SCANNET20, tmp_path / "b.ply")
    with pytest.raises(ValueError, match="unknown format 'obj'; known: ply"):
        write_labels(scan, labels(), SCANNET20, tmp_path / "b.ply", format="obj")
    assert not (tmp_path / "b.ply").exists()


def test_runs_may_be_read_again_and_skipped(tmp_path):
    cloud = open_cloud(write_scan(tmp_path / "a.ply", room(count=COUNT)))
    whole = joined(cloud)["x"]
    reader = RunReader(cloud, ["x"])
    for start, stop in [(0, 10), (5, 2000), (2500, 3000), (0, 3000), (100, 101)]:
        assert (reader.read(start, stop)[0] == whole[start:stop]).all()


def test_the_last_colour_is_that_of_no_label():
    one = Labels(np.array([-1, 0]), np.zeros(2, np.float32))
    rows = label_columns(one, 3, []).rows(0, 2)
    assert rows["label_red"].tolist() == [128, palette(3)[0][0]]


@pytest.mark.parametrize(
    ("scan", "out", "format", "path"),
    [
        ("a/room.PLY", "out", None, "out/room.PLY"),
        ("a/room.v2.las", "out", None, "out/room.v2.las"),
        ("a/room.las", "out", "ply", "out/room.ply"),
        ("a/room.las", "out/b.ply", "ply", "out/b.ply"),
        ("a/room.las", "out/b.las", None, "out/b.las"),
        ("a/room.las", "out.v2", None, "out.v2/room.las"),
        ("a/scene0000_00", "out", None, "out/scene0000_00"),
        ("a/scene0000_00", "out", "ply", "out/scene0000_00.ply"),
    ],
)
def test_where_answers_go(tmp_path, monkeypatch, scan, out, format, path):
    monkeypatch.chdir(tmp_path)
    Path("a/scene0000_00").mkdir(parents=True)
    assert output_path(Path(scan), Path(out), format) == Path(path)


def test_answers_that_cannot_go_there(tmp_path):
    scan = write_scan(tmp_path / "a.ply", room(count=9))
    with pytest.raises(ValueError, match=r"a\.ply: the answer would overwrite the scan"):
        output_path(scan, tmp_path)
    with pytest.raises(ValueError, match=r"b\.las: the answer for .*a\.ply is written as \.ply"):
        output_path(scan, tmp_path / "b.las")
    with pytest.raises(ValueError, match="or give --format ply"):
        output_path(tmp_path / "a.las", tmp_path / "b.ply")
    with pytest.raises(ValueError, match="unknown format 'xyz'"):
        output_path(scan, tmp_path / "out", "xyz")
