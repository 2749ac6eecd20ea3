"""The field of displacements against SciPy's filters and interpolation, and its distribution."""

from __future__ import annotations

import numpy as np
import pytest

from ffnet3d.data.transforms import ElasticDistortion
from ffnet3d.data.transforms.elastic import BLOCK, box_blur, displacement_field, interpolate

RNG = np.random.default_rng


def test_box_blur_equals_scipy() -> None:
    ndimage = pytest.importorskip("scipy.ndimage", reason="pip install 'ffnet3d[train]'")
    noise = RNG(0).standard_normal((5, 4, 3, 2)).astype(np.float32)
    for axis in range(3):
        shape = [1, 1, 1, 1]
        shape[axis] = 3
        expected = ndimage.convolve(noise, np.full(shape, 1 / 3, np.float32), mode="constant")
        np.testing.assert_allclose(box_blur(noise, axis), expected, atol=1e-6)


@pytest.mark.parametrize("points", [1, 500, BLOCK + 7])
def test_equals_the_plain_form_under_the_same_draws(points: int) -> None:
    plain = pytest.importorskip("plain.transforms", reason="pip install 'ffnet3d[train]'")
    sample = {"coord": RNG(0).random((points, 3)) * [4, 3, 2.5] - 1}
    expected = plain.elastic_distortion(sample, RNG(1))["coord"]
    assert points == 1 or np.abs(expected - sample["coord"]).max() > 0.1
    np.testing.assert_allclose(ElasticDistortion()(sample, RNG(1))["coord"], expected, atol=2e-6)


def test_float32_in_rows_comes_and_goes() -> None:
    sample = {"coord": RNG(0).random((50, 3)).astype(np.float32)}
    coord = ElasticDistortion()(sample, RNG(1))["coord"]
    assert coord.dtype == np.float32
    assert coord.flags.c_contiguous


def test_interpolation_equals_scipy() -> None:
    interpolator = pytest.importorskip("scipy.interpolate", reason="pip install 'ffnet3d[train]'")
    rng = RNG(0)
    grid = rng.standard_normal((4, 5, 6, 3)).astype(np.float32)
    place = rng.random((200, 3)) * [2.9, 3.9, 4.9]
    axes = [np.arange(size) for size in grid.shape[:3]]
    expected = interpolator.RegularGridInterpolator(axes, grid)(place)
    np.testing.assert_allclose(interpolate(grid, place.T), expected, atol=1e-5)


def test_interpolation_reproduces_a_linear_field() -> None:
    grid = np.stack(np.meshgrid(*[np.arange(6)] * 3, indexing="ij"), axis=-1).astype(np.float32)
    place = RNG(0).random((100, 3)) * 4.99
    np.testing.assert_allclose(interpolate(grid, place.T), place, atol=1e-5)


def test_field_is_smooth_and_has_the_variance_of_two_blurs() -> None:
    # Far from the border two box blurs weigh noise by (1, 2, 3, 2, 1) / 9 on each axis; at a node, where
    # linear interpolation adds no smoothing, the variance is (19 / 81) ** 3.
    side = np.arange(4, 26, dtype=np.float64)
    nodes = np.stack(np.meshgrid(side, side, side, indexing="ij"), axis=-1).reshape(-1, 3)
    corners = np.array([[0, 0, 0], [30, 30, 30]], dtype=np.float64)
    field = displacement_field(np.concatenate([nodes, corners]).T, 1.0, RNG(0)).T[:-2]
    assert field.mean() == pytest.approx(0, abs=0.02)
    assert field.var() == pytest.approx((19 / 81) ** 3, rel=0.15)
    cube = field.reshape(22, 22, 22, 3)
    correlation = (cube[1:] * cube[:-1]).mean() / field.var()
    assert correlation == pytest.approx(16 / 19, abs=0.05)


def test_magnitude_multiplies_the_field() -> None:
    coord = (RNG(0).random((500, 3)) * 3).astype(np.float64)
    once, twice = (
        ElasticDistortion([[0.2, magnitude]])({"coord": coord}, RNG(1))["coord"] - coord
        for magnitude in (0.1, 0.2)
    )
    assert np.abs(once).max() > 1e-3
    np.testing.assert_allclose(twice, 2 * once, atol=1e-12)


def test_fields_follow_one_another() -> None:
    coord = (RNG(0).random((500, 3)) * 3).astype(np.float64)
    both = ElasticDistortion([[0.2, 0.4], [0.8, 1.6]])({"coord": coord}, RNG(1))["coord"]
    rng = RNG(1)
    rng.random()
    for granularity, magnitude in ((0.2, 0.4), (0.8, 1.6)):
        coord = coord + magnitude * displacement_field(coord.T, granularity, rng).T
    np.testing.assert_array_equal(both, coord)


def test_applied_to_95_percent() -> None:
    rng, sample = RNG(0), {"coord": RNG(1).random((5, 3))}
    transform = ElasticDistortion([[0.5, 0.4]])
    same = [np.array_equal(transform(sample, rng)["coord"], sample["coord"]) for _ in range(2000)]
    assert np.mean(same) == pytest.approx(0.05, abs=0.015)


def test_refuses_a_scene_too_large_for_the_noise_grid() -> None:
    sample = {"coord": np.array([[0, 0, 0], [1e7, 1e7, 3]])}
    with pytest.raises(
        ValueError, match=r"measures 1e\+07 x 1e\+07 x 3 m, too much .* granularity 0.2 m: .*metres"
    ):
        ElasticDistortion()(sample, RNG(1))


def test_bad_arguments() -> None:
    with pytest.raises(ValueError, match=r"each of distortion_params must be 2 numbers, got \[0.2\]"):
        ElasticDistortion([[0.2]])
    with pytest.raises(ValueError, match="granularity must be a positive number, got 0"):
        ElasticDistortion([[0, 1]])
