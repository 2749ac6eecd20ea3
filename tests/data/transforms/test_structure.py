"""Copies, settings, tensors, and what goes to the network."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ffnet3d.data.transforms import Collect, Compose, Copy, ToTensor, Update

RNG = np.random.default_rng


def tensors(points: int = 5) -> dict:
    return {
        "coord": torch.arange(3.0 * points).reshape(-1, 3),
        "color": torch.ones(points, 3),
        "normal": torch.zeros(points, 3, dtype=torch.float64),
        "segment": torch.arange(points),
        "name": "room",
    }


class TestCopy:
    def test_copies_are_independent(self) -> None:
        sample = {"coord": np.zeros((2, 3)), "segment": np.zeros(2), "name": ["a"]}
        result = Copy()(sample, RNG(0))
        result["origin_coord"][:] = 1
        assert not sample["coord"].any()
        assert Copy({"name": "n"})(sample, RNG(0))["n"] == ["a"]

    def test_names_what_is_missing(self) -> None:
        with pytest.raises(ValueError, match="the sample has no 'segment', it has coord"):
            Copy()({"coord": np.zeros((2, 3))}, RNG(0))


def test_update_values_are_not_shared() -> None:
    update = Update({"index_valid_keys": ["coord"]})
    update({}, RNG(0))["index_valid_keys"].append("color")
    assert update({}, RNG(0)) == {"index_valid_keys": ["coord"]}


class TestToTensor:
    def test_types(self) -> None:
        sample = {
            "coord": np.zeros((2, 3), np.float64),
            "color": np.zeros((2, 3), np.float16),
            "segment": np.array([1, -1], np.int16),
            "grid_coord": np.zeros((2, 3), np.uint8),
            "mask": np.array([True, False]),
            "count": 3,
            "ratio": 0.5,
            "number": np.float32(2),
            "name": "room",
            "list": [1, "a"],
            "nested": {"x": np.arange(2)},
            "done": torch.zeros(2, dtype=torch.float64),
        }
        result = ToTensor()(sample, RNG(0))
        dtypes = {key: value.dtype for key, value in result.items() if isinstance(value, torch.Tensor)}
        assert dtypes == {
            "coord": torch.float32,
            "color": torch.float32,
            "segment": torch.int64,
            "grid_coord": torch.int64,
            "mask": torch.bool,
            "count": torch.int64,
            "ratio": torch.float32,
            "number": torch.float32,
            "done": torch.float64,
        }
        assert result["segment"].tolist() == [1, -1]
        assert result["count"].tolist() == [3]
        assert result["name"] == "room"
        assert result["list"][0].tolist() == [1]
        assert result["nested"]["x"].tolist() == [0, 1]

    def test_memory_is_its_own(self) -> None:
        coord = np.zeros((2, 3), np.float32)
        ToTensor()({"coord": coord}, RNG(0))["coord"].add_(1)
        assert not coord.any()

    def test_takes_any_strides(self) -> None:
        result = ToTensor()({"coord": np.arange(6.0).reshape(2, 3)[::-1]}, RNG(0))
        assert result["coord"].tolist() == [[3, 4, 5], [0, 1, 2]]

    def test_names_what_it_cannot_convert(self) -> None:
        with pytest.raises(ValueError, match="'color' cannot become a tensor: it is of type NoneType"):
            ToTensor()({"color": None}, RNG(0))
        with pytest.raises(ValueError, match=r"'a.b' cannot become a tensor: it is of type array of <U1"):
            ToTensor()({"a": {"b": np.array(["x"])}}, RNG(0))


class TestCollect:
    def test_joins_features(self) -> None:
        collect = Collect(keys=("coord", "segment"), feat_keys=("color", "normal"))
        result = collect(tensors(), RNG(0))
        assert set(result) == {"coord", "segment", "offset", "feat"}
        assert result["offset"].tolist() == [5]
        assert result["feat"].dtype == torch.float32
        np.testing.assert_array_equal(result["feat"], [[1, 1, 1, 0, 0, 0]] * 5)

    def test_own_offsets_and_one_key(self) -> None:
        sample = {**tensors(), "origin_coord": torch.zeros(9, 3)}
        offsets = {"offset": "coord", "origin_offset": "origin_coord"}
        result = Collect(keys="coord", offset_keys_dict=offsets)(sample, RNG(0))
        assert set(result) == {"coord", "offset", "origin_offset"}
        assert result["origin_offset"].tolist() == [9]

    def test_says_how_to_get_normals(self) -> None:
        sample = tensors()
        del sample["normal"]
        with pytest.raises(
            ValueError, match=r"no 'normal', it has color.*normal.npy.*estimate_normals\(coord\)"
        ):
            Collect(keys="coord", feat_keys=("color", "normal"))(sample, RNG(0))

    def test_says_how_to_get_grid_coord(self) -> None:
        with pytest.raises(ValueError, match=r"no 'grid_coord'.*GridSample\(return_grid_coord=True\)"):
            Collect(keys=("coord", "grid_coord"))(tensors(), RNG(0))

    def test_refuses_arrays_and_other_shapes(self) -> None:
        collect = Collect(keys="coord", feat_keys=("color", "normal"))
        with pytest.raises(
            ValueError, match="'color' is a ndarray, not a tensor: put ToTensor before Collect"
        ):
            collect({**tensors(), "color": np.ones((5, 3))}, RNG(0))
        with pytest.raises(ValueError, match=r"'color' must be \[N, C\] to be a feature, it is \[5\]"):
            collect({**tensors(), "color": torch.ones(5)}, RNG(0))
        with pytest.raises(ValueError, match="'normal' has 4 rows, 'color' has 5"):
            collect({**tensors(), "normal": torch.ones(4, 3)}, RNG(0))

    def test_refuses_other_arguments(self) -> None:
        with pytest.raises(
            ValueError, match=r"NAME_keys=\(key, ...\), e.g. feat_keys, got feats=\('color',\)"
        ):
            Collect(keys="coord", feats=("color",))
        with pytest.raises(ValueError, match="got feat_keys='color'"):
            Collect(keys="coord", feat_keys="color")


def test_released_recipe_end_to_end() -> None:
    rng = RNG(0)
    scene = {
        "coord": (rng.random((3000, 3)) * [4, 3, 2.5]).astype(np.float32),
        "color": rng.integers(0, 256, (3000, 3)).astype(np.float32),
        "normal": np.tile(np.float32([0, 0, 1]), (3000, 1)),
        "segment": rng.integers(0, 13, 3000),
        "name": "room",
    }
    recipe = [
        {"type": "CenterShift", "apply_z": True},
        {"type": "RandomDropout", "dropout_ratio": 0.2, "dropout_application_ratio": 0.2},
        {
            "type": "RandomRotateTargetAngle",
            "angle": (0.5, 1, 1.5),
            "center": [0, 0, 0],
            "axis": "z",
            "p": 0.75,
        },
        {"type": "RandomRotate", "angle": [-1, 1], "axis": "z", "center": [0, 0, 0], "p": 0.5},
        {"type": "RandomRotate", "angle": [-1 / 64, 1 / 64], "axis": "x", "p": 0.5},
        {"type": "RandomScale", "scale": [0.9, 1.1]},
        {"type": "RandomFlip", "p": 0.5},
        {"type": "RandomJitter", "sigma": 0.005, "clip": 0.02},
        {"type": "ElasticDistortion", "distortion_params": [[0.2, 0.4], [0.8, 1.6]]},
        {"type": "ChromaticAutoContrast", "p": 0.2, "blend_factor": None},
        {"type": "ChromaticTranslation", "p": 0.95, "ratio": 0.05},
        {"type": "ChromaticJitter", "p": 0.95, "std": 0.05},
        {"type": "GridSample", "grid_size": 0.05, "hash_type": "fnv", "return_grid_coord": True},
        {"type": "SphereCrop", "sample_rate": 0.6, "mode": "random"},
        {"type": "SphereCrop", "point_max": 1000, "mode": "random"},
        {"type": "CenterShift", "apply_z": False},
        {"type": "NormalizeColor"},
        {"type": "ToTensor"},
        {"type": "Collect", "keys": ("coord", "grid_coord", "segment"), "feat_keys": ("color", "normal")},
    ]
    result = Compose(recipe)(scene, RNG(5))
    assert result["feat"].shape == (1000, 6)
    assert 0 <= result["feat"][:, :3].min() <= result["feat"][:, :3].max() <= 1
    assert len(torch.unique(result["grid_coord"], dim=0)) == 1000
    assert result["offset"].tolist() == [1000]
