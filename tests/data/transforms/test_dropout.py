"""How many points, colours and normals are left out, and how often."""

from __future__ import annotations

import numpy as np
import pytest

from ffnet3d.data.transforms import RandomDropColor, RandomDropNormal, RandomDropout

RNG = np.random.default_rng


def cloud(points: int = 100) -> dict:
    coord = np.arange(3 * points, dtype=np.float32).reshape(-1, 3) + 1
    return {"coord": coord, "color": coord % 255 + 1, "normal": coord, "origin_coord": coord}


def test_dropout_keeps_a_fixed_number_without_repetition() -> None:
    kept = RandomDropout(dropout_ratio=0.2, dropout_application_ratio=1)(cloud(), RNG(0))
    assert len(np.unique(kept["coord"][:, 0])) == len(kept["coord"]) == 80
    np.testing.assert_array_equal(kept["coord"], kept["normal"])
    assert len(kept["origin_coord"]) == 100


def test_dropout_keeps_every_point_equally_often() -> None:
    rng, sample, transform = RNG(0), cloud(20), RandomDropout(0.5, 1)
    kept = np.concatenate([transform(sample, rng)["coord"][:, 0] for _ in range(1000)])
    _, counts = np.unique(kept, return_counts=True)
    np.testing.assert_allclose(counts / 1000, 0.5, atol=0.06)


def test_dropout_is_applied_with_its_probability() -> None:
    rng, sample, transform = RNG(0), cloud(10), RandomDropout(0.2, 0.2)
    applied = [len(transform(sample, rng)["coord"]) == 8 for _ in range(3000)]
    assert np.mean(applied) == pytest.approx(0.2, abs=0.025)


def test_dropout_never_empties_a_scene() -> None:
    assert len(RandomDropout(0.2, 1)(cloud(1), RNG(0))["coord"]) == 1
    assert len(RandomDropout(1, 1)(cloud(9), RNG(0))["coord"]) == 1


@pytest.mark.parametrize(("kind", "key"), [(RandomDropColor, "color"), (RandomDropNormal, "normal")])
def test_values_become_zero(kind: type, key: str) -> None:
    rng, sample = RNG(0), cloud()
    dropped = kind(drop_ratio=0.3, drop_application_ratio=1)(sample, rng)
    zero = (dropped[key] == 0).all(axis=1)
    assert zero.sum() == 30
    np.testing.assert_array_equal(dropped[key][~zero], sample[key][~zero])
    np.testing.assert_array_equal(dropped["coord"], sample["coord"])
    applied = [(kind()(sample, rng)[key] == 0).any() for _ in range(1000)]
    assert np.mean(applied) == pytest.approx(0.5, abs=0.05)


def test_bad_arguments() -> None:
    with pytest.raises(ValueError, match=r"dropout_ratio must be a probability between 0 and 1, got -0.1"):
        RandomDropout(dropout_ratio=-0.1)
    with pytest.raises(ValueError, match=r"drop_application_ratio must be a probability .* got '1'"):
        RandomDropColor(drop_application_ratio="1")  # type: ignore[arg-type]
