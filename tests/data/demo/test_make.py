"""The demo set: its layout, its classes, its colours, and what happens when it is made again."""

from __future__ import annotations

import numpy as np
import pytest

from ffnet3d.data.demo import Label, Style, make_demo, make_room


@pytest.fixture(scope="module")
def rooms() -> list[dict[str, np.ndarray]]:
    """Two rooms of each of six areas."""
    return [make_room(area, number) for area in range(1, 7) for number in (1, 2)]


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    return make_demo(tmp_path_factory.mktemp("demo") / "set", areas=2, rooms_per_area=1)


def test_arrays_of_a_room(rooms):
    for room in rooms:
        count = len(room["coord"])
        assert 60_000 < count < 160_000
        expected = {"coord": (np.float32, 3), "color": (np.uint8, 3), "normal": (np.float32, 3)}
        expected |= {"segment": (np.int16, 1), "instance": (np.int16, 1)}
        assert {key: (array.dtype.type, array.shape[1]) for key, array in room.items()} == expected
        assert all(len(array) == count for array in room.values())
        np.testing.assert_allclose(room["coord"].min(0), 0, atol=1e-6)
        np.testing.assert_allclose(np.linalg.norm(room["normal"], axis=1), 1, atol=1e-5)


def test_every_class_is_in_every_area_and_in_most_rooms(rooms):
    counts = np.array([np.bincount(room["segment"][:, 0], minlength=13) for room in rooms])
    assert counts.shape[1] == len(Label)
    assert ((counts > 50).mean(0) >= 0.75).all()
    by_area = counts.reshape(6, 2, 13).sum(1)
    assert (by_area > 100).all()


def test_an_instance_has_one_class(rooms):
    for room in rooms:
        pairs = np.unique(room["instance"].astype(np.int64) * 13 + room["segment"])
        assert len(pairs) == len(np.unique(room["instance"]))


def test_normals_are_those_of_the_surfaces(rooms):
    for room in rooms:
        up = room["normal"][:, 2]
        assert up[room["segment"][:, 0] == Label.FLOOR].mean() > 0.9
        assert up[room["segment"][:, 0] == Label.CEILING].mean() < -0.9
        assert abs(up[room["segment"][:, 0] == Label.WALL].mean()) < 0.05


def test_the_class_cannot_be_told_from_the_colour(rooms):
    """Nearest centroid and least squares, tested on other areas, do no better than the largest class."""
    draw = np.random.default_rng(0)
    chosen = [draw.choice(len(room["color"]), 5000) for room in rooms]
    colour = [room["color"][some] / 127.5 - 1.0 for room, some in zip(rooms, chosen, strict=True)]
    label = [room["segment"][some, 0] for room, some in zip(rooms, chosen, strict=True)]
    train_x, test_x = np.concatenate(colour[:8]), np.concatenate(colour[8:])
    train_y, test_y = np.concatenate(label[:8]), np.concatenate(label[8:])
    centroids = np.stack([train_x[train_y == c].mean(0) for c in range(13)])
    nearest = ((test_x[:, None] - centroids) ** 2).sum(2).argmin(1)

    def features(x: np.ndarray) -> np.ndarray:
        return np.concatenate((np.ones((len(x), 1)), x, x**2, x[:, [0]] * x[:, 1:], x[:, [1]] * x[:, [2]]), 1)

    weights = np.linalg.lstsq(features(train_x), np.eye(13)[train_y], rcond=None)[0]
    linear = (features(test_x) @ weights).argmax(1)
    majority = np.bincount(test_y).max() / len(test_y)
    assert (nearest == test_y).mean() < majority + 0.02
    assert (linear == test_y).mean() < majority + 0.05


def test_a_room_depends_on_its_seed_area_and_number():
    first, again, other = make_room(1, 1), make_room(1, 1), make_room(1, 2)
    assert all((first[key] == again[key]).all() for key in first)
    assert len(first["coord"]) != len(other["coord"])
    assert Style.draw(np.random.default_rng((0, 1))) != Style.draw(np.random.default_rng((0, 2)))


def test_layout_on_disk(demo):
    assert sorted(str(p.relative_to(demo)) for p in demo.glob("Area_*/*")) == [
        "Area_1/room_1",
        "Area_2/room_1",
    ]
    files = sorted(p.name for p in (demo / "Area_1" / "room_1").iterdir())
    assert files == ["color.npy", "coord.npy", "instance.npy", "normal.npy", "segment.npy"]
    saved = np.load(demo / "Area_1" / "room_1" / "coord.npy")
    np.testing.assert_array_equal(saved, make_room(1, 1)["coord"])


def test_a_finished_set_is_kept_and_a_damaged_room_made_anew(demo):
    kept, damaged = demo / "Area_1/room_1/coord.npy", demo / "Area_2/room_1/coord.npy"
    before, whole = kept.stat().st_mtime_ns, damaged.read_bytes()
    damaged.write_bytes(whole[:1000])
    make_demo(demo, areas=2, rooms_per_area=1)
    assert kept.stat().st_mtime_ns == before
    assert damaged.read_bytes() == whole


def test_rooms_of_another_seed_are_refused(demo):
    with pytest.raises(ValueError, match=r"tells of other demo rooms.*delete"):
        make_demo(demo, areas=1, rooms_per_area=1, seed=1)


def test_a_folder_with_something_else_is_refused(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(ValueError, match=r"holds files but no manifest\.json"):
        make_demo(tmp_path, areas=1, rooms_per_area=1)


@pytest.mark.parametrize("counts", [{"areas": 0}, {"rooms_per_area": 0}])
def test_counts_below_one_are_refused(tmp_path, counts):
    with pytest.raises(ValueError, match="at least one area"):
        make_demo(tmp_path / "set", **counts)
