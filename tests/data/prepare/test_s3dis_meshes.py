"""Normals of S3DIS from meshes in the layout of 2D-3D-S: made-up ones, as the real ones take 110 GB."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from data.prepare.s3dis_rooms import CORNER, write_angles

from ffnet3d.data.prepare.obj_mesh import read_obj
from ffnet3d.data.prepare.s3dis import prepare_s3dis
from ffnet3d.data.prepare.s3dis_meshes import SHIFT_5B, TURN_5B, UPRIGHT

SIZE = np.array([4.0, 3.0, 2.5])
SIDES = [(axis, side) for axis in range(3) for side in (0, 1)]


def box_quads() -> tuple[np.ndarray, np.ndarray]:
    """Six walls of a room at CORNER as quads [6, 4, 3], and their normals [6, 3], which point into it."""
    quads, normals = [], []
    for axis, side in SIDES:
        one, two = (axis + 1) % 3, (axis + 2) % 3
        corners = np.full((4, 3), float(side))
        corners[:, [one, two]] = [[0, 0], [1, 0], [1, 1], [0, 1]]
        quads.append((corners if side == 0 else corners[::-1]) * SIZE + CORNER)
        normals.append(np.eye(3)[axis] * (1 - 2 * side))
    return np.array(quads), np.array(normals)


def write_obj(file: Path, quads: np.ndarray, ahead: str = "") -> None:
    """Quads as an OBJ file with y up."""
    vertices = quads.reshape(-1, 3) @ UPRIGHT
    lines = [ahead, "mtllib rgb.mtl", *(f"v {x:.6f} {y:.6f} {z:.6f}" for x, y, z in vertices), "vt 0 0"]
    lines.append("usemtl wall")
    lines += [f"f {k}/1 {k + 1}/1 {k + 2}/1 {k + 3}/1" for k in range(1, len(vertices), 4)]
    file.parent.mkdir(parents=True)
    file.write_text("\n".join(lines) + "\n")


def write_walls(source: Path, area: str = "Area_1") -> np.ndarray:
    """A room of 300 points on each wall; returns the true normal of each point."""
    rng = np.random.default_rng(0)
    folder = source / area / "office_1" / "Annotations"
    folder.mkdir(parents=True)
    for number, (axis, side) in enumerate(SIDES):
        points = rng.uniform(0.02, 0.98, (300, 3))
        points[:, axis] = side
        table = np.column_stack([points * SIZE + CORNER, rng.integers(0, 256, (300, 3))])
        np.savetxt(folder / f"wall_{number}.txt", table, fmt=["%.3f"] * 3 + ["%d"] * 3)
    return np.repeat(box_quads()[1], 300, axis=0)


def normals_of(source: Path, meshes: Path, target: Path, area: str = "Area_1", **options: bool) -> np.ndarray:
    summary = prepare_s3dis(source, target, meshes=meshes, workers=0, **options)
    assert [one.message for one in summary.of("failed")] == []
    return np.load(target / area / "office_1" / "normal.npy")


def test_each_point_takes_the_normal_of_its_face(tmp_path: Path) -> None:
    truth = write_walls(tmp_path / "raw")
    write_obj(tmp_path / "meshes" / "area_1" / "3d" / "rgb.obj", box_quads()[0])
    normal = normals_of(tmp_path / "raw", tmp_path / "meshes", tmp_path / "out")
    assert normal.dtype == np.float32
    np.testing.assert_allclose(normal, truth, atol=1e-6)


def test_normals_turn_with_their_room(tmp_path: Path) -> None:
    truth = write_walls(tmp_path / "raw")
    write_angles(tmp_path / "raw" / "Area_1", office_1=90)
    write_obj(tmp_path / "meshes" / "Area_1" / "3d" / "rgb.obj", box_quads()[0])
    normal = normals_of(tmp_path / "raw", tmp_path / "meshes", tmp_path / "turned")
    np.testing.assert_allclose(normal, truth @ np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]]), atol=1e-6)
    kept = normals_of(tmp_path / "raw", tmp_path / "meshes", tmp_path / "kept", aligned=False)
    np.testing.assert_allclose(kept, truth, atol=1e-6)


def test_the_second_part_of_area_5_is_moved_onto_the_first(tmp_path: Path) -> None:
    truth = write_walls(tmp_path / "raw", "Area_5")
    quads, _ = box_quads()
    moved = (quads @ UPRIGHT - SHIFT_5B) @ TURN_5B @ UPRIGHT.T
    write_obj(tmp_path / "meshes" / "area_5a" / "3d" / "rgb.obj", quads[:3])
    write_obj(tmp_path / "meshes" / "area_5b" / "3d" / "rgb.obj", moved[3:])
    normal = normals_of(tmp_path / "raw", tmp_path / "meshes", tmp_path / "out", "Area_5")
    np.testing.assert_allclose(normal, truth, atol=1e-4)


def test_a_mesh_of_another_place_is_refused(tmp_path: Path) -> None:
    write_walls(tmp_path / "raw")
    for name, shift, message in (
        ("far", 50.0, "no part of the mesh lies in this room"),
        ("near", 0.09, "half of"),
    ):
        write_obj(
            tmp_path / name / "area_1" / "3d" / "rgb.obj", (box_quads()[0] - CORNER) * 0.9 + CORNER + shift
        )
        summary = prepare_s3dis(tmp_path / "raw", tmp_path / f"{name}-out", meshes=tmp_path / name, workers=0)
        (failed,) = summary.of("failed")
        assert failed.message.startswith(f"{tmp_path / name / 'area_1' / '3d' / 'rgb.obj'}: ")
        assert message in failed.message
        assert "--meshes needs the points of Stanford3dDataset_v1.2" in failed.message


def test_meshes_that_are_not_there(tmp_path: Path) -> None:
    write_walls(tmp_path / "raw")
    with pytest.raises(ValueError, match=r"Area_1.3d.rgb.obj: no such mesh; --meshes takes .* area_1"):
        prepare_s3dis(tmp_path / "raw", tmp_path / "out", meshes=tmp_path / "meshes")


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    write_walls(tmp_path / "raw")
    write_obj(tmp_path / "meshes" / "area_1" / "3d" / "rgb.obj", box_quads()[0])
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "thesis.txt").touch()
    with pytest.raises(ValueError, match="was not begun by ffnet3d prepare"):
        prepare_s3dis(tmp_path / "raw", tmp_path / "own", meshes=tmp_path / "meshes")
    assert [path.name for path in (tmp_path / "own").iterdir()] == ["thesis.txt"]


def test_a_mesh_is_read_once_for_all_rooms_and_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_walls(tmp_path / "raw")
    mesh = tmp_path / "meshes" / "area_1" / "3d" / "rgb.obj"
    write_obj(mesh, box_quads()[0])
    normals_of(tmp_path / "raw", tmp_path / "meshes", tmp_path / "out")
    (tmp_path / "out" / "Area_1" / "office_1" / "normal.npy").unlink()
    monkeypatch.setattr("ffnet3d.data.prepare.s3dis_meshes.read_obj", None)
    assert len(normals_of(tmp_path / "raw", tmp_path / "meshes", tmp_path / "out")) == 1800


def test_obj_in_pieces_of_any_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (
        "# mesh\nv 0 0 0 0.5 0.5 0.5\nv 1 0 0\r\nv 1 1 0\nv 0 1 1e-1\nvn 0 0 1\nf 1//1 2//1 3//1\nf 1 2 3 4\n"
    )
    file = tmp_path / "room.obj"
    file.write_text(text)
    for size in (1, 17, 1 << 20):
        monkeypatch.setattr("ffnet3d.data.prepare.obj_mesh.CHUNK", size)
        vertices, faces = read_obj(file)
        np.testing.assert_array_equal(vertices, [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0.1]])
        np.testing.assert_array_equal(faces, [[0, 1, 2], [0, 1, 2], [0, 2, 3]])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("v 0 0 0\n", "a mesh without faces; is the file cut off"),
        ("v 0 0 0\nv 1 0\nf 1 1 1\n", "no mesh can be read after byte 0"),
        ("v 0 0 0\nf 1 1\n", "a face of 2 vertices"),
        ("v 0 0 0\nf 1 2 9\n", "a face has vertex 9 of 1; is the file cut off"),
        ("v 0 0 0\nf 1 1 -1\n", "a face has vertex -1 of 1"),
        ("v 0 0 0\nf a b c\n", "no mesh can be read after byte 0"),
    ],
)
def test_a_broken_obj_is_named(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "room.obj"
    file.write_text(text)
    with pytest.raises(ValueError, match=message) as error:
        read_obj(file)
    assert str(file) in str(error.value)
