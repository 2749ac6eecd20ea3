"""Grid sampling in training and test, crops, shuffling."""

from __future__ import annotations

import numpy as np
import pytest

from ffnet3d.data.transforms import GridSample, ShufflePoint, SphereCrop
from ffnet3d.data.transforms.sampling import smallest

RNG = np.random.default_rng
SIZE = 0.5


def cloud(points: int = 400) -> dict:
    coord = (RNG(1).random((points, 3)) * 3 - 1).astype(np.float32)
    return {
        "coord": coord,
        "normal": np.tile(np.float32([0, 0, 1]), (points, 1)),
        "segment": np.arange(points),
        "name": "room",
    }


def cells(coord: np.ndarray) -> np.ndarray:
    grid = np.floor(coord.astype(np.float64) / SIZE).astype(int)
    return grid - grid.min(axis=0)


class TestTrain:
    def test_takes_one_point_of_each_voxel(self) -> None:
        sample = cloud()
        result = GridSample(SIZE, return_grid_coord=True)(sample, RNG(0))
        occupied = cells(sample["coord"])
        assert len(result["coord"]) == len(np.unique(occupied, axis=0))
        np.testing.assert_array_equal(result["grid_coord"], occupied[result["segment"]])
        np.testing.assert_array_equal(result["coord"], sample["coord"][result["segment"]])
        assert result["name"] == "room"

    def test_draws_uniformly(self) -> None:
        sample = {"coord": np.zeros((7, 3), np.float32), "segment": np.arange(7)}
        rng, transform = RNG(0), GridSample(SIZE)
        drawn = [int(transform(sample, rng)["segment"][0]) for _ in range(7000)]
        np.testing.assert_allclose(np.bincount(drawn) / 7000, 1 / 7, atol=0.02)

    def test_draws_from_every_voxel_uniformly(self) -> None:
        sample = cloud()
        _, voxel, counts = np.unique(cells(sample["coord"]), axis=0, return_inverse=True, return_counts=True)
        rng, transform, repeats = RNG(0), GridSample(SIZE), 2000
        drawn = np.bincount(np.concatenate([transform(sample, rng)["segment"] for _ in range(repeats)]))
        expected = repeats / counts[voxel.ravel()]
        assert len(set(counts.tolist())) > 3
        chi_square = (np.square(drawn - expected) / expected).sum()
        degrees = len(voxel) - len(counts)  # of freedom: the variance of chi-square is twice that
        assert abs(chi_square - degrees) < 4 * np.sqrt(2 * degrees)

    def test_takes_the_voxels_of_the_plain_form(self) -> None:
        plain = pytest.importorskip("plain.transforms", reason="pip install 'ffnet3d[train]'")
        expected = plain.grid_sample({"coord": cloud()["coord"]}, RNG(0), SIZE)["grid_coord"]
        result = GridSample(SIZE, return_grid_coord=True)(cloud(), RNG(0))["grid_coord"]
        assert sorted(result.tolist()) == sorted(expected.tolist())

    def test_keeps_the_order_of_points(self) -> None:
        assert (np.diff(GridSample(SIZE)(cloud(), RNG(0))["segment"]) > 0).all()

    def test_draws_voxels_independently(self) -> None:
        sample = {"coord": np.float32([[0, 0, 0]] * 2 + [[1, 0, 0]] * 2), "segment": np.array([0, 1, 0, 1])}
        rng, transform = RNG(0), GridSample(SIZE)
        drawn = [tuple(transform(sample, rng)["segment"]) for _ in range(2000)]
        for pair in ((0, 0), (0, 1), (1, 0), (1, 1)):
            assert drawn.count(pair) / 2000 == pytest.approx(0.25, abs=0.04)

    def test_inverse_leads_each_point_to_its_voxel(self) -> None:
        sample = cloud()
        result = GridSample(SIZE, return_grid_coord=True, return_inverse=True)(sample, RNG(0))
        np.testing.assert_array_equal(result["grid_coord"][result["inverse"]], cells(sample["coord"]))

    def test_min_coord_and_displacement(self) -> None:
        sample = cloud()
        transform = GridSample(SIZE, return_grid_coord=True, return_min_coord=True, return_displacement=True)
        result = transform(sample, RNG(0))
        assert result["min_coord"].shape == (1, 3)
        assert np.abs(result["displacement"]).max() <= 0.5
        rebuilt = result["min_coord"] + (result["grid_coord"] + 0.5 + result["displacement"]) * SIZE
        np.testing.assert_allclose(rebuilt, result["coord"], atol=1e-6)

    def test_displacement_along_the_normal(self) -> None:
        flat, full = (
            GridSample(SIZE, return_displacement=True, project_displacement=project)(cloud(), RNG(0))
            for project in (True, False)
        )
        np.testing.assert_allclose(flat["displacement"], full["displacement"][:, 2:], atol=1e-6)

    def test_results_are_cropped_with_the_points(self) -> None:
        sample = {**cloud(), "index_valid_keys": ["coord", "segment"]}
        result = GridSample(SIZE, return_grid_coord=True, return_displacement=True)(sample, RNG(0))
        cropped = SphereCrop(point_max=10)(result, RNG(0))
        assert cropped["index_valid_keys"] == ["coord", "segment", "grid_coord", "displacement"]
        assert len(cropped["grid_coord"]) == len(cropped["displacement"]) == 10
        assert sample["index_valid_keys"] == ["coord", "segment"]

    def test_old_keys_are_sampled_too(self) -> None:
        sample = {**cloud(), "extra": np.arange(400)}
        result = GridSample(SIZE, keys=("coord", "extra"))(sample, RNG(0))
        np.testing.assert_array_equal(result["extra"], result["segment"])

    def test_old_keys_must_be_there(self) -> None:
        with pytest.raises(ValueError, match=r"has no 'color'.*put color.npy"):
            GridSample(SIZE, keys=("coord", "color"))(cloud(), RNG(0))


class TestTest:
    def test_fragments_hold_every_point(self) -> None:
        sample = cloud()
        fragments = GridSample(SIZE, mode="test", return_grid_coord=True)(sample, RNG(0))
        occupied, counts = np.unique(cells(sample["coord"]), axis=0, return_counts=True)
        assert len(fragments) == counts.max()
        for fragment in fragments:
            assert len(np.unique(fragment["grid_coord"], axis=0)) == len(occupied)
            np.testing.assert_array_equal(fragment["coord"], sample["coord"][fragment["index"]])
            np.testing.assert_array_equal(fragment["segment"], fragment["index"])
            assert fragment["name"] == "room"
        seen = np.bincount(np.concatenate([fragment["index"] for fragment in fragments]), minlength=400)
        assert seen.min() >= 1

    def test_fragments_are_those_of_the_plain_form(self) -> None:
        plain = pytest.importorskip("plain.transforms", reason="pip install 'ffnet3d[train]'")
        sample = {key: value for key, value in cloud().items() if key != "name"}
        expected = plain.grid_fragments(sample, SIZE)
        fragments = GridSample(SIZE, mode="test", return_grid_coord=True)(sample, RNG(0))
        visits = []
        for parts in (expected, list(fragments)):
            for part in parts:
                np.testing.assert_array_equal(part["grid_coord"], cells(sample["coord"])[part["index"]])
            pairs = [
                (*map(int, row), int(i))
                for part in parts
                for *row, i in zip(*part["grid_coord"].T, part["index"], strict=True)
            ]
            visits.append(sorted((pair[:3], pairs.count(pair)) for pair in set(pairs)))
        # Which of a voxel's points comes first is open: how often its points are visited is not.
        assert visits[0] == visits[1]

    def test_old_keys_and_inverse_in_fragments(self) -> None:
        sample = {**cloud(), "extra": np.arange(400)}
        transform = GridSample(
            SIZE, mode="test", keys=("extra",), return_grid_coord=True, return_inverse=True
        )
        for fragment in transform(sample, RNG(0)):
            np.testing.assert_array_equal(fragment["extra"], fragment["segment"])
            np.testing.assert_array_equal(fragment["grid_coord"][fragment["inverse"]], cells(sample["coord"]))

    def test_visits_the_points_of_a_voxel_evenly(self) -> None:
        sample = {"coord": np.float32([[0, 0, 0]] * 5 + [[1, 0, 0]] * 2)}
        fragments = GridSample(SIZE, mode="test")(sample, RNG(0))
        seen = np.bincount(np.concatenate([fragment["index"] for fragment in fragments]))
        assert seen.tolist() == [1, 1, 1, 1, 1, 3, 2]

    def test_needs_no_draw(self) -> None:
        rng = RNG(0)
        list(GridSample(SIZE, mode="test")(cloud(), rng))
        assert rng.random() == RNG(0).random()

    def test_an_index_from_before_is_kept_up(self) -> None:
        sample = {**cloud(), "index": np.arange(400) + 1000}
        fragment = GridSample(SIZE, mode="test")(sample, RNG(0))[0]
        np.testing.assert_array_equal(fragment["index"], fragment["segment"] + 1000)

    def test_crowded_voxel_costs_nothing_until_asked(self) -> None:
        sample = {"coord": np.full((10000, 3), 0.01, np.float32), "segment": np.arange(10000)}
        fragments = GridSample(0.02, mode="test", return_inverse=True)(sample, RNG(0))
        assert len(fragments) == 10000
        assert fragments[9999]["index"].tolist() == [9999]
        assert not fragments[0]["inverse"].any()
        with pytest.raises(IndexError, match="fragment 10000 of 10000"):
            fragments[10000]


def test_crowded_voxel_in_training() -> None:
    sample = {"coord": np.full((10000, 3), 0.01, np.float32), "segment": np.arange(10000)}
    result = GridSample(0.02, return_grid_coord=True)(sample, RNG(0))
    assert result["grid_coord"].tolist() == [[0, 0, 0]]


def test_bad_grids() -> None:
    with pytest.raises(ValueError, match="grid_size must be a positive number, got 0"):
        GridSample(grid_size=0)
    with pytest.raises(ValueError, match="mode must be one of train, test, got 'val'"):
        GridSample(mode="val")
    with pytest.raises(ValueError, match="hash_type must be one of fnv, ravel, got 'md5'"):
        GridSample(hash_type="md5")
    with pytest.raises(ValueError, match="1 points that are not finite, the first is point 2"):
        GridSample()({"coord": np.float32([[0, 0, 0], [1, 1, 1], [0, np.nan, 0]])}, RNG(0))


class TestSphereCrop:
    @pytest.mark.parametrize("arguments", [{"point_max": 100}, {"sample_rate": 0.25}])
    def test_keeps_the_nearest_points(self, arguments: dict) -> None:
        sample = cloud()
        crop = SphereCrop(**arguments, mode="center")(sample, RNG(0))
        distance = np.linalg.norm(sample["coord"] - sample["coord"][200], axis=1)
        assert set(crop["segment"]) == set(np.argsort(distance)[:100])
        assert (np.diff(crop["segment"]) > 0).all()

    def test_keeps_the_points_of_the_plain_form(self) -> None:
        plain = pytest.importorskip("plain.transforms", reason="pip install 'ffnet3d[train]'")
        sample = {key: value for key, value in cloud().items() if key != "name"}
        expected = plain.sphere_crop(sample, RNG(3), 150)
        crop = SphereCrop(150)(sample, RNG(3))
        np.testing.assert_array_equal(crop["segment"], np.sort(expected["segment"]))
        np.testing.assert_array_equal(crop["coord"], sample["coord"][crop["segment"]])

    def test_center_is_a_random_point(self) -> None:
        sample, rng, crop = cloud(10), RNG(0), SphereCrop(point_max=1)
        drawn = np.concatenate([crop(sample, rng)["segment"] for _ in range(3000)])
        np.testing.assert_allclose(np.bincount(drawn) / 3000, 0.1, atol=0.02)

    def test_leaves_small_scenes(self) -> None:
        np.testing.assert_array_equal(SphereCrop(point_max=400)(cloud(), RNG(0))["coord"], cloud()["coord"])

    def test_keeps_at_least_one_point(self) -> None:
        assert len(SphereCrop(sample_rate=0.6)(cloud(1), RNG(0))["coord"]) == 1
        assert len(SphereCrop(sample_rate=1e-6)(cloud(50), RNG(0))["coord"]) == 1

    def test_leaves_full_resolution_copies(self) -> None:
        sample = {**cloud(), "origin_coord": cloud()["coord"]}
        assert len(SphereCrop(point_max=10)(sample, RNG(0))["origin_coord"]) == 400

    def test_bad_arguments(self) -> None:
        with pytest.raises(ValueError, match="mode must be one of random, center, got 'all'"):
            SphereCrop(mode="all")
        with pytest.raises(ValueError, match="point_max must be a positive number, got 0"):
            SphereCrop(point_max=0)
        with pytest.raises(ValueError, match=r"sample_rate must be a positive number, got -0.5"):
            SphereCrop(sample_rate=-0.5)


@pytest.mark.parametrize("count", range(1, 9))
def test_smallest_takes_the_first_of_equals(count: int) -> None:
    values = np.array([3, 1, 2, 2, 0, 2, 9, 2])
    expected = np.sort(np.argsort(values, kind="stable")[:count])
    np.testing.assert_array_equal(smallest(values, count), expected)


def test_shuffle_is_a_permutation() -> None:
    sample, rng = cloud(6), RNG(0)
    drawn = [ShufflePoint()(sample, rng)["segment"] for _ in range(3000)]
    assert all(np.array_equal(np.sort(d), np.arange(6)) for d in drawn)
    np.testing.assert_allclose(np.bincount([d[0] for d in drawn]) / 3000, 1 / 6, atol=0.03)
