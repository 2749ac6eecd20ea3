"""Each corruption by what it must and must not change: severities, labels, draws."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ffnet3d.analysis.robustness.corruptions import (
    CORRUPTIONS,
    SEVERITIES,
    check_severities,
    corrupt,
    find_corruption,
    find_corruptions,
    parameter_table,
)
from ffnet3d.analysis.robustness.points import thin_by_distance
from ffnet3d.analysis.robustness.scene import PointScene

PAGE = Path(__file__).parents[2] / "docs" / "robustness.md"
LOSING = ("dropout", "density", "holes")
RIGID = ("rotation_z", "rotation")
DRAWN = tuple(c.name for c in CORRUPTIONS if c.name not in ("rotation_z", "scale", "grid"))

seeds = st.integers(0, 2**31)


def make_scene(seed: int, points: int = 600) -> PointScene:
    """Points in a room of 6 x 5 x 3 m; the label of each is its row."""
    rng = np.random.default_rng(seed)
    normal = rng.standard_normal((points, 3))
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    return PointScene(
        coord=(rng.random((points, 3)) * [6, 5, 3] + [10, -20, 1]).astype(np.float32),
        color=rng.integers(0, 256, (points, 3)).astype(np.float32),
        normal=normal.astype(np.float32),
        segment=np.arange(points, dtype=np.int32),
    )


def damaged(scene: PointScene, name: str, severity: int, seed: int = 0, room: str = "room") -> PointScene:
    return corrupt(scene, room, find_corruption(name), severity, seed)


def moved(before: PointScene, after: PointScene) -> float:
    return float(np.linalg.norm(after.coord - before.coord, axis=1).mean())


def lost(before: PointScene, after: PointScene) -> float:
    return len(before) - len(after)


def recolored(before: PointScene, after: PointScene) -> float:
    return float(np.abs(after.color - before.color).mean())


def tilted(before: PointScene, after: PointScene) -> float:
    return float(1 - (after.normal * before.normal).sum(axis=1).mean())


def turned(before: PointScene, after: PointScene) -> float:
    """Angle in degrees of the rotation that leads from one to the other."""
    return float(np.degrees(np.arccos(np.clip((np.trace(rotation_between(before, after)) - 1) / 2, -1, 1))))


def rotation_between(before: PointScene, after: PointScene) -> np.ndarray:
    """The linear map by which the centred coordinates follow from each other, by least squares."""
    first, second = (scene.coord - scene.coord.mean(axis=0, dtype=np.float64) for scene in (before, after))
    return np.linalg.lstsq(first, second, rcond=None)[0].T


def size(before: PointScene, after: PointScene) -> float:  # noqa: ARG001
    return float(np.linalg.norm(np.subtract(*after.box())))


MEASURES: dict[str, Callable[[PointScene, PointScene], float]] = {
    "noise": moved,
    **dict.fromkeys(LOSING, lost),
    "outliers": lambda before, after: -lost(before, after),
    "color_missing": recolored,
    "color_noise": recolored,
    "normal_missing": tilted,
    "normal_noise": tilted,
    **dict.fromkeys(RIGID, turned),
    "scale": size,
}


@pytest.mark.parametrize("name", MEASURES)
@given(seed=seeds)
def test_every_severity_does_more_than_the_one_before(name: str, seed: int) -> None:
    scene = make_scene(seed)
    measured = [MEASURES[name](scene, damaged(scene, name, severity, seed)) for severity in SEVERITIES]
    assert measured[0] > MEASURES[name](scene, scene)
    assert all(np.diff(measured) > 0), measured


@pytest.mark.parametrize("name", [corruption.name for corruption in CORRUPTIONS])
@given(seed=seeds, severity=st.sampled_from(SEVERITIES))
def test_labels_stay_with_their_points_and_the_scene_itself_as_it_is(
    name: str, seed: int, severity: int
) -> None:
    scene, untouched = make_scene(seed), make_scene(seed)
    after = damaged(scene, name, severity, seed)
    own = after.segment[after.segment != scene.ignore_index]
    assert all(np.diff(own) > 0)
    rows = slice(0, len(own))
    if name in LOSING or name == "outliers":
        assert np.array_equal(after.coord[rows], scene.coord[own])
        assert np.array_equal(after.color[rows], scene.color[own])
        assert np.array_equal(after.normal[rows], scene.normal[own])
    else:
        assert len(own) == len(after) == len(scene)
    for key in ("coord", "color", "normal", "segment"):
        assert np.array_equal(getattr(scene, key), getattr(untouched, key))
        assert getattr(after, key).dtype == getattr(scene, key).dtype
        assert len(getattr(after, key)) == len(after)


@pytest.mark.parametrize("name", DRAWN)
@given(seed=seeds)
def test_draws_follow_from_seed_scene_and_corruption_alone(name: str, seed: int) -> None:
    scene = make_scene(1)

    def values(*words: object) -> bytes:
        after = damaged(scene, name, 3, *words)
        return b"".join(getattr(after, key).tobytes() for key in ("coord", "color", "normal", "segment"))

    wanted = values(seed, "room")
    damaged(scene, name, 5, seed, "other")  # what was made before leaves no trace
    assert values(seed, "room") == wanted
    assert values(seed + 1, "room") != wanted
    assert values(seed, "other") != wanted


@pytest.mark.parametrize("name", ["dropout", "holes"])
@given(seed=seeds, severity=st.sampled_from(SEVERITIES))
def test_the_share_that_is_lost_is_that_of_the_table(name: str, seed: int, severity: int) -> None:
    scene = make_scene(seed)
    share = find_corruption(name).level(severity)
    assert lost(scene, damaged(scene, name, severity, seed)) == round(share * len(scene))


@pytest.mark.parametrize("name", LOSING)
@given(seed=seeds, points=st.integers(1, 9))
def test_what_a_severity_takes_the_next_takes_too_and_one_point_stays(
    name: str, seed: int, points: int
) -> None:
    scene = make_scene(seed, points)
    left = [set(damaged(scene, name, severity, seed).segment) for severity in SEVERITIES]
    assert all(more >= fewer for more, fewer in pairwise(left))
    assert left[-1]


def test_holes_lie_together_where_dropped_points_lie_everywhere() -> None:
    scene = make_scene(0, 3000)

    def distance_to_the_next_point_left(name: str, severity: int) -> float:
        left = damaged(scene, name, severity)
        away = np.delete(scene.coord, left.segment, axis=0)
        return float(np.linalg.norm(away[:, None] - left.coord, axis=2).min(axis=1).mean())

    assert find_corruption("holes").level(5) == find_corruption("dropout").level(2)
    assert distance_to_the_next_point_left("holes", 5) > 1.3 * distance_to_the_next_point_left("dropout", 2)


@given(seed=seeds)
def test_density_falls_with_the_square_of_the_distance(seed: int) -> None:
    """Two clusters 40 m apart with the scanner between: the distances that their shares tell add up to it."""
    count, radius = 20000, 3.0
    coord = np.random.default_rng(seed).random((2 * count, 3)) * 0.1
    coord[count:, 0] += 40
    rows = np.arange(2 * count, dtype=np.int32)
    scene = PointScene(coord.astype(np.float32), None, None, rows)
    left = thin_by_distance(scene, radius, np.random.default_rng(seed)).segment
    shares = np.array([(left < count).sum(), (left >= count).sum()]) / count
    assert np.isclose((radius / np.sqrt(shares)).sum(), 40, rtol=0.1)
    assert len(thin_by_distance(scene, 100.0, np.random.default_rng(seed))) == len(scene)


@pytest.mark.parametrize("name", RIGID)
@given(seed=seeds, severity=st.sampled_from(SEVERITIES))
def test_rotations_are_rigid_and_turn_normals_along(name: str, seed: int, severity: int) -> None:
    scene = make_scene(seed)
    after = damaged(scene, name, severity, seed)
    rotation = rotation_between(scene, after)
    assert np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-4)
    assert np.isclose(np.linalg.det(rotation), 1, atol=1e-4)
    assert np.isclose(turned(scene, after), find_corruption(name).level(severity), atol=0.3)
    assert np.allclose(after.normal, scene.normal @ rotation.T, atol=1e-4)
    if name == "rotation_z":
        assert np.allclose(after.coord[:, 2], scene.coord[:, 2], atol=1e-5)


@given(seed=seeds, severity=st.sampled_from(SEVERITIES))
def test_outliers_lie_in_the_box_and_are_not_scored(seed: int, severity: int) -> None:
    scene = make_scene(seed)
    after = damaged(scene, "outliers", severity, seed)
    added = slice(len(scene), None)
    assert len(after) - len(scene) == round(find_corruption("outliers").level(severity) * len(scene))
    assert (after.segment[added] == scene.ignore_index).all()
    lower, upper = scene.box()
    assert (after.coord[added] >= lower.astype(np.float32)).all()
    assert (after.coord[added] <= upper.astype(np.float32)).all()
    assert after.color.min() >= 0
    assert after.color.max() <= 255
    assert np.allclose(np.linalg.norm(after.normal[added], axis=1), 1, atol=1e-5)


def test_noise_and_scale_have_the_size_that_the_table_says() -> None:
    scene = make_scene(0, 20000)
    noise = damaged(scene, "noise", 4).coord - scene.coord
    assert np.allclose(noise.std(axis=0), find_corruption("noise").level(4), rtol=0.03)
    assert np.isclose(size(scene, damaged(scene, "scale", 3)) / size(scene, scene), 1.4, atol=1e-4)


def test_the_worst_of_missing_colours_and_normals_is_that_none_is_left() -> None:
    scene = make_scene(0)
    assert (damaged(scene, "color_missing", 5).color == 127.5).all()
    assert not damaged(scene, "normal_missing", 5).normal.any()
    assert (damaged(scene, "color_missing", 2).color == 127.5).all(axis=1).mean() == pytest.approx(
        0.4, abs=0.01
    )


@given(seed=seeds, severity=st.sampled_from(SEVERITIES))
def test_tilted_normals_keep_their_length_and_noisy_colours_their_range(seed: int, severity: int) -> None:
    scene = make_scene(seed)
    normal = damaged(scene, "normal_noise", severity, seed).normal
    assert np.allclose(np.linalg.norm(normal, axis=1), 1, atol=1e-5)
    color = damaged(scene, "color_noise", severity, seed).color
    assert color.min() >= 0
    assert color.max() <= 255


def test_normals_of_zero_are_not_tilted_into_something() -> None:
    scene = damaged(make_scene(0), "normal_missing", 5)
    assert not damaged(scene, "normal_noise", 5).normal.any()


@pytest.mark.parametrize("corruption", CORRUPTIONS, ids=lambda corruption: corruption.name)
def test_scenes_without_colours_and_normals_go_through(corruption: object) -> None:
    full = make_scene(0)
    bare = PointScene(full.coord, None, None, full.segment)
    after = corrupt(bare, "room", corruption, 4)
    assert after.color is None
    assert after.normal is None
    if corruption.needs:
        assert after is bare
    assert np.array_equal(after.coord, damaged(full, corruption.name, 4).coord)


def test_corruptions_are_found_by_name_in_the_order_of_the_table() -> None:
    assert [c.name for c in find_corruptions(["scale", "noise", "scale"])] == ["noise", "scale"]
    assert find_corruptions(None) == CORRUPTIONS
    with pytest.raises(ValueError, match=r"no corruption 'outlier': known are noise, dropout, "):
        find_corruptions(["noise", "outlier"])


def test_severities_are_one_to_five() -> None:
    assert check_severities((5, 1, 5)) == (1, 5)
    with pytest.raises(ValueError, match=r"severity 6: give 1 \(mild\) to 5 \(severe\)"):
        check_severities((1, 6))
    with pytest.raises(ValueError, match="no severity was named"):
        check_severities(())


def test_the_documented_levels_are_those_that_are_used() -> None:
    assert parameter_table() in PAGE.read_text(encoding="utf-8")
