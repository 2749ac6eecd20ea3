"""Data sets: splits, names, labels, repeatable draws, missing normals, and the fragments of a test scene."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

pytest.importorskip("scipy", reason="scenes without normals need scipy: pip install 'ffnet3d[train]'")

from ffnet3d.data.datasets import DefaultDataset, S3DISDataset, SampleKey, ScanNet200Dataset, ScanNetDataset
from ffnet3d.data.registry import DATASETS
from ffnet3d.data.scene import write_scene

TRAIN = [
    {"type": "CenterShift", "apply_z": True},
    {"type": "RandomRotate", "angle": [-1, 1], "axis": "z", "center": [0, 0, 0], "p": 0.5},
    {"type": "RandomScale", "scale": [0.9, 1.1]},
    {"type": "RandomJitter", "sigma": 0.005, "clip": 0.02},
    {"type": "GridSample", "grid_size": 0.1, "hash_type": "fnv", "mode": "train", "return_grid_coord": True},
    {"type": "NormalizeColor"},
    {"type": "ToTensor"},
    {"type": "Collect", "keys": ("coord", "grid_coord", "segment"), "feat_keys": ("color", "normal")},
]
TEST = [{"type": "CenterShift", "apply_z": True}, {"type": "NormalizeColor"}]
TEST_CFG: dict[str, Any] = {
    "voxelize": {"type": "GridSample", "grid_size": 0.1, "mode": "test", "return_grid_coord": True},
    "crop": None,
    "post_transform": [
        {"type": "CenterShift", "apply_z": False},
        {"type": "ToTensor"},
        {"type": "Collect", "keys": ("coord", "grid_coord", "index"), "feat_keys": ("color", "normal")},
    ],
    "aug_transform": [
        [{"type": "RandomScale", "scale": [1, 1]}],
        [{"type": "RandomScale", "scale": [0.5, 0.5]}, {"type": "RandomFlip", "p": 1}],
    ],
}


def write_room(folder: Path, num_points: int = 400, segment: str = "segment", normal: bool = True) -> None:
    rng = np.random.default_rng(len(folder.name))
    arrays = {
        "coord": rng.uniform(0, 1, (num_points, 3)).astype(np.float32),
        "color": rng.integers(0, 256, (num_points, 3)).astype(np.uint8),
        segment: rng.integers(-1, 13, (num_points, 1)).astype(np.int16),
    }
    if normal:
        arrays["normal"] = np.tile(np.float32([0, 0, 1]), (num_points, 1))
    write_scene(folder, arrays)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for area, room in [("Area_1", "office_1"), ("Area_1", "hallway_1"), ("Area_5", "office_1")]:
        write_room(tmp_path / area / room)
    (tmp_path / "Area_1" / ".hidden").mkdir()
    (tmp_path / "Area_1" / "notes.txt").write_text("")
    return tmp_path


def names(dataset: Any) -> list[str]:
    return [dataset.read(index)["name"] for index in range(len(dataset))]


def test_splits_by_folder_sequence_and_list(root: Path) -> None:
    assert names(S3DISDataset("Area_1", root)) == ["Area_1-hallway_1", "Area_1-office_1"]
    assert names(S3DISDataset(("Area_5", "Area_1"), root))[0] == "Area_5-office_1"
    (root / "mine.json").write_text(json.dumps(["Area_5/office_1", "Area_1/office_1"]))
    assert names(S3DISDataset("mine.json", root)) == ["Area_5-office_1", "Area_1-office_1"]
    assert names(DefaultDataset("Area_5", root)) == ["office_1"]


def test_missing_root_split_and_scenes(root: Path) -> None:
    with pytest.raises(ValueError, match=r"data root .*nowhere does not exist.*data_root="):
        S3DISDataset("Area_1", root / "nowhere")
    with pytest.raises(
        ValueError, match=r"no scenes in split 'Area_2'.*does not exist.*holds: Area_1, Area_5"
    ):
        S3DISDataset("Area_2", root)
    (root / "Area_3").mkdir()
    with pytest.raises(ValueError, match=r"no scenes in split 'Area_3'.*is empty"):
        S3DISDataset(["Area_1", "Area_3"], root)
    with pytest.raises(ValueError, match="split is empty"):
        S3DISDataset([], root)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[", "JSON list of scene folders"),
        ('{"a": 1}', "JSON list"),
        ('["Area_9/x"]', r"Area_9.x, which does not exist"),
    ],
)
def test_bad_split_files(root: Path, text: str, message: str) -> None:
    (root / "mine.json").write_text(text)
    with pytest.raises(ValueError, match=message):
        S3DISDataset("mine.json", root)


def test_scannet_reads_the_labels_of_its_own_file(tmp_path: Path) -> None:
    write_room(tmp_path / "val" / "scene0000_00", segment="segment20")
    np.save(tmp_path / "val" / "scene0000_00" / "segment200.npy", np.full(400, 199))
    assert ScanNetDataset("val", tmp_path).read(0)["segment"].max() == 12
    assert (ScanNet200Dataset("val", tmp_path).read(0)["segment"] == 199).all()
    assert len(ScanNetDataset.class_names) == 20
    assert len(ScanNet200Dataset.class_names) == 200


def test_labels_are_checked_against_the_classes(root: Path) -> None:
    np.save(root / "Area_5" / "office_1" / "segment.npy", np.full(400, 13))
    with pytest.raises(ValueError, match=r"Area_5.office_1.segment\.npy: label 13 .* 12 \(13 classes\)"):
        S3DISDataset("Area_5", root)[0]
    assert S3DISDataset("Area_5", root, num_classes=14)[0]["segment"].max() == 13
    assert DefaultDataset("Area_5", root)[0]["segment"].max() == 13


def test_registered_under_pointcepts_names(root: Path) -> None:
    assert {"DefaultDataset", "ScanNetDataset", "ScanNet200Dataset", "S3DISDataset"} <= set(DATASETS.names())
    dataset = DATASETS.build(
        {"type": "S3DISDataset", "split": "Area_1", "data_root": str(root), "transform": TRAIN}
    )
    assert dataset[0]["feat"].shape[1] == 6
    with pytest.raises(ValueError, match="S3DISDataset has no argument 'splitt'"):
        DATASETS.build({"type": "S3DISDataset", "splitt": "Area_1"})


def test_loop_repeats_the_scenes_with_new_draws(root: Path) -> None:
    dataset = S3DISDataset("Area_1", root, TRAIN, loop=3)
    assert len(dataset) == 6
    assert not torch.equal(dataset[0]["coord"], dataset[2]["coord"])
    with pytest.raises(IndexError, match="sample 6 of 6"):
        dataset[6]
    assert len(S3DISDataset("Area_1", root, TEST, test_mode=True, test_cfg=TEST_CFG, loop=3)) == 2


def test_a_sample_depends_on_seed_epoch_and_index_alone(root: Path) -> None:
    dataset = S3DISDataset("Area_1", root, TRAIN)
    first = dataset[SampleKey(3, 1)]
    np.random.seed(5)  # noqa: NPY002
    torch.manual_seed(5)
    dataset[SampleKey(0, 0)]
    again = S3DISDataset("Area_1", root, TRAIN)[SampleKey(3, 1)]
    assert first["mix_draw"] == again["mix_draw"]
    assert torch.equal(first["coord"], again["coord"])
    for other in (dataset[SampleKey(4, 1)], S3DISDataset("Area_1", root, TRAIN, seed=1)[SampleKey(3, 1)]):
        assert other["mix_draw"] != first["mix_draw"]
    assert dataset[1]["mix_draw"] == dataset[SampleKey(0, 1)]["mix_draw"]


def test_cache_reads_once_and_is_never_changed(root: Path) -> None:
    dataset = S3DISDataset("Area_5", root, TRAIN, cache=True)
    first = dataset[0]
    (root / "Area_5" / "office_1" / "coord.npy").unlink()
    assert torch.equal(dataset[0]["coord"], first["coord"])
    dataset.read(0)["coord"][:] = 0
    assert torch.equal(dataset[0]["coord"], first["coord"])


def test_errors_of_transforms_name_the_scene(root: Path) -> None:
    collect = [{"type": "Collect", "keys": ("coord", "strength"), "feat_keys": ("color",)}]
    with pytest.raises(ValueError, match=r"scene Area_5-office_1 of .*strength"):
        S3DISDataset("Area_5", root, collect)[0]


def test_missing_normals_are_estimated_and_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for room in ("a", "bb"):
        write_room(tmp_path / "data" / "Area_1" / room, normal=False)
    with caplog.at_level(logging.INFO):
        dataset = S3DISDataset("Area_1", tmp_path / "data", cache_root=tmp_path / "cache")
        normal = dataset.read(0)["normal"]
        dataset.read(1)
    np.testing.assert_allclose(np.linalg.norm(normal, axis=1), 1, atol=2e-3)
    assert caplog.text.count("normals are estimated") == 1
    assert "2 of 2 scenes have no normal.npy" in caplog.text
    assert len(list((tmp_path / "cache" / "normals").iterdir())) == 2
    assert not list((tmp_path / "data").rglob("normal.npy"))


def test_missing_colour(root: Path) -> None:
    (root / "Area_5" / "office_1" / "color.npy").unlink()
    with pytest.raises(ValueError, match=r"color\.npy is missing"):
        S3DISDataset("Area_5", root)[0]
    assert "color" not in DefaultDataset("Area_5", root)[0]


def test_test_scene_covers_every_point_in_every_view(root: Path) -> None:
    dataset = S3DISDataset("Area_5", root, TEST, test_mode=True, test_cfg=TEST_CFG)
    scene = dataset.test_scene(0)
    assert (scene.name, scene.num_points, scene.num_views, len(scene.segment)) == (
        "Area_5-office_1",
        400,
        2,
        400,
    )
    np.testing.assert_array_equal(scene.coord, np.load(root / "Area_5" / "office_1" / "coord.npy"))
    votes = np.zeros((2, 400), int)
    for fragment in scene.fragments():
        inputs = fragment.inputs
        assert set(inputs) == {"coord", "grid_coord", "feat", "offset"}
        assert inputs["offset"].tolist() == [len(fragment.index)] == [len(inputs["feat"])]
        assert len(np.unique(inputs["grid_coord"], axis=0)) == len(fragment.index)
        np.testing.assert_allclose(inputs["feat"][:, :3] * 255, scene.color[fragment.index], atol=1e-3)
        votes[fragment.view, fragment.index] += 1
    assert (votes > 0).all()
    again = [fragment.index for fragment in scene.fragments()]
    assert all(torch.equal(a.index, b) for a, b in zip(dataset.test_scene(0).fragments(), again, strict=True))


def test_test_scene_with_a_cloud_thinned_by_the_transform(root: Path) -> None:
    thin = [
        {"type": "Copy", "keys_dict": {"segment": "origin_segment"}},
        {"type": "GridSample", "grid_size": 0.2, "mode": "train", "return_inverse": True},
        {"type": "NormalizeColor"},
    ]
    scene = S3DISDataset("Area_5", root, thin, test_mode=True, test_cfg=TEST_CFG).test_scene(0)
    assert len(scene.segment) == len(scene.inverse) == 400
    assert scene.num_points == scene.inverse.max() + 1 == len(np.unique(scene.inverse)) < 200
    seen = torch.cat([fragment.index for fragment in scene.fragments()])
    assert seen.unique().tolist() == list(range(scene.num_points))
    with pytest.raises(ValueError, match=r"from 400 to \d+; thin it in test_cfg"):
        S3DISDataset("Area_5", root, thin[1:], test_mode=True, test_cfg=TEST_CFG).test_scene(0)


def test_test_scene_without_voxels_and_views(root: Path) -> None:
    config = {"post_transform": TEST_CFG["post_transform"][1:]}
    config["post_transform"] = [
        {"type": "ToTensor"},
        {"type": "Collect", "keys": ("coord", "index"), "feat_keys": ("color", "normal")},
    ]
    (fragment,) = S3DISDataset("Area_5", root, TEST, True, config).test_scene(0).fragments()
    assert fragment.index.tolist() == list(range(400))


def test_mistakes_in_test_set_up(root: Path) -> None:
    with pytest.raises(ValueError, match="needs a test_cfg"):
        S3DISDataset("Area_5", root, TEST, test_mode=True)
    with pytest.raises(ValueError, match=r"no key 'voxelise': did you mean 'voxelize'"):
        S3DISDataset("Area_5", root, TEST, test_mode=True, test_cfg={"voxelise": None})
    with pytest.raises(ValueError, match="test_mode=True"):
        S3DISDataset("Area_5", root, TEST).test_scene(0)
    config = {
        **TEST_CFG,
        "post_transform": [
            {"type": "ToTensor"},
            {"type": "Collect", "keys": ("coord",), "feat_keys": ("color",)},
        ],
    }
    with pytest.raises(ValueError, match="add it to the keys of Collect"):
        next(S3DISDataset("Area_5", root, TEST, test_mode=True, test_cfg=config).test_scene(0).fragments())
    drop = [{"type": "RandomDropout", "dropout_ratio": 0.5, "dropout_application_ratio": 1}]
    config = {**TEST_CFG, "aug_transform": [[], drop]}
    with pytest.raises(ValueError, match=r"aug_transform\[1\] changes the number of points"):
        list(S3DISDataset("Area_5", root, TEST, test_mode=True, test_cfg=config).test_scene(0).fragments())
    with pytest.raises(ValueError, match="several scenes are named 'office_1'"):
        DefaultDataset(("Area_1", "Area_5"), root, TEST, test_mode=True, test_cfg=TEST_CFG)


def test_ten_thousand_points_in_one_voxel(tmp_path: Path) -> None:
    arrays = {
        "coord": np.full((10000, 3), 0.5, np.float32),
        "color": np.zeros((10000, 3), np.uint8),
        "segment": np.zeros(10000, np.int64),
    }
    write_scene(tmp_path / "Area_1" / "dot", arrays)
    dataset = S3DISDataset("Area_1", tmp_path, TRAIN, cache_root=tmp_path / "cache")
    assert len(dataset[0]["coord"]) < 10


@pytest.mark.parametrize(("kind", "split"), [(ScanNetDataset, "val"), (S3DISDataset, "Area_4")])
def test_real_rooms(kind: Any, split: str, tmp_path: Path) -> None:
    real = os.environ.get("FFNET3D_REALDATA")
    if not real:
        pytest.skip("set FFNET3D_REALDATA to a folder with scannet/ and s3dis/ in Pointcept's layout")
    folder = Path(real) / ("scannet" if kind is ScanNetDataset else "s3dis")
    sample = kind(split, folder, TRAIN, cache_root=tmp_path)[0]
    assert sample["feat"].shape == (int(sample["offset"]), 6)
    assert torch.isfinite(sample["feat"]).all()
    scene = kind(split, folder, TEST, True, TEST_CFG, cache_root=tmp_path).test_scene(0)
    fragment = next(scene.fragments())
    assert scene.num_points > len(fragment.index) > 500
