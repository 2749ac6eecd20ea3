"""The stream of fragments: whole, in order, the same for any number of workers, one view in memory."""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_run import tiny_config, write_room

from ffnet3d.data.fragment_stream import FragmentStream, StreamedPart, stream_fragments
from ffnet3d.engine.build import build_dataset
from ffnet3d.engine.errors import unwrap_errors
from ffnet3d.voxels import PyramidPlan, build_pyramid, offset2batch

PLAN = PyramidPlan((2,), ((3, 5), (3,)))
CROP = {"type": "SphereCrop", "point_max": 30, "mode": "random"}  # draws, unlike the rest


@pytest.fixture
def config(tmp_path: Path) -> Any:
    """Two rooms, with other numbers of parts."""
    write_room(tmp_path / "rooms" / "Area_2" / "room_0", seed=20)
    write_room(tmp_path / "rooms" / "Area_2" / "room_1", seed=7, points=700)
    return tiny_config(tmp_path)


def describe(part: StreamedPart) -> list[Any]:
    """All of a part but its pyramids, as bytes and plain values."""
    fragments = [
        [fragment.view, fragment.index.numpy().tobytes()]
        + [fragment.inputs[key].numpy().tobytes() for key in ("coord", "grid_coord", "feat", "offset")]
        for fragment in part.fragments
    ]
    return [part.scene, part.is_last, part.facts and part.facts.name, fragments]


@pytest.mark.parametrize("crop", [None, CROP])
def test_the_stream_does_not_depend_on_the_number_of_workers(config: Any, crop: dict | None) -> None:
    config.data.test.test_cfg.crop = crop
    dataset = build_dataset(config, "test")
    alone = [describe(part) for part in stream_fragments(dataset, [1, 0])]
    assert [part[:3] for part in alone if part[1] or part[2]] == [
        [1, False, "Area_2-room_1"],
        [1, True, None],
        [0, False, "Area_2-room_0"],
        [0, True, None],
    ]
    for workers in (1, 3):
        assert [describe(part) for part in stream_fragments(dataset, [1, 0], num_workers=workers)] == alone


def test_workers_bring_one_pyramid_for_all_fragments_of_a_view(config: Any) -> None:
    parts = list(stream_fragments(build_dataset(config, "test"), [1], num_workers=2, plan=PLAN))
    brought = ["pyramid" in part.fragments[0].inputs for part in parts]
    views = [part.fragments[0].view for part in parts]
    assert brought == [view not in views[:place] for place, view in enumerate(views)]
    for part in parts:
        inputs = part.fragments[0].inputs
        if "pyramid" in inputs:
            pyramid = inputs["pyramid"]
        built = build_pyramid(inputs["grid_coord"], offset2batch(inputs["offset"]), (2,), ((3, 5), (3,)))
        assert torch.equal(pyramid.levels[0].neighbors[5], built.levels[0].neighbors[5])
        assert torch.equal(pyramid.point_to_voxel, built.point_to_voxel)


def test_large_pyramids_are_left_to_the_network(config: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ffnet3d.data.fragment_stream.MAX_POINTS_AHEAD", 100)
    stream = FragmentStream(build_dataset(config, "test"), [0], PLAN)
    assert not any("pyramid" in part.fragments[0].inputs for part in stream)


def test_one_view_is_in_memory_at_a_time(config: Any) -> None:
    dataset = build_dataset(config, "test")
    maker = dataset.test_scene(0).maker
    voxelize, turn = maker.voxelize, maker.views[1]
    views: list[weakref.ref] = []

    def watched(sample: Any, rng: np.random.Generator) -> Any:
        samples = voxelize(sample, rng)
        views.append(weakref.ref(samples))
        return samples

    def checked(sample: Any, rng: np.random.Generator) -> Any:
        assert [view() for view in views] == [None]
        return turn(sample, rng)

    maker.voxelize, maker.views[1] = watched, checked
    for part in FragmentStream(dataset, [0]):
        del part
    assert len(views) == 2


def test_the_voxelized_scene_is_predicted_once_and_maps_back(config: Any) -> None:
    config.data.test.transform = [
        {"type": "Copy", "keys_dict": {"segment": "origin_segment"}},
        {"type": "GridSample", "grid_size": 0.15, "mode": "train", "return_inverse": True},
        {"type": "NormalizeColor"},
    ]
    dataset = build_dataset(config, "test")
    (part,) = stream_fragments(dataset, [1], once=True)
    (fragment,) = part.fragments
    facts, cells = part.facts, fragment.inputs["grid_coord"].numpy()
    assert part.is_last
    assert (facts.num_views, facts.num_points) == (1, len(cells))
    assert len(np.unique(cells, axis=0)) == len(cells)
    np.testing.assert_array_equal(fragment.index, np.arange(len(cells)))
    # Two steps of thinning move a point by one voxel of each at most.
    coord = dataset.read(1)["coord"]
    moved = np.abs(coord - fragment.inputs["coord"].numpy()[facts.inverse])
    assert len(coord) == 700
    assert moved.max() < 0.15 + 0.2
    assert moved.max() > 0.15


def test_one_prediction_a_voxel_needs_voxels(config: Any) -> None:
    config.data.test.test_cfg.voxelize = None
    with pytest.raises(ValueError, match=r"one prediction a voxel needs test_cfg\.voxelize=dict\(type='Grid"):
        list(stream_fragments(build_dataset(config, "test"), [0], once=True))


@pytest.mark.parametrize("workers", [0, 2])
def test_errors_arrive_with_their_own_text(config: Any, workers: int) -> None:
    config.data.test.test_cfg.post_transform[1]["keys"] = ("coord", "grid_coord")
    parts = stream_fragments(build_dataset(config, "test"), [0], num_workers=workers)
    text = r"^scene Area_2-room_0: test_cfg: test_cfg\.post_transform loses 'index'"
    with pytest.raises(ValueError, match=text):
        list(unwrap_errors(parts))
