"""What every transform keeps to: reproducible draws, untouched inputs, floating types, clear errors."""

from __future__ import annotations

import copy
import inspect
import pickle

import numpy as np
import pytest

from ffnet3d.data.registry import TRANSFORMS
from ffnet3d.data.transforms import Compose, select_points

CONFIGS = [
    {"type": "CenterShift", "apply_z": True},
    {"type": "PositiveShift"},
    {"type": "NormalizeCoord"},
    {"type": "RandomShift", "shift": [0.2, 0.2, 0.2]},
    {"type": "PointClip", "point_cloud_range": (-1, -1, -1, 1, 1, 1)},
    {"type": "RandomDropout", "dropout_ratio": 0.2, "dropout_application_ratio": 1.0},
    {"type": "RandomDropColor", "drop_application_ratio": 1.0},
    {"type": "RandomDropNormal", "drop_application_ratio": 1.0},
    {"type": "RandomRotate", "angle": [-1, 1], "axis": "z", "center": [0, 0, 0], "p": 1},
    {"type": "RandomRotateTargetAngle", "angle": (1 / 2, 1, 3 / 2), "p": 1},
    {"type": "RandomScale", "scale": [0.9, 1.1], "anisotropic": True},
    {"type": "RandomFlip", "p": 1},
    {"type": "RandomJitter", "sigma": 0.005, "clip": 0.02},
    {"type": "ElasticDistortion", "distortion_params": [[0.2, 0.4], [0.8, 1.6]]},
    {"type": "ChromaticAutoContrast", "p": 1, "blend_factor": None},
    {"type": "ChromaticTranslation", "p": 1, "ratio": 0.05},
    {"type": "ChromaticJitter", "p": 1, "std": 0.05},
    {"type": "HueSaturationTranslation", "hue_max": 0.2, "saturation_max": 0.2},
    {"type": "RandomColorDrop", "p": 1, "color_augment": 0.0},
    {"type": "RandomColorGrayScale", "p": 1},
    {"type": "RandomColorJitter", "brightness": 0.4, "contrast": 0.4, "saturation": 0.2, "hue": 0.1, "p": 1},
    {"type": "NormalizeColor"},
    {"type": "GridSample", "grid_size": 0.3, "hash_type": "fnv", "mode": "train", "return_grid_coord": True},
    {"type": "SphereCrop", "sample_rate": 0.6, "mode": "random"},
    {"type": "SphereCrop", "point_max": 40, "mode": "center"},
    {"type": "ShufflePoint"},
    {"type": "Copy", "keys_dict": {"coord": "origin_coord", "segment": "origin_segment"}},
    {"type": "Update", "keys_dict": {"condition": "S3DIS"}},
    {"type": "Add", "keys_dict": {"condition": "S3DIS"}},
    {"type": "ToTensor"},
]
NOT_HERE = {"Collect"}  # takes tensors: see test_structure.py
IDS = [f"{config['type']}{place}" for place, config in enumerate(CONFIGS)]


def make_sample(points: int = 100) -> dict:
    rng = np.random.default_rng(7)
    normal = rng.standard_normal((points, 3)).astype(np.float32)
    return {
        "coord": (rng.random((points, 3)) * 2 + 1).astype(np.float32),
        "color": rng.integers(0, 256, (points, 3)).astype(np.float32),
        "normal": normal / np.linalg.norm(normal, axis=1, keepdims=True),
        "segment": rng.integers(-1, 13, points).astype(np.int64),
        "instance": np.arange(points),
        "name": "room",
    }


def equal(first: dict, second: dict) -> bool:
    return set(first) == set(second) and all(np.array_equal(first[k], second[k]) for k in first)


def test_every_registered_transform_is_listed_here() -> None:
    assert {config["type"] for config in CONFIGS} | NOT_HERE == set(TRANSFORMS.names())


@pytest.mark.parametrize("config", CONFIGS, ids=IDS)
class TestContract:
    def test_draws_from_the_generator_alone(self, config: dict) -> None:
        transform = TRANSFORMS.build(config)
        np.random.seed(0)  # noqa: NPY002
        state = np.random.get_state()[1].copy()  # type: ignore[index]  # noqa: NPY002
        first = transform(make_sample(), np.random.default_rng(3))
        second = transform(make_sample(), np.random.default_rng(3))
        assert equal(first, second)
        assert np.array_equal(state, np.random.get_state()[1])  # type: ignore[index]  # noqa: NPY002

    def test_leaves_the_caller_s_sample_alone(self, config: dict) -> None:
        sample = make_sample()
        before = copy.deepcopy(sample)
        for value in sample.values():
            if isinstance(value, np.ndarray):
                value.flags.writeable = False
        result = TRANSFORMS.build(config)(sample, np.random.default_rng(3))
        result["name"] = "another"
        assert equal(sample, before)

    def test_reaches_worker_processes(self, config: dict) -> None:
        transform = pickle.loads(pickle.dumps(TRANSFORMS.build(config)))
        result = transform(make_sample(), np.random.default_rng(3))
        assert equal(result, TRANSFORMS.build(config)(make_sample(), np.random.default_rng(3)))

    def test_keeps_rows_together(self, config: dict) -> None:
        sample = make_sample()
        result = TRANSFORMS.build(config)(sample, np.random.default_rng(3))
        rows = {len(result[key]) for key in ("coord", "color", "normal", "segment", "instance")}
        assert len(rows) == 1
        assert np.array_equal(result["segment"], sample["segment"][result["instance"]])

    def test_takes_one_point(self, config: dict) -> None:
        result = TRANSFORMS.build(config)(make_sample(1), np.random.default_rng(3))
        assert len(result["coord"]) == 1
        assert np.isfinite(np.asarray(result["coord"])).all()
        assert np.isfinite(np.asarray(result["color"])).all()

    def test_takes_points_of_one_place_and_colour(self, config: dict) -> None:
        sample = {key: v[:1].repeat(50, axis=0) for key, v in make_sample().items() if key != "name"}
        result = TRANSFORMS.build(config)(sample, np.random.default_rng(3))
        assert np.isfinite(np.asarray(result["coord"])).all()
        assert np.isfinite(np.asarray(result["color"])).all()
        assert np.asarray(result["color"]).min() >= 0
        assert np.asarray(result["color"]).max() <= 255


@pytest.mark.parametrize("config", [c for c in CONFIGS if c["type"] != "ToTensor"])
def test_keeps_floating_types(config: dict) -> None:
    for dtype in (np.float32, np.float64):
        sample = make_sample()
        for key in ("coord", "color", "normal"):
            sample[key] = sample[key].astype(dtype)
        result = TRANSFORMS.build(config)(sample, np.random.default_rng(3))
        assert {result[key].dtype for key in ("coord", "color", "normal")} == {np.dtype(dtype)}
        assert result["segment"].dtype == np.int64


@pytest.mark.parametrize("config", [c for c in CONFIGS if c["type"] != "Copy"])
def test_needs_no_colours_normals_or_labels(config: dict) -> None:
    result = TRANSFORMS.build(config)({"coord": make_sample()["coord"]}, np.random.default_rng(3))
    assert not {"color", "normal", "segment"} & set(result)


COORD_USERS = [
    c
    for c in CONFIGS
    if not ("Color" in c["type"] or "Chromatic" in c["type"] or "Hue" in c["type"])
    and c["type"] not in ("RandomDropNormal", "Copy", "Update", "Add", "ToTensor")
]


@pytest.mark.parametrize("config", COORD_USERS, ids=[c["type"] for c in COORD_USERS])
class TestBadCoordinates:
    def test_none(self, config: dict) -> None:
        with pytest.raises(ValueError, match="the sample has no 'coord', it has color, name"):
            TRANSFORMS.build(config)({"name": "room", "color": None}, np.random.default_rng(3))

    def test_no_points(self, config: dict) -> None:
        with pytest.raises(
            ValueError, match=r"'coord' must be \[N, 3\] with at least one point, got \[0, 3\]"
        ):
            TRANSFORMS.build(config)({"coord": np.zeros((0, 3), np.float32)}, np.random.default_rng(3))


def test_integer_coordinates_and_colours_become_float32() -> None:
    sample = {
        "coord": np.array([[0, 0, 0], [2, 4, 6]]),
        "color": np.array([[0, 10, 255]] * 2, dtype=np.uint8),
    }
    chain = Compose([{"type": "CenterShift"}, {"type": "NormalizeColor"}])
    result = chain(sample, np.random.default_rng(0))
    np.testing.assert_array_equal(result["coord"], [[-1, -2, 0], [1, 2, 6]])
    assert result["coord"].dtype == result["color"].dtype == np.float32


def test_parameters_have_pointcept_s_names() -> None:
    names = {
        "CenterShift": "apply_z",
        "RandomShift": "shift",
        "RandomDropout": "dropout_ratio dropout_application_ratio",
        "RandomRotate": "angle center axis always_apply p",
        "RandomRotateTargetAngle": "angle center axis always_apply p",
        "RandomScale": "scale anisotropic",
        "RandomFlip": "p",
        "RandomJitter": "sigma clip",
        "ElasticDistortion": "distortion_params",
        "ChromaticAutoContrast": "p blend_factor",
        "ChromaticTranslation": "p ratio",
        "ChromaticJitter": "p std",
        "HueSaturationTranslation": "hue_max saturation_max",
        "RandomColorDrop": "p color_augment",
        "SphereCrop": "point_max sample_rate mode",
        "GridSample": "grid_size hash_type mode keys return_inverse return_grid_coord return_min_coord "
        "return_displacement project_displacement",
    }
    for name, parameters in names.items():
        assert list(inspect.signature(TRANSFORMS.get(name)).parameters) == parameters.split(), name


def test_select_points_follows_index_valid_keys() -> None:
    sample = {**make_sample(4), "extra": np.arange(4), "index_valid_keys": ["coord", "extra"]}
    result = select_points(sample, np.array([2, 0]))
    assert result["extra"].tolist() == [2, 0]
    assert len(result["coord"]) == 2
    assert len(result["segment"]) == 4


def test_select_points_refuses_rows_that_do_not_match() -> None:
    with pytest.raises(ValueError, match="'color' has 3 rows, 'coord' has 4"):
        select_points({**make_sample(4), "color": np.zeros((3, 3))}, np.array([0]))


class TestCompose:
    def test_applies_in_order_from_one_generator(self) -> None:
        chain = Compose([CONFIGS[3], CONFIGS[10]])
        rng = np.random.default_rng(3)
        one_by_one = TRANSFORMS.build(CONFIGS[10])(TRANSFORMS.build(CONFIGS[3])(make_sample(), rng), rng)
        assert equal(chain(make_sample(), np.random.default_rng(3)), one_by_one)

    def test_without_transforms_gives_a_new_dict(self) -> None:
        sample = make_sample()
        result = Compose()(sample, np.random.default_rng(0))
        assert equal(result, sample)
        assert result is not sample

    def test_names_the_place_of_a_bad_type(self) -> None:
        with pytest.raises(ValueError, match=r"transform\[1\]: unknown .* 'RandomFlop'.*'RandomFlip'"):
            Compose([{"type": "RandomFlip"}, {"type": "RandomFlop"}])

    def test_names_the_place_of_a_bad_argument(self) -> None:
        with pytest.raises(ValueError, match=r"transform\[0\]: RandomFlip has no argument 'q'"):
            Compose([{"type": "RandomFlip", "q": 1}])
        with pytest.raises(ValueError, match=r"transform\[0\]: p must be a probability.*got 1.5"):
            Compose([{"type": "RandomFlip", "p": 1.5}])

    def test_refuses_several_samples_of_one(self) -> None:
        chain = Compose([{"type": "GridSample", "mode": "test"}])
        with pytest.raises(ValueError, match=r"transform\[0\] GridSample: .* belongs into test_cfg.voxelize"):
            chain(make_sample(), np.random.default_rng(0))

    def test_names_the_place_of_a_failure(self) -> None:
        chain = Compose([{"type": "RandomFlip"}, {"type": "GridSample", "grid_size": 0.02}])
        sample = {"coord": np.array([[0, 0, 0], [1e7, 0, 0]], dtype=np.float32)}
        with pytest.raises(ValueError, match=r"transform\[1\] GridSample: .* 1e\+07 x 0 x 0 m"):
            chain(sample, np.random.default_rng(0))
