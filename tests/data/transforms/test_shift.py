"""Where scenes come to lie."""

from __future__ import annotations

import numpy as np
import pytest

from ffnet3d.data.transforms import CenterShift, NormalizeCoord, PointClip, PositiveShift, RandomShift

RNG = np.random.default_rng


def cloud() -> dict:
    return {"coord": (RNG(1).random((50, 3)) * [4, 3, 2] + [10, -7, 1]).astype(np.float32)}


def test_center_shift() -> None:
    before = cloud()["coord"]
    flat = CenterShift(apply_z=True)(cloud(), RNG(0))["coord"]
    np.testing.assert_allclose((flat.min(axis=0) + flat.max(axis=0))[:2], 0, atol=1e-6)
    assert flat[:, 2].min() == 0
    high = CenterShift(apply_z=False)(cloud(), RNG(0))["coord"]
    np.testing.assert_array_equal(high[:, 2], before[:, 2])
    np.testing.assert_array_equal(high[:, :2], flat[:, :2])


def test_center_shift_is_exact_far_from_the_origin() -> None:
    coord = cloud()["coord"] + np.array([5e6, 5e5, 0])
    shifted = CenterShift()({"coord": coord}, RNG(0))["coord"]
    np.testing.assert_allclose(np.ptp(shifted, axis=0), np.ptp(coord, axis=0), atol=1e-8)


def test_positive_shift() -> None:
    np.testing.assert_array_equal(PositiveShift()(cloud(), RNG(0))["coord"].min(axis=0), 0)


def test_normalize_coord() -> None:
    coord = NormalizeCoord()(cloud(), RNG(0))["coord"]
    np.testing.assert_allclose(coord.mean(axis=0), 0, atol=1e-6)
    assert np.linalg.norm(coord, axis=1).max() == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("shift", [((-0.2, 0.4), (0, 1), (0, 0)), (0.2, 0.3, 0)])
def test_random_shift_is_uniform(shift: tuple) -> None:
    transform, sample, rng = RandomShift(shift), cloud(), RNG(0)
    shifts = np.array([(transform(sample, rng)["coord"] - sample["coord"])[0] for _ in range(2000)])
    low, high = np.array([s if isinstance(s, tuple) else (-s, s) for s in shift]).T
    np.testing.assert_allclose(shifts.mean(axis=0), (low + high) / 2, atol=0.03)
    np.testing.assert_allclose(shifts.std(axis=0), (high - low) / 12**0.5, atol=0.02)


def test_random_shift_moves_the_scene_as_a_whole() -> None:
    sample = cloud()
    moved = RandomShift()(sample, RNG(0))["coord"] - sample["coord"]
    np.testing.assert_allclose(moved - moved[0], 0, atol=2e-6)
    assert abs(moved[0, 0]) > 1e-3
    np.testing.assert_array_equal(moved[:, 2], 0)


def test_point_clip() -> None:
    coord = np.array([[-100, 0, 0], [5, 90, 3]], dtype=np.float32)
    np.testing.assert_array_equal(PointClip()({"coord": coord}, RNG(0))["coord"], [[-80, 0, 0], [5, 80, 1]])


def test_bad_arguments() -> None:
    with pytest.raises(
        ValueError, match=r"shift must have three entries, one for each axis, got \(0.2, 0.2\)"
    ):
        RandomShift((0.2, 0.2))
    with pytest.raises(ValueError, match=r"shift must be two numbers, the lower first, got \(1, 0\)"):
        RandomShift(((1, 0), 0, 0))
    with pytest.raises(ValueError, match="point_cloud_range must be 6 numbers"):
        PointClip((0, 1))
