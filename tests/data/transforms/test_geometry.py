"""Rotation, scale, mirror and jitter: exact geometry, and the distribution of the draws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ffnet3d.data.transforms import (
    RandomFlip,
    RandomJitter,
    RandomRotate,
    RandomRotateTargetAngle,
    RandomScale,
)
from ffnet3d.data.transforms.geometry import rotation_matrix

RNG = np.random.default_rng


def cloud(points: int = 40) -> dict:
    rng = RNG(1)
    return {
        "coord": (rng.random((points, 3)) * 4).astype(np.float32),
        "normal": rng.standard_normal((points, 3)).astype(np.float32),
    }


@pytest.mark.parametrize(
    ("axis", "before", "after"),
    [("x", [0, 1, 0], [0, 0, 1]), ("y", [0, 0, 1], [1, 0, 0]), ("z", [1, 0, 0], [0, 1, 0])],
)
def test_quarter_turn_is_right_handed(axis: str, before: list, after: list) -> None:
    sample = {"coord": np.array([before], np.float32), "normal": np.array([before], np.float32)}
    turned = RandomRotate(angle=(0.5, 0.5), center=(0, 0, 0), axis=axis, p=1)(sample, RNG(0))
    np.testing.assert_allclose(turned["coord"], [after], atol=1e-7)
    np.testing.assert_allclose(turned["normal"], [after], atol=1e-7)


@given(axis=st.sampled_from("xyz"), first=st.floats(-4, 4), second=st.floats(-4, 4))
def test_rotation_matrices_form_a_group(axis: str, first: float, second: float) -> None:
    product = rotation_matrix(axis, first) @ rotation_matrix(axis, second)
    np.testing.assert_allclose(product, rotation_matrix(axis, first + second), atol=1e-12)
    assert np.linalg.det(product) == pytest.approx(1)


def test_rotation_is_about_the_middle_of_the_box_by_default() -> None:
    sample = {"coord": np.array([[0, 0, 0], [2, 4, 6], [2, 0, 0]], np.float32)}
    turned = RandomRotate(angle=(1, 1), axis="z", p=1)(sample, RNG(0))["coord"]
    np.testing.assert_allclose(turned, [[2, 4, 0], [0, 0, 6], [0, 4, 0]], atol=1e-6)


def test_rotation_is_about_the_center_given() -> None:
    sample = {"coord": np.array([[2, 1, 5]], np.float32)}
    turned = RandomRotate(angle=(0.5, 0.5), center=[1, 1, 0], axis="z", p=1)(sample, RNG(0))["coord"]
    np.testing.assert_allclose(turned, [[1, 2, 5]], atol=1e-6)


def angle_of(before: np.ndarray, after: np.ndarray) -> float:
    return float(np.angle(complex(*after[0, :2]) / complex(*before[0, :2])) / np.pi)


def test_angle_is_uniform_and_applied_with_probability() -> None:
    transform, sample, rng = RandomRotate(angle=[-0.5, 0.25], center=[0, 0, 0], p=0.7), cloud(), RNG(0)
    angles = np.array([angle_of(sample["coord"], transform(sample, rng)["coord"]) for _ in range(3000)])
    turned = angles[np.abs(angles) > 1e-7]
    assert len(turned) / len(angles) == pytest.approx(0.7, abs=0.03)
    assert turned.mean() == pytest.approx(-0.125, abs=0.015)
    assert turned.std() == pytest.approx(0.75 / 12**0.5, abs=0.01)


def test_target_angles_are_drawn_evenly() -> None:
    transform, sample, rng = RandomRotateTargetAngle(center=(0, 0, 0)), cloud(), RNG(0)
    drawn = [round(2 * angle_of(sample["coord"], transform(sample, rng)["coord"])) % 4 for _ in range(3000)]
    np.testing.assert_allclose(np.bincount(drawn) / 3000, 0.25, atol=0.03)


@pytest.mark.parametrize("kind", [RandomRotate, RandomRotateTargetAngle])
def test_always_apply(kind: type) -> None:
    sample = cloud()
    never = kind(p=0)(sample, RNG(0))
    np.testing.assert_array_equal(never["coord"], sample["coord"])
    always = kind(p=0, always_apply=True)(sample, RNG(0))
    assert not np.allclose(always["coord"], sample["coord"], atol=0.1)


def test_rotated_normals_keep_their_angle_to_the_points() -> None:
    sample = cloud()
    turned = RandomRotate(center=[0, 0, 0], axis="x", p=1)(sample, RNG(2))
    dot = [(s["coord"] * s["normal"]).sum(axis=1) for s in (sample, turned)]
    np.testing.assert_allclose(dot[0], dot[1], atol=1e-5)


def test_scale_is_uniform() -> None:
    sample, rng = cloud(), RNG(0)
    transform = RandomScale(scale=[0.9, 1.2])
    factors = [transform(sample, rng)["coord"] / sample["coord"] for _ in range(2000)]
    np.testing.assert_allclose(np.ptp(factors[0]), 0, atol=1e-6)
    drawn = np.array([factor[0, 0] for factor in factors])
    assert drawn.mean() == pytest.approx(1.05, abs=0.006)
    assert drawn.std() == pytest.approx(0.3 / 12**0.5, abs=0.004)


def test_anisotropic_scale_has_a_factor_for_each_axis() -> None:
    sample = cloud()
    factor = RandomScale(anisotropic=True)(sample, RNG(0))["coord"] / sample["coord"]
    np.testing.assert_allclose(np.ptp(factor, axis=0), 0, atol=1e-6)
    assert len(np.unique(factor[0].round(5))) == 3


def test_flip_mirrors_x_and_y_independently() -> None:
    sample, rng = cloud(), RNG(0)
    transform = RandomFlip(p=0.25)
    signs = []
    for _ in range(2000):
        flipped = transform(sample, rng)
        sign = flipped["coord"] / sample["coord"]
        assert (np.ptp(sign, axis=0) == 0).all()
        np.testing.assert_array_equal(flipped["normal"], sample["normal"] * sign[0])
        signs.append(sign[0])
    flips = np.array(signs) < 0
    assert not flips[:, 2].any()
    np.testing.assert_allclose(flips[:, :2].mean(axis=0), 0.25, atol=0.03)
    assert (flips[:, 0] & flips[:, 1]).mean() == pytest.approx(1 / 16, abs=0.02)


def test_certain_flip_is_half_a_turn() -> None:
    sample = cloud()
    flipped = RandomFlip(p=1)(sample, RNG(0))
    turned = RandomRotate(angle=(1, 1), center=(0, 0, 0), p=1)(sample, RNG(0))
    for key in ("coord", "normal"):
        np.testing.assert_allclose(flipped[key], turned[key], atol=1e-6)


def test_jitter_is_clipped_gaussian_noise() -> None:
    sample = {"coord": np.zeros((20000, 3), np.float32), "normal": np.ones((20000, 3), np.float32)}
    jittered = RandomJitter(sigma=0.01, clip=0.02)(sample, RNG(0))
    assert np.abs(jittered["coord"]).max() == pytest.approx(0.02)
    assert jittered["coord"].mean() == pytest.approx(0, abs=2e-4)
    assert (np.abs(jittered["coord"]) > 0.0199999).mean() == pytest.approx(0.0455, abs=0.003)
    assert np.abs(jittered["coord"][np.abs(jittered["coord"]) < 0.01]).size / 60000 == pytest.approx(
        0.6827, abs=0.01
    )
    np.testing.assert_array_equal(jittered["normal"], sample["normal"])


def test_bad_arguments() -> None:
    with pytest.raises(ValueError, match="axis must be one of x, y, z, got 'xy'"):
        RandomRotate(axis="xy")
    with pytest.raises(ValueError, match="center must be 3 numbers, got 0"):
        RandomRotate(center=0)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"angle must be two numbers, the lower first, got \[1, -1\]"):
        RandomRotate(angle=[1, -1])
    with pytest.raises(ValueError, match="angle must hold at least one angle"):
        RandomRotateTargetAngle(angle=())
    with pytest.raises(ValueError, match=r"scale must be a positive number, got -1"):
        RandomScale(scale=[-1, 1])
    with pytest.raises(ValueError, match="clip must be a positive number, got 0"):
        RandomJitter(clip=0)
