"""Batches: joining samples, Mix3D, the shares of ranks, and the same run from any number of workers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ffnet3d.data.datasets import S3DISDataset, SampleKey
from ffnet3d.data.loader import EpochBatchSampler, build_loader, collate
from ffnet3d.data.scene import write_scene
from ffnet3d.voxels import PyramidPlan, offset2batch

TRANSFORM = [
    {"type": "CenterShift", "apply_z": True},
    {"type": "RandomJitter", "sigma": 0.005, "clip": 0.02},
    {"type": "GridSample", "grid_size": 0.1, "mode": "train", "return_grid_coord": True},
    {"type": "ToTensor"},
    {"type": "Collect", "keys": ("coord", "grid_coord", "segment"), "feat_keys": ("color", "normal")},
]


def sample(count: int, number: int = 0, mix_draw: float = 0.5) -> dict[str, Any]:
    return {
        "coord": torch.full((count, 3), float(number)),
        "instance": torch.arange(count) - 1,
        "inverse": torch.arange(2 * count) % count,
        "offset": torch.tensor([count]),
        "origin_offset": torch.tensor([2 * count]),
        "name": f"room_{number}",
        "mix_draw": mix_draw,
    }


def test_collate_joins_points_and_counts() -> None:
    batch = collate([sample(2, 0), sample(3, 1), sample(1, 2)])
    assert batch["offset"].tolist() == [2, 5, 6]
    assert batch["origin_offset"].tolist() == [4, 10, 12]
    assert batch["coord"][:, 0].tolist() == [0, 0, 1, 1, 1, 2]
    assert batch["inverse"].tolist() == [0, 1, 0, 1, 2, 3, 4, 2, 3, 4, 5, 5]
    assert batch["name"] == ["room_0", "room_1", "room_2"]
    assert "mix_draw" not in batch


def test_collate_takes_arrays_and_numbers() -> None:
    samples = [{"coord": np.zeros((n, 3)), "offset": np.array([n]), "grid_size": 0.02 * n} for n in (1, 2)]
    batch = collate(samples)
    assert batch["coord"].shape == (3, 3)
    assert batch["grid_size"].tolist() == pytest.approx([0.02, 0.04])


@pytest.mark.parametrize(
    ("count", "offset"), [(1, [1]), (2, [3]), (3, [3, 6]), (4, [3, 10]), (5, [3, 10, 15])]
)
def test_mix3d_drops_every_second_boundary(count: int, offset: list[int]) -> None:
    batch = collate([sample(n + 1, n, mix_draw=0.7) for n in range(count)], mix_prob=0.8)
    assert batch["offset"].tolist() == offset
    assert len(batch["coord"]) == offset[-1]


def test_mix3d_keeps_instances_apart() -> None:
    batch = collate([sample(3, mix_draw=0.0), sample(4)], mix_prob=1.0)
    assert batch["instance"].tolist() == [-1, 0, 1, -1, 2, 3, 4]


def test_the_first_sample_decides_on_mix3d() -> None:
    assert len(collate([sample(1, mix_draw=0.9), sample(1, mix_draw=0.0)], mix_prob=0.8)["offset"]) == 2
    assert len(collate([sample(1, mix_draw=0.7), sample(1, mix_draw=1.0)], mix_prob=0.8)["offset"]) == 1
    assert len(collate([sample(1, mix_draw=0.0), sample(1)], mix_prob=0.0)["offset"]) == 2


def test_collate_refuses_what_it_cannot_join() -> None:
    with pytest.raises(ValueError, match="different keys"):
        collate([sample(1), {"coord": torch.zeros(1, 3), "offset": torch.tensor([1])}])
    with pytest.raises(ValueError, match="end its transform with Collect"):
        collate([{"coord": torch.zeros(1, 3)}])
    with pytest.raises(ValueError, match="mix_draw"):
        collate([{"coord": torch.zeros(1, 3), "offset": torch.tensor([1])}], mix_prob=0.5)


@given(
    num_samples=st.integers(1, 40),
    share=st.integers(1, 4),
    world_size=st.integers(1, 4),
    epoch=st.integers(0, 3),
    shuffle=st.booleans(),
)
def test_ranks_share_out_the_epoch(
    num_samples: int, share: int, world_size: int, epoch: int, shuffle: bool
) -> None:
    batch_size = share * world_size
    whole = EpochBatchSampler(num_samples, batch_size, seed=3, shuffle=shuffle)
    ranks = [
        EpochBatchSampler(num_samples, batch_size, 3, shuffle, False, r, world_size)
        for r in range(world_size)
    ]
    for sampler in [whole, *ranks]:
        sampler.epoch = epoch
    batches = list(whole)
    assert sorted(key.index for batch in batches for key in batch) == list(range(num_samples))
    assert {key.epoch for batch in batches for key in batch} == {epoch}
    parts = [list(rank) for rank in ranks]
    assert [len(part) for part in parts] == [len(rank) for rank in ranks]
    for number, batch in enumerate(batches):
        assert batch == [key for part in parts if number < len(part) for key in part[number]]
    if num_samples >= batch_size:
        full = EpochBatchSampler(num_samples, batch_size, 3, shuffle, True)
        full.epoch = epoch
        assert list(full) == [batch for batch in batches if len(batch) == batch_size]
        assert len(full) == num_samples // batch_size


def test_order_depends_on_seed_and_epoch() -> None:
    sampler = EpochBatchSampler(100, 10, seed=1)
    first = list(sampler)
    assert list(sampler) == first
    assert list(EpochBatchSampler(100, 10, seed=2)) != first
    sampler.epoch = 1
    assert [key.index for batch in sampler for key in batch] != [
        key.index for batch in first for key in batch
    ]
    assert list(EpochBatchSampler(4, 3, shuffle=False)) == [[(0, 0), (0, 1), (0, 2)], [SampleKey(0, 3)]]


def test_start_batch_goes_on_within_an_epoch() -> None:
    sampler = EpochBatchSampler(20, 4, seed=1)
    whole = list(sampler)
    sampler.start_batch = 3
    assert list(sampler) == whole[3:]
    assert len(sampler) == 5


def test_impossible_batches() -> None:
    with pytest.raises(ValueError, match=r"batch_size=3 counts all processes together.*2"):
        EpochBatchSampler(10, 3, world_size=2)
    with pytest.raises(ValueError, match="batch_size=0"):
        EpochBatchSampler(10, 0)
    with pytest.raises(ValueError, match="3 samples an epoch do not fill one batch of batch_size=4"):
        EpochBatchSampler(3, 4, drop_last=True)


@pytest.fixture
def dataset(tmp_path: Path) -> S3DISDataset:
    rng = np.random.default_rng(0)
    for room in range(4):
        arrays = {
            "coord": rng.uniform(0, 1, (200, 3)).astype(np.float32),
            "color": rng.integers(0, 256, (200, 3)).astype(np.uint8),
            "normal": rng.normal(size=(200, 3)).astype(np.float32),
            "segment": rng.integers(0, 13, 200),
        }
        write_scene(tmp_path / "Area_1" / f"room_{room}", arrays)
    return S3DISDataset("Area_1", tmp_path, TRANSFORM, loop=2)


def epochs(loader: Any) -> list[dict[str, torch.Tensor]]:
    batches = []
    for epoch in range(2):
        loader.batch_sampler.epoch = epoch
        batches += list(loader)
    return batches


def test_any_number_of_workers_gives_the_same_batches(dataset: S3DISDataset) -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    runs = [
        epochs(
            build_loader(dataset, 2, shuffle=True, drop_last=True, mix_prob=0.5, num_workers=workers, seed=7)
        )
        for workers in (0, 2)
    ]
    assert torch.equal(torch.get_rng_state(), before)
    assert len(runs[0]) == len(runs[1]) == 8
    for alone, worked in zip(*runs, strict=True):
        assert alone.keys() == worked.keys() == {"coord", "grid_coord", "segment", "feat", "offset"}
        assert all(torch.equal(alone[key], worked[key]) for key in alone)
    assert {len(batch["offset"]) for batch in runs[0]} == {1, 2}


def test_workers_add_the_pyramid_that_is_planned(dataset: S3DISDataset) -> None:
    plan = PyramidPlan((2, 2), ({3, 5}, {3}, set()))
    alone, worked = (
        next(iter(build_loader(dataset, 4, shuffle=True, mix_prob=0.5, num_workers=workers, plan=plan)))
        for workers in (0, 1)
    )
    pyramid = worked.pop("pyramid")
    assert alone.keys() == worked.keys()
    assert all(torch.equal(alone[key], worked[key]) for key in alone)
    expected = plan.build(alone["grid_coord"], offset2batch(alone["offset"]))
    assert torch.equal(pyramid.point_order, expected.point_order)
    for level, wanted in zip(pyramid.levels, expected.levels, strict=True):
        assert torch.equal(level.grid_coord, wanted.grid_coord)
        assert level.neighbors.keys() == wanted.neighbors.keys()
        assert all(torch.equal(table, wanted.neighbors[size]) for size, table in level.neighbors.items())


def test_the_pyramid_is_of_the_mixed_scenes() -> None:
    grid_coord = torch.tensor([[0, 0, 0], [1, 0, 0]])
    samples = [{"grid_coord": grid_coord, "offset": torch.tensor([2]), "mix_draw": 0.1} for _ in range(2)]
    plan = PyramidPlan((), ({3},))
    assert collate(samples, mix_prob=0.0, plan=plan)["pyramid"].levels[0].num_voxels == 4
    mixed = collate(samples, mix_prob=1.0, plan=plan)["pyramid"]
    assert mixed.levels[0].num_voxels == 2
    assert mixed.point_to_voxel.tolist() == [0, 1, 0, 1]


def test_two_ranks_get_the_halves_of_the_batch(dataset: S3DISDataset) -> None:
    whole = epochs(build_loader(dataset, 4, shuffle=True))
    halves = [epochs(build_loader(dataset, 4, shuffle=True, rank=rank, world_size=2)) for rank in range(2)]
    for batch, first, second in zip(whole, *halves, strict=True):
        assert torch.equal(batch["coord"], torch.cat([first["coord"], second["coord"]]))
