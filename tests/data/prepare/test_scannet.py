"""ScanNet's raw scans: conventions of Pointcept, and what is broken is repaired or named."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tqdm", reason="pip install 'ffnet3d[train]'")
pytest.importorskip("scipy", reason="pip install 'ffnet3d[train]'")
from ply_files import Part, write_ply_file

from ffnet3d.data import ScanNet200Dataset, ScanNetDataset
from ffnet3d.data.classes import SCANNET20, SCANNET200
from ffnet3d.data.formats import read_ply
from ffnet3d.data.prepare import Summary
from ffnet3d.data.prepare.scannet import prepare_scannet
from ffnet3d.data.prepare.scannet_labels import read_labels
from ffnet3d.data.prepare.scannet_splits import builtin_splits, read_splits
from ffnet3d.data.scannet_ids import SCANNET20_IDS

SEGMENTS = [3, 3, 3, 8, 8, 8, 5, 5, 9]  # of the nine vertices
TRAIN, VAL, TEST = "scene0000_00", "scene0011_00", "scene0707_00"
XYZ = [("float", "x"), ("float", "y"), ("float", "z")]
RGB = [("uchar", "red"), ("uchar", "green"), ("uchar", "blue")]


def group(number: int, label: str, segments: list[int]) -> dict[str, Any]:
    return {"id": number, "objectId": number, "label": label, "segments": segments}


@dataclass
class Scan:
    """A made-up scan: three squares of a grid, nine vertices, and its annotation."""

    name: str = TRAIN
    properties: list[tuple[str, str]] = field(default_factory=lambda: [*XYZ, *RGB, ("uchar", "alpha")])
    encoding: str = "binary_little_endian"
    faces: list[Any] = field(
        default_factory=lambda: [
            ([0, 1, 3],),
            ([1, 4, 3],),
            ([1, 2, 4],),
            ([4, 5, 7],),
            ([8, 7, 5],),
            ([3, 6, 7],),
        ]
    )
    segments: Any = field(default_factory=lambda: {"segIndices": SEGMENTS})
    groups: Any = field(
        default_factory=lambda: {
            "segGroups": [group(0, "wall", [3, 8]), group(4, "office chair", [8]), group(7, "tv", [9])]
        }
    )

    def values(self) -> dict[str, np.ndarray]:
        x, y = np.divmod(np.arange(9), 3)
        rng = np.random.default_rng(len(self.name))
        columns = {"x": x * 0.1, "y": y * 0.1, "z": x * 0.05, "alpha": np.full(9, 255)}
        return columns | {name: rng.integers(0, 256, 9) for name in ("red", "green", "blue")}

    def rows(self, properties: list[tuple[str, str]]) -> list[tuple[Any, ...]]:
        columns = self.values()
        return list(zip(*(columns[name].tolist() for _, name in properties), strict=True))

    def write(self, scans: Path) -> Path:
        folder = scans / self.name
        mesh = [Part("vertex", self.properties, self.rows(self.properties))]
        mesh.append(Part("face", [("list uchar int", "vertex_indices")], self.faces))
        write_ply_file(folder / f"{self.name}_vh_clean_2.ply", mesh, self.encoding)
        for ending, content in (
            ("_vh_clean_2.0.010000.segs.json", self.segments),
            (".aggregation.json", self.groups),
        ):
            if content is not None:
                (folder / f"{self.name}{ending}").write_text(json.dumps(content))
        return folder

    def write_labels(self, scans: Path, labels: list[int], kind: str = "ushort") -> None:
        rows = [(*row, label) for row, label in zip(self.rows(XYZ), labels, strict=True)]
        part = Part("vertex", [*XYZ, (kind, "label")], rows)
        write_ply_file(scans / self.name / f"{self.name}_vh_clean_2.labels.ply", [part])


def prepared(tmp_path: Path, **options: Any) -> Summary:
    return prepare_scannet(tmp_path / "raw", tmp_path / "out", workers=0, **options)


def arrays(tmp_path: Path, split: str = "train", name: str = TRAIN) -> dict[str, np.ndarray]:
    return {file.stem: np.load(file) for file in (tmp_path / "out" / split / name).glob("*.npy")}


def failure(tmp_path: Path) -> str:
    """The one line about the scan that failed."""
    (outcome,) = prepared(tmp_path).of("failed")
    assert not list((tmp_path / "out").rglob("*.npy"))
    return outcome.message


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    return tmp_path / "raw/scans"


def test_a_scan_as_pointcept_prepares_it(tmp_path: Path, scans: Path) -> None:
    scan = Scan()
    scan.write(scans)
    (repair,) = prepared(tmp_path).outcomes[0].repairs
    assert repair.endswith("aggregation.json: 1 segments belong to several groups, the last of these counts")
    scene, columns = arrays(tmp_path), scan.values()
    assert {name: array.dtype.name for name, array in scene.items()} == {
        "coord": "float32",
        "color": "uint8",
        "normal": "float32",
        "segment20": "int64",
        "segment200": "int64",
        "instance": "int64",
    }
    for number, axis in enumerate("xyz"):
        np.testing.assert_array_equal(scene["coord"][:, number], columns[axis].astype(np.float32))
    for number, name in enumerate(("red", "green", "blue")):
        np.testing.assert_array_equal(scene["color"][:, number], columns[name])
    wall, chair = SCANNET20.index("wall"), SCANNET20.index("chair")
    # The second group takes segment 8 over from the wall; a tv is none of the 20 classes.
    assert scene["segment20"].tolist() == [wall] * 3 + [chair] * 3 + [-1] * 3
    wall, chair, tv = (SCANNET200.index(name) for name in ("wall", "office chair", "tv"))
    assert scene["segment200"].tolist() == [wall] * 3 + [chair] * 3 + [-1, -1, tv]
    assert scene["instance"].tolist() == [0] * 3 + [4] * 3 + [-1, -1, 7]


def test_normals_are_means_of_the_faces_by_area(tmp_path: Path, scans: Path) -> None:
    scan = Scan(properties=[*XYZ, *RGB])
    scan.write(scans)
    prepared(tmp_path)
    scene = arrays(tmp_path)
    expected = np.zeros((9, 3))
    for (face,) in scan.faces:
        a, b, c = scene["coord"][face].astype(float)
        expected[face] += np.cross(b - a, c - a) / 2
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(scene["normal"], expected, atol=1e-6)


def test_vertices_without_faces_get_estimated_normals(tmp_path: Path, scans: Path) -> None:
    Scan(faces=[([0, 1, 3],), ([1, 4, 3],)]).write(scans)
    repair, _ = prepared(tmp_path).outcomes[0].repairs
    assert (
        repair
        == f"scans/{TRAIN}/{TRAIN}_vh_clean_2.ply: 5 vertices without faces, their normals are estimated"
    )
    normal = arrays(tmp_path)["normal"]
    np.testing.assert_allclose(np.linalg.norm(normal, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(np.abs(normal @ normal[0]), 1, atol=1e-5)  # all lie in one plane


def test_both_data_sets_read_the_scenes(tmp_path: Path, scans: Path) -> None:
    for name in (TRAIN, VAL):
        Scan(name).write(scans)
    Scan(TEST, segments=None, groups=None).write(tmp_path / "raw/scans_test")
    summary = prepared(tmp_path)
    assert [len(summary.of("prepared", split)) for split in ("train", "val", "test")] == [1, 1, 1]
    for dataset, file in ((ScanNetDataset, "segment20"), (ScanNet200Dataset, "segment200")):
        scene = dataset(split="val", data_root=tmp_path / "out").read(0)
        np.testing.assert_array_equal(scene["segment"], arrays(tmp_path, "val", VAL)[file])
    assert (ScanNetDataset(split="test", data_root=tmp_path / "out").read(0)["segment"] == -1).all()
    assert sorted(arrays(tmp_path, "test", TEST)) == ["color", "coord", "normal"]


def test_a_folder_of_scans_is_a_source_too(tmp_path: Path) -> None:
    Scan().write(tmp_path / "raw")
    assert prepared(tmp_path).of("prepared")


@pytest.mark.parametrize("encoding", ["ascii", "binary_big_endian"])
def test_other_orders_and_encodings_are_the_same_scan(tmp_path: Path, scans: Path, encoding: str) -> None:
    Scan().write(scans)
    prepared(tmp_path)
    expected = arrays(tmp_path)
    kinds = [
        ("uchar", "blue"),
        ("double", "z"),
        ("uchar", "green"),
        ("float", "x"),
        ("int", "red"),
        ("float", "y"),
    ]
    Scan(properties=kinds, encoding=encoding).write(scans)
    prepared(tmp_path)
    for name, array in arrays(tmp_path).items():
        np.testing.assert_array_equal(array, expected[name], err_msg=name)


def test_labels_ply_serves_where_the_annotation_is_missing(tmp_path: Path, scans: Path) -> None:
    scan = Scan(groups=None)
    scan.write(scans)
    scan.write_labels(scans, [0, 1, 2, 14, 24, 39, 40, 13, 41])
    note, repair = prepared(tmp_path).outcomes[0].repairs
    assert note.endswith(
        "labels of 20 classes alone, no segment200 and no instance; missing: scene0000_00.aggregation.json"
    )
    assert repair.startswith(f"scans/{TRAIN}/{TRAIN}_vh_clean_2.labels.ply: ")
    assert repair.endswith(": 1 points have ids outside NYU40's 0 to 40 (41), labelled -1")
    scene = arrays(tmp_path)
    assert sorted(scene) == ["color", "coord", "normal", "segment20"]
    expected = [-1, 0, 1, *(SCANNET20_IDS.index(number) for number in (14, 24, 39)), -1, -1, -1]
    assert scene["segment20"].tolist() == expected


def test_an_annotation_without_groups_is_told(tmp_path: Path, scans: Path) -> None:
    Scan(groups={"segGroups": []}).write(scans)
    assert prepared(tmp_path).outcomes[0].repairs == (
        f"scans/{TRAIN}/{TRAIN}.aggregation.json: no point is labelled in segment20, segment200, instance",
    )
    assert (arrays(tmp_path)["segment20"] == -1).all()


def test_an_unknown_category_and_unknown_segments_are_repaired(tmp_path: Path, scans: Path) -> None:
    groups = [group(0, "wall", [3]), group(1, "wormhole", [8, 5]), group(2, "floor", [5, 77, 1])]
    Scan(groups={"segGroups": groups}).write(scans)
    missing, unknown, _ = prepared(tmp_path).outcomes[0].repairs
    where = f"scans/{TRAIN}/{TRAIN}.aggregation.json"
    assert (
        missing
        == f"{where}: group 2 ('floor') names 2 of 3 segments that no vertex has (first: 77), left out"
    )
    assert unknown == (
        f"{where}: group 1: the category 'wormhole' is not in the label table, its 3 points are labelled -1"
    )
    assert arrays(tmp_path)["segment20"].tolist() == [0] * 3 + [-1] * 3 + [1, 1, -1]
    assert arrays(tmp_path)["instance"].tolist() == [0] * 3 + [1] * 3 + [2, 2, -1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"properties": [*XYZ, ("uchar", "red")]},
            "element 'vertex' has no property green, blue, but x, y, z, red",
        ),
        (
            {"properties": [*XYZ, ("int", "red"), *RGB[1:]], "overflow": "red"},
            "must be integers from 0 to 255",
        ),
        (
            {"properties": [("float", "x"), ("float", "y"), *RGB]},
            "has no property z, but x, y, red, green, blue",
        ),
        ({"faces": [([0, 1, 2, 3],)]}, "its faces must be triangles"),
        ({"faces": [([0, 1, 9],)]}, r"face 0 has the corners \[0, 1, 9\], but there are 9 vertices"),
        ({"segments": {"segIndices": SEGMENTS[1:]}}, r"segs\.json: labels of 8 vertices, but .*ply has 9"),
        (
            {"segments": {"segIndices": [*SEGMENTS[1:], "a"]}},
            "segIndices must be integers, but number 8 is 'a'",
        ),
        ({"segments": {"segs": []}}, "segs.json: 'segIndices' is missing; download the file again"),
        ({"segments": [1]}, r"needs a JSON object, but holds \[1\]"),
        ({"groups": {"segGroups": ["a"]}}, r"aggregation\.json: segGroups\[0\] must be an object"),
        (
            {"groups": {"segGroups": [{"label": "wall", "segments": []}]}},
            r"segGroups\[0\]: 'id' is missing",
        ),
        ({"segments": None}, f"{TRAIN}: no labels: neither .*segs.json nor .*labels.ply is there"),
    ],
)
def test_broken_scans_are_named(
    tmp_path: Path, scans: Path, change: dict[str, Any], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = Scan.values
    if name := change.pop("overflow", None):
        monkeypatch.setattr(Scan, "values", lambda scan: values(scan) | {name: np.full(9, 256)})
    Scan(**change).write(scans)
    text = failure(tmp_path)
    assert str(scans / TRAIN) in text
    with pytest.raises(ValueError, match=message):
        raise ValueError(text)


def test_files_cut_off_are_named(tmp_path: Path, scans: Path) -> None:
    folder = Scan().write(scans)
    for file in sorted(folder.iterdir()):
        whole = file.read_bytes()
        file.write_bytes(whole[:-20])
        text = failure(tmp_path)
        assert text.startswith(str(file))
        assert "perhaps a copy was cut off" in text
        file.write_bytes(whole)
    (folder / f"{TRAIN}_vh_clean_2.ply").unlink()
    assert failure(tmp_path) == f"{folder}: there is no {TRAIN}_vh_clean_2.ply: download it again"


def test_vertices_that_are_nowhere_are_named(
    tmp_path: Path, scans: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = Scan.values
    monkeypatch.setattr(
        Scan, "values", lambda scan: values(scan) | {"y": np.array([0, 1, np.nan, 3, np.inf, 5, 6, 7, 8])}
    )
    Scan().write(scans)
    assert "2 of 9 vertices are not finite (first: vertex 2, [0.0, nan, 0.0])" in failure(tmp_path)


def test_other_vertices_in_labels_ply_are_named(tmp_path: Path, scans: Path) -> None:
    scan = Scan(groups=None, segments=None)
    scan.write(scans)
    file = scans / TRAIN / f"{TRAIN}_vh_clean_2.labels.ply"
    write_ply_file(file, [Part("vertex", [*XYZ, ("ushort", "label")], [(0, 0, 0, 1)])])
    assert f"{file}: labels of 1 vertices, but {TRAIN}_vh_clean_2.ply has 9" in failure(tmp_path)
    rows = [(*row, 1) for row in reversed(scan.rows(XYZ))]
    write_ply_file(file, [Part("vertex", [*XYZ, ("ushort", "label")], rows)])
    assert f"{file}: vertex 0 lies elsewhere than in {TRAIN}_vh_clean_2.ply" in failure(tmp_path)


def test_a_broken_scan_stops_no_other(tmp_path: Path, scans: Path) -> None:
    Scan(faces=[([0, 1, 9],)]).write(scans)
    Scan(VAL).write(scans)
    summary = prepared(tmp_path)
    assert [outcome.job.name for outcome in summary.of("failed")] == [TRAIN]
    assert [outcome.job.name for outcome in summary.of("prepared")] == [VAL]


def test_sources_without_scans_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="raw: no such folder; name the folder of the download"):
        prepared(tmp_path)
    (tmp_path / "raw").write_text("an archive")
    with pytest.raises(ValueError, match="raw: a file; name the folder of the download that holds scans/"):
        prepared(tmp_path)
    (tmp_path / "raw").unlink()
    (tmp_path / "raw").mkdir()
    with pytest.raises(ValueError, match="raw: no scans: neither it nor a scans"):
        prepared(tmp_path)


def test_the_folder_above_and_the_one_below(tmp_path: Path, scans: Path) -> None:
    folder = Scan().write(scans)
    with pytest.raises(ValueError, match=f"{TRAIN} is a single scan: name the folder that holds it"):
        prepare_scannet(folder, tmp_path / "out")
    (tmp_path / "above").mkdir()
    (tmp_path / "raw").rename(tmp_path / "above/raw")
    summary = prepare_scannet(tmp_path / "above", tmp_path / "out", workers=0)
    assert summary.of("prepared", "train")
    for place in ("out", "out/train", f"out/train/{TRAIN}"):
        with pytest.raises(ValueError, match="is prepared already"):
            prepare_scannet(tmp_path / place, tmp_path / "again")
    Scan().write(tmp_path / "above/other/scans")
    with pytest.raises(ValueError, match=r"several folders of scans, name one: .*other, .*raw"):
        prepare_scannet(tmp_path / "above", tmp_path / "out")


def test_targets_at_the_source_are_refused(tmp_path: Path, scans: Path) -> None:
    Scan().write(scans)
    for target in (tmp_path / "raw", scans / "out", tmp_path):
        with pytest.raises(ValueError, match="or one lies in the other: name a target outside the download"):
            prepare_scannet(tmp_path / "raw", target)
    assert [path.name for path in sorted(tmp_path.rglob("*")) if path.is_dir()] == ["raw", "scans", TRAIN]


def test_notes_on_all_scans(tmp_path: Path, scans: Path) -> None:
    for name in (TRAIN, VAL, TEST, "scene9999_00", "foo"):
        scan = Scan(name, groups=None)
        scan.write(scans)
        scan.write_labels(scans, [1] * 9)
    unlisted, few = prepared(tmp_path).notes
    assert unlisted == "2 scans are in no list of ScanNet's, put under test: foo, scene9999_00"
    assert few.startswith("5 scenes have no segment200 and no instance: for ScanNet200 download SCENE.aggr")
    (tmp_path / "raw/scannetv2_test.txt").write_text(f"foo\nscene9999_00\n{TEST}\n")
    assert prepared(tmp_path).notes == (few,)


def test_the_label_table_of_the_source_counts(tmp_path: Path, scans: Path) -> None:
    Scan().write(scans)
    prepared(tmp_path)
    table = "id\traw_category\tcategory\tnyu40id\r\r\n1\ttv\ttv\t9\r\r\n2\ttv\ttv\t1\r\r\n"
    (tmp_path / "raw/scannetv2-labels.combined.tsv").write_text(table, newline="")
    unknown = [repair for repair in prepared(tmp_path).outcomes[0].repairs if "not in the label" in repair]
    assert len(unknown) == 2  # wall and office chair; the scan was made again
    assert arrays(tmp_path)["segment20"][-1] == SCANNET20_IDS.index(9)
    other = tmp_path / "labels.tsv"
    with pytest.raises(ValueError, match=r"--labels .*labels\.tsv: there is no such file"):
        prepared(tmp_path, labels=other)
    other.write_text(table.replace("tv\t9", "tv\t10"))
    prepared(tmp_path, labels=other)
    assert arrays(tmp_path)["segment20"][-1] == SCANNET20_IDS.index(10)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("id\tnyu40id\n1\t1\n", r"labels.tsv:1: no column 'raw_category', but id, nyu40id"),
        ("raw_category\tid\tnyu40id\nwall\t1\t1\nchair\t2\n", "labels.tsv:3: 2 fields, but the header has 3"),
        (
            "raw_category\tid\tnyu40id\nwall\t1\tx\n",
            "labels.tsv:2: id and nyu40id must be numbers, got '1' and 'x'",
        ),
        ("raw_category\tid\tnyu40id\n", "labels.tsv: no rows below the header"),
        ("", "labels.tsv:1: no column 'raw_category'"),
    ],
)
def test_odd_label_tables_are_refused(tmp_path: Path, table: str, message: str) -> None:
    file = tmp_path / "labels.tsv"
    file.write_text(table)
    with pytest.raises(ValueError, match=message):
        read_labels(file)


def test_label_tables_of_other_encodings_are_refused(tmp_path: Path) -> None:
    (tmp_path / "labels.tsv").write_bytes("raw_category\tid\tnyu40id\n".encode("utf-16"))
    with pytest.raises(ValueError, match=r"labels\.tsv: not a text file in UTF-8"):
        read_labels(tmp_path / "labels.tsv")


def test_the_builtin_table_has_the_categories_of_scannet() -> None:
    table = read_labels()
    assert len(table) == 606
    assert table["wall"] == (1, 1)
    assert table["trash can"] == (56, 39)
    assert all(0 < category.nyu40id <= 40 for category in table.values())


def test_the_builtin_splits_are_those_of_scannet_v2() -> None:
    splits = builtin_splits()
    assert list(splits.values()).count("train") == 1201
    assert list(splits.values()).count("val") == 312
    assert (splits["scene0191_02"], splits["scene0011_01"], splits["scene0706_00"]) == (
        "train",
        "val",
        "train",
    )
    assert {splits[name] for name in splits if name.startswith("scene0704")} == {"val"}
    assert TEST not in splits


def test_the_lists_of_the_source_count(tmp_path: Path, scans: Path) -> None:
    Scan().write(scans)
    (tmp_path / "raw/scannetv2_train.txt").write_text("scene0001_00\n")
    with pytest.raises(ValueError, match=r"has scannetv2_train\.txt but no scannetv2_val\.txt"):
        prepared(tmp_path)
    (tmp_path / "raw/scannetv2_val.txt").write_text(f"{TRAIN}\nscene0002_00\n")
    assert prepared(tmp_path).of("prepared", "val")
    (tmp_path / "raw/scannetv2_val.txt").write_text("scene0001_00\n")
    with pytest.raises(ValueError, match=r"val\.txt: scene0001_00 stands in scannetv2_train\.txt too"):
        read_splits(tmp_path / "raw")


def test_a_real_scan(tmp_path: Path) -> None:
    """The mesh and its labels; a sample of the same scan, moved as a whole, is contained in it."""
    root = os.environ.get("FFNET3D_REALDATA")
    if root is None or not (Path(root) / "raw/scannet/scans" / TRAIN).is_dir():
        pytest.skip("set FFNET3D_REALDATA to a folder with raw/scannet/scans/scene0000_00")
    raw = Path(root) / "raw/scannet"
    prepare_scannet(raw, tmp_path / "out", workers=0)
    scene = arrays(tmp_path)
    mesh = read_ply(raw / "scans" / TRAIN / f"{TRAIN}_vh_clean_2.ply")
    np.testing.assert_array_equal(scene["coord"], mesh.stack("vertex", ("x", "y", "z")))
    np.testing.assert_array_equal(scene["color"], mesh.stack("vertex", ("red", "green", "blue")))
    ids = read_ply(raw / "scans" / TRAIN / f"{TRAIN}_vh_clean_2.labels.ply").stack("vertex", ("label",))[:, 0]
    expected = [SCANNET20_IDS.index(number) if number in SCANNET20_IDS else -1 for number in ids.tolist()]
    np.testing.assert_array_equal(scene["segment20"], expected)

    sample = {
        name: np.load(Path(root) / f"scannet/train/{TRAIN}/{name}.npy")
        for name in ("coord", "color", "segment20")
    }
    rotation, shift = rigid(scene, sample)
    spatial = pytest.importorskip("scipy.spatial")
    distance, vertex = spatial.cKDTree(scene["coord"] @ rotation.T + shift).query(sample["coord"])
    assert distance.max() < 1e-5
    assert len(np.unique(vertex)) == len(sample["coord"])
    for name in ("color", "segment20"):
        np.testing.assert_array_equal(scene[name][vertex], sample[name])


def rigid(scene: dict[str, np.ndarray], sample: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Rotation and shift from scene to sample, by the points whose colour none shares."""
    places = []
    for part in (scene, sample):
        colors, first, counts = np.unique(part["color"], axis=0, return_index=True, return_counts=True)
        alone = zip(map(tuple, colors[counts == 1].tolist()), first[counts == 1].tolist(), strict=True)
        places.append(dict(alone))
    shared = sorted(places[0].keys() & places[1].keys())
    ours, theirs = (
        part["coord"][[place[color] for color in shared]].astype(float)
        for part, place in zip((scene, sample), places, strict=True)
    )
    left, _, right = np.linalg.svd((ours - ours.mean(0)).T @ (theirs - theirs.mean(0)))
    rotation = (left @ right).T
    return rotation, theirs.mean(0) - rotation @ ours.mean(0)
