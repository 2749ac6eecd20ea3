"""Scene folders: reading, writing, and an error that names the file for everything that can be wrong."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from ffnet3d.data.classes import (
    S3DIS13,
    S3DIS13_PALETTE,
    SCANNET20,
    SCANNET20_PALETTE,
    SCANNET200,
    SCANNET200_PALETTE,
    palette,
)
from ffnet3d.data.scene import read_scene, write_scene


def arrays(num_points: int = 50) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {
        "coord": rng.uniform(0, 3, (num_points, 3)).astype(np.float32),
        "color": rng.integers(0, 256, (num_points, 3)).astype(np.uint8),
        "normal": np.tile(np.float32([0, 0, 1]), (num_points, 1)),
        "segment": rng.integers(-1, 13, (num_points, 1)).astype(np.int16),
        "instance": rng.integers(0, 5, (num_points, 1)).astype(np.int16),
    }


def scene_with(folder: Path, **changes: np.ndarray) -> Path:
    write_scene(folder, arrays())
    for name, array in changes.items():
        np.save(folder / f"{name}.npy", array)
    return folder


def test_round_trip_in_canonical_types(tmp_path: Path) -> None:
    written = arrays()
    write_scene(tmp_path / "room", written)
    scene = read_scene(tmp_path / "room", num_classes=13)
    assert {key: (array.dtype.name, array.ndim) for key, array in scene.items()} == {
        "coord": ("float32", 2),
        "color": ("float32", 2),
        "normal": ("float32", 2),
        "segment": ("int32", 1),
        "instance": ("int32", 1),
    }
    for key, array in scene.items():
        np.testing.assert_array_equal(array, written[key].reshape(array.shape))


@pytest.mark.parametrize("dtype", [np.int16, np.int64, np.uint8])
@pytest.mark.parametrize("shape", [(50,), (50, 1)])
def test_labels_in_any_integer_type_and_either_shape(
    tmp_path: Path, dtype: type, shape: tuple[int, ...]
) -> None:
    labels = (np.arange(50) % 13).astype(dtype)
    scene = read_scene(scene_with(tmp_path / "room", segment=labels.reshape(shape)), num_classes=13)
    np.testing.assert_array_equal(scene["segment"], labels)


def test_absent_labels_are_ignored_ones(tmp_path: Path) -> None:
    folder = scene_with(tmp_path / "room")
    (folder / "segment.npy").unlink()
    (folder / "instance.npy").unlink()
    scene = read_scene(folder, ignore_index=255)
    assert (scene["segment"] == 255).all()
    assert (scene["instance"] == -1).all()


def test_minus_one_becomes_ignore_index(tmp_path: Path) -> None:
    scene = read_scene(
        scene_with(tmp_path / "room", segment=np.full(50, -1)), num_classes=13, ignore_index=255
    )
    assert (scene["segment"] == 255).all()


def test_one_point(tmp_path: Path) -> None:
    write_scene(tmp_path / "room", arrays(1))
    assert read_scene(tmp_path / "room")["coord"].shape == (1, 3)


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("coord", np.zeros((0, 3), np.float32), r"coord\.npy: an empty scene"),
        ("coord", np.zeros((50, 2), np.float32), r"coord\.npy: needs the shape \[N, 3\], got \[50, 2\]"),
        ("coord", np.full((50, 3), "a"), r"coord\.npy: needs real numbers"),
        ("coord", np.full((50, 3), np.nan), r"coord\.npy: 50 of 50 rows hold NaN or infinity \(first: row 0"),
        ("coord", np.full((50, 3), np.inf), r"coord\.npy: 50 of 50 rows hold NaN or infinity"),
        (
            "coord",
            np.full((50, 3), 1e7),
            r"coord\.npy: a coordinate of 1e\+07 m.*units metres.*subtract an origin",
        ),
        ("color", np.full((50, 3), 300), r"color\.npy: colours need the range 0-255, got 300 to 300"),
        ("color", np.full((50, 3), -1), r"color\.npy: colours need the range 0-255, got -1"),
        ("color", np.full((50, 3), 0.5), r"color\.npy: .*got 0\.5 to 0\.5: multiply them by 255"),
        ("color", np.zeros((49, 3), np.uint8), r"color\.npy: 49 rows, but coord\.npy has 50 points"),
        ("normal", np.full((50, 3), np.nan), r"normal\.npy: 50 of 50 rows hold NaN"),
        ("segment", np.zeros(51, np.int64), r"segment\.npy: 51 rows, but coord\.npy has 50 points"),
        ("segment", np.full(50, 13), r"segment\.npy: label 13 at 50 of 50 points; labels run from 0 to 12"),
        ("segment", np.full(50, -2), r"segment\.npy: label -2 at 50 of 50 points"),
        ("segment", np.zeros(50), r"segment\.npy: labels need integers, got dtype float64"),
        ("segment", np.zeros((50, 2), int), r"segment\.npy: labels need the shape \[N\] or \[N, 1\]"),
        ("instance", np.zeros(3, int), r"instance\.npy: 3 rows"),
    ],
)
def test_bad_arrays_are_named(tmp_path: Path, name: str, array: np.ndarray, message: str) -> None:
    folder = scene_with(tmp_path / "room", **{name: array})
    with pytest.raises(ValueError, match=message) as error:
        read_scene(folder, num_classes=13)
    assert str(folder / f"{name}.npy") in str(error.value)


def test_missing_files_are_named(tmp_path: Path) -> None:
    folder = scene_with(tmp_path / "room")
    (folder / "color.npy").unlink()
    assert "color" not in read_scene(folder)
    with pytest.raises(ValueError, match=r"color\.npy is missing.*DefaultDataset"):
        read_scene(folder, required=("coord", "color"))
    (folder / "coord.npy").unlink()
    with pytest.raises(ValueError, match=r"coord\.npy is missing: a scene folder needs"):
        read_scene(folder)
    with pytest.raises(ValueError, match="nowhere: no such scene folder"):
        read_scene(tmp_path / "nowhere")


@pytest.mark.parametrize("size", [0, 5, 60, 200])
def test_truncated_file_is_named(tmp_path: Path, size: int) -> None:
    folder = scene_with(tmp_path / "room")
    os.truncate(folder / "coord.npy", size)
    with pytest.raises(ValueError, match=r"coord\.npy: not a whole \.npy array .*write it again"):
        read_scene(folder)


@pytest.mark.parametrize("renames", [0, 1, 2])
def test_a_kill_while_a_scene_is_replaced_leaves_no_part_of_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, renames: int
) -> None:
    write_scene(tmp_path / "room", arrays(10))
    left, rename = [renames], os.replace

    def die(*_: object, **__: object) -> None:
        raise SystemExit

    def some(source: Path, target: Path) -> None:
        left[0] -= 1
        die() if left[0] < 0 else rename(source, target)

    monkeypatch.setattr("ffnet3d.atomic.os.replace", some)
    monkeypatch.setattr("ffnet3d.atomic.shutil.rmtree", die)
    with pytest.raises(SystemExit):
        write_scene(tmp_path / "room", arrays(20))
    visible = [path for path in tmp_path.iterdir() if not path.name.startswith(".")]
    assert [len(read_scene(path)["color"]) for path in visible] == {0: [10], 1: [], 2: [20]}[renames]


def test_pickled_and_zipped_files_are_refused(tmp_path: Path) -> None:
    folder = scene_with(tmp_path / "room")
    np.save(folder / "color.npy", np.array([{}], dtype=object))
    with pytest.raises(ValueError, match=r"color\.npy: not a whole \.npy array"):
        read_scene(folder)
    with (folder / "color.npy").open("wb") as stream:
        np.savez(stream, a=np.zeros(3))
    with pytest.raises(ValueError, match=r"color\.npy: an \.npz archive"):
        read_scene(folder)


def test_write_replaces_whole_scenes_and_leaves_nothing_else(tmp_path: Path) -> None:
    write_scene(tmp_path / "room", arrays(50))
    small = {"coord": np.zeros((2, 3), np.float32)}
    write_scene(tmp_path / "room", small)
    assert [path.name for path in (tmp_path / "room").iterdir()] == ["coord.npy"]
    assert [path.name for path in tmp_path.iterdir()] == ["room"]


def test_failed_write_keeps_the_former_scene(tmp_path: Path) -> None:
    write_scene(tmp_path / "room", arrays(50))
    with pytest.raises(ValueError, match="common length"):
        write_scene(tmp_path / "room", {"coord": np.zeros((2, 3)), "color": np.zeros((3, 3))})
    with pytest.raises(ValueError, match="Object arrays"):
        write_scene(tmp_path / "room", {"coord": np.array([None, None])})
    assert len(read_scene(tmp_path / "room")["coord"]) == 50
    assert [path.name for path in tmp_path.iterdir()] == ["room"]


@pytest.mark.parametrize(
    ("names", "palette", "count"),
    [
        (SCANNET20, SCANNET20_PALETTE, 20),
        (SCANNET200, SCANNET200_PALETTE, 200),
        (S3DIS13, S3DIS13_PALETTE, 13),
    ],
)
def test_class_tables(names: tuple[str, ...], palette: tuple[tuple[int, int, int], ...], count: int) -> None:
    assert len(names) == len(set(names)) == len(palette) == len(set(palette)) == count
    assert all(name and name == name.strip() for name in names)
    assert all(0 <= value <= 255 for color in palette for value in color)


@pytest.mark.parametrize("count", [1, 5, 13, 20, 50, 200])
def test_palette_for_any_number_of_classes(count: int) -> None:
    assert len(set(palette(count))) == count
    assert all(0 <= value <= 255 for color in palette(count) for value in color)
