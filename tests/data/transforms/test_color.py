"""Colours: exact results, ranges, and the distribution of the draws."""

from __future__ import annotations

import colorsys

import numpy as np
import pytest

from ffnet3d.data.transforms import (
    ChromaticAutoContrast,
    ChromaticJitter,
    ChromaticTranslation,
    HueSaturationTranslation,
    NormalizeColor,
    RandomColorDrop,
    RandomColorGrayScale,
    RandomColorJitter,
)
from ffnet3d.data.transforms.color_jitter import adjust
from ffnet3d.data.transforms.hsv import hsv_to_rgb, rgb_to_hsv

RNG = np.random.default_rng


def cloud(low: int = 0, high: int = 256, points: int = 500) -> dict:
    return {"color": RNG(1).integers(low, high, (points, 3)).astype(np.float32)}


def grey_cloud(value: float, points: int = 1) -> dict:
    return {"color": np.full((points, 3), value, np.float32)}


def test_normalize_color() -> None:
    np.testing.assert_allclose(NormalizeColor()(cloud(), RNG(0))["color"], cloud()["color"] / 255, atol=1e-7)


def test_normalize_color_as_before_pointcept_1_6() -> None:
    sample = {"color": np.array([[0, 127.5, 255]], np.float32)}
    color = NormalizeColor(symmetric=True)(sample, RNG(0))["color"]
    np.testing.assert_array_equal(color, [[-1, 0, 1]])
    assert color.dtype == np.float32


class TestAutoContrast:
    def test_stretches_each_channel(self) -> None:
        color = ChromaticAutoContrast(p=1, blend_factor=1)(cloud(50, 150), RNG(0))["color"]
        np.testing.assert_allclose(color.min(axis=0), 0, atol=1e-4)
        np.testing.assert_allclose(color.max(axis=0), 255, atol=1e-4)
        assert color.max() <= 255

    def test_blends(self) -> None:
        sample = cloud(50, 150)
        full = ChromaticAutoContrast(p=1, blend_factor=1)(sample, RNG(0))["color"]
        part = ChromaticAutoContrast(p=1, blend_factor=0.25)(sample, RNG(0))["color"]
        np.testing.assert_allclose(part, 0.75 * sample["color"] + 0.25 * full, atol=1e-4)

    def test_blend_factor_is_uniform(self) -> None:
        sample = {"color": np.array([[100, 100, 100], [50, 50, 50]], np.float32)}
        rng, transform = RNG(0), ChromaticAutoContrast(p=0.4)
        blend = np.array([1 - transform(sample, rng)["color"][1, 0] / 50 for _ in range(4000)])
        applied = blend[blend > 0]
        assert len(applied) / 4000 == pytest.approx(0.4, abs=0.03)
        assert applied.mean() == pytest.approx(0.5, abs=0.03)
        assert applied.std() == pytest.approx(12**-0.5, abs=0.02)

    def test_leaves_a_channel_of_one_value(self) -> None:
        sample = {"color": np.array([[10, 77, 5], [20, 77, 9]], np.float32)}
        color = ChromaticAutoContrast(p=1, blend_factor=1)(sample, RNG(0))["color"]
        np.testing.assert_allclose(color, [[0, 77, 0], [255, 77, 255]], atol=1e-4)


def test_translation_is_one_uniform_tint() -> None:
    sample, rng, transform = grey_cloud(128, 3), RNG(0), ChromaticTranslation(p=0.95, ratio=0.05)
    tints = np.array([transform(sample, rng)["color"] - 128 for _ in range(4000)])
    assert (np.ptp(tints, axis=1) == 0).all()
    applied = tints[np.abs(tints).max(axis=(1, 2)) > 0][:, 0]
    assert len(applied) / 4000 == pytest.approx(0.95, abs=0.015)
    assert np.abs(applied).max() <= 12.75
    np.testing.assert_allclose(applied.mean(axis=0), 0, atol=0.5)
    np.testing.assert_allclose(applied.std(axis=0), 25.5 / 12**0.5, atol=0.2)


def test_jitter_is_gaussian_noise() -> None:
    noise = ChromaticJitter(p=1, std=0.05)(grey_cloud(128, 20000), RNG(0))["color"] - 128
    assert noise.mean() == pytest.approx(0, abs=0.3)
    assert noise.std() == pytest.approx(12.75, abs=0.2)
    assert abs(np.corrcoef(noise.T)[0, 1]) < 0.03


@pytest.mark.parametrize("transform", [ChromaticTranslation(p=1, ratio=0.5), ChromaticJitter(p=1, std=0.5)])
def test_results_stay_in_range(transform: ChromaticJitter) -> None:
    for value in (0, 255):
        color = transform(grey_cloud(value, 1000), RNG(3))["color"]
        assert color.min() >= 0
        assert color.max() <= 255


def test_hsv_equals_colorsys() -> None:
    rgb = np.concatenate([cloud()["color"], [[0, 0, 0], [9, 9, 9], [255, 0, 0], [0, 255, 255]]])
    expected = np.array([colorsys.rgb_to_hsv(*map(float, color)) for color in rgb])
    np.testing.assert_allclose(rgb_to_hsv(rgb), expected, atol=1e-12)
    back = np.array([colorsys.hsv_to_rgb(*map(float, color)) for color in expected])
    np.testing.assert_allclose(hsv_to_rgb(expected), back, atol=1e-10)
    np.testing.assert_allclose(hsv_to_rgb(rgb_to_hsv(rgb)), rgb, atol=1e-10)


class TestHueSaturation:
    def test_turns_hue_and_scales_saturation_of_all_points_alike(self) -> None:
        sample = {"color": np.array([[200, 100, 100], [100, 200, 100], [10, 20, 30]], np.float32)}
        changed = HueSaturationTranslation(hue_max=0.2, saturation_max=0.2)(sample, RNG(5))["color"]
        before, after = rgb_to_hsv(sample["color"]), rgb_to_hsv(changed)
        turn = (after[:, 0] - before[:, 0] + 0.5) % 1 - 0.5
        np.testing.assert_allclose(turn, turn[0], atol=1e-5)
        factor = after[:, 1] / before[:, 1]
        np.testing.assert_allclose(factor, factor[0], atol=1e-5)
        np.testing.assert_allclose(after[:, 2], before[:, 2], atol=1e-4)

    def test_draws_are_uniform(self) -> None:
        sample, rng, transform = {"color": np.array([[200, 100, 100]], np.float32)}, RNG(0), None
        transform = HueSaturationTranslation(hue_max=0.2, saturation_max=0.4)
        hsv = np.array([rgb_to_hsv(transform(sample, rng)["color"])[0] for _ in range(3000)])
        turn, factor = (hsv[:, 0] + 0.5) % 1 - 0.5, hsv[:, 1] / 0.5
        for drawn, middle, width in ((turn, 0, 0.4), (factor, 1, 0.8)):
            assert drawn.mean() == pytest.approx(middle, abs=0.02)
            assert drawn.std() == pytest.approx(width / 12**0.5, abs=0.01)

    def test_leaves_greys(self) -> None:
        color = HueSaturationTranslation()(grey_cloud(90), RNG(0))["color"]
        np.testing.assert_allclose(color, 90, atol=1e-4)


def test_color_drop() -> None:
    sample, rng, transform = cloud(1), RNG(0), RandomColorDrop(p=0.2, color_augment=0.0)
    dropped = [(transform(sample, rng)["color"] == 0).all() for _ in range(3000)]
    assert np.mean(dropped) == pytest.approx(0.2, abs=0.025)
    half = RandomColorDrop(p=1, color_augment=0.5)(sample, rng)["color"]
    np.testing.assert_allclose(half, sample["color"] / 2)


def test_grey_scale() -> None:
    sample = {"color": np.array([[255, 0, 0], [0, 100, 0]], np.float32)}
    grey = RandomColorGrayScale(p=1)(sample, RNG(0))["color"]
    np.testing.assert_allclose(grey, np.array([[76.2195] * 3, [58.7] * 3]), atol=1e-4)


class TestColorJitter:
    def test_brightness_is_uniform_about_one(self) -> None:
        transform, rng = RandomColorJitter(brightness=0.4, p=0.8), RNG(0)
        factor = np.array([transform(grey_cloud(100), rng)["color"][0, 0] / 100 for _ in range(4000)])
        applied = factor[factor != 1]
        assert len(applied) / 4000 == pytest.approx(0.8, abs=0.03)
        assert applied.mean() == pytest.approx(1, abs=0.02)
        assert applied.std() == pytest.approx(0.8 / 12**0.5, abs=0.01)

    def test_each_change(self) -> None:
        color = np.array([[200, 100, 0], [100, 100, 100]], np.float32)
        np.testing.assert_allclose(adjust(color, "brightness", 0.5), color / 2)
        np.testing.assert_allclose(adjust(color, "brightness", 2)[0], [255, 200, 0])
        np.testing.assert_allclose(adjust(color, "hue", 1 / 3)[0], [0, 200, 100], atol=1e-3)
        luma = color @ [0.2989, 0.587, 0.114]
        np.testing.assert_allclose(adjust(color, "saturation", 0)[0], luma[0], atol=1e-3)
        np.testing.assert_allclose(adjust(color, "contrast", 0), luma.mean(), atol=1e-3)

    def test_given_interval(self) -> None:
        color = RandomColorJitter(brightness=(0.5, 0.5), p=1)(grey_cloud(100), RNG(0))["color"]
        np.testing.assert_allclose(color, 50)

    def test_bad_arguments(self) -> None:
        with pytest.raises(ValueError, match=r"hue must lie between -0.5 and 0.5, got 0.7"):
            RandomColorJitter(hue=0.7)
        with pytest.raises(ValueError, match=r"contrast must not be negative, got \(-1, 1\)"):
            RandomColorJitter(contrast=(-1, 1))
        with pytest.raises(ValueError, match="brightness must be two numbers"):
            RandomColorJitter(brightness=-1)


def test_bad_arguments() -> None:
    with pytest.raises(ValueError, match="p must be a probability between 0 and 1, got 95"):
        ChromaticJitter(p=95)
    with pytest.raises(ValueError, match="blend_factor must be a probability"):
        ChromaticAutoContrast(blend_factor=2)
    with pytest.raises(ValueError, match=r"ratio must be two numbers, the lower first, got \(0, -1\)"):
        ChromaticTranslation(ratio=-1)


def test_bad_colours() -> None:
    with pytest.raises(ValueError, match=r"'color' must be \[N, 3\] with at least one point, got \[4, 1\]"):
        NormalizeColor()({"color": np.zeros((4, 1))}, RNG(0))
