"""The whole network is timed on scenes that differ, in a process of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from bench.made_up import network

from ffnet3d.bench.geometry import measure_pyramid
from ffnet3d.bench.network import EVALUATIONS, TRAININGS, Work, expected_bytes, measure_network, run_scenes
from ffnet3d.bench.scenes import LESS, RealScene, Rooms, as_batch
from ffnet3d.data.scene import write_scene


def test_every_scene_of_a_size_is_another() -> None:
    first, second = Rooms(3000).voxels(0), Rooms(3000).voxels(1)
    assert (len(first), len(second)) == (3000, 3000 - LESS)
    assert len(np.unique(first, axis=0)) == 3000
    common = {tuple(voxel) for voxel in first.tolist()} & {tuple(voxel) for voxel in second.tolist()}
    assert len(common) < 2000
    assert Rooms(20_000).name == "20,000 voxels"


def test_views_of_a_real_scene_are_turned(tmp_path: Path) -> None:
    coord = np.random.default_rng(0).uniform(0, 2, (4000, 3)).astype(np.float32)
    write_scene(tmp_path / "office_1", {"coord": coord})
    scene = RealScene(tmp_path / "office_1", 0.1)
    first, second = scene.voxels(0), scene.voxels(1)
    assert scene.name == "office_1, 10 cm"
    assert {tuple(voxel) for voxel in first} == {tuple(voxel) for voxel in (coord // 0.1).astype(int)}
    assert first.shape != second.shape or not np.array_equal(first, second)
    assert second.min() >= 0


def test_a_batch_has_one_point_a_voxel() -> None:
    batch = as_batch(Rooms(1200).voxels(0), in_channels=4)
    assert batch["feat"].shape == (1200, 4)
    assert batch["offset"].tolist() == [1200]


@pytest.fixture
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spare the start of another process."""

    def call(function: Callable[..., object], *arguments: object) -> object:
        return function(*arguments)

    for module in ("network", "geometry"):
        monkeypatch.setattr(f"ffnet3d.bench.{module}.in_own_process", call)
        monkeypatch.setattr(f"ffnet3d.bench.{module}.keep_freed_memory", lambda: False)


@pytest.mark.usefixtures("in_this_process")
def test_a_row_has_times_and_memory_of_its_own_process() -> None:
    row = measure_network(EVALUATIONS[0], Rooms(1500), "ffnet3d-tiny", torch.get_num_threads(), repeats=2)
    assert (row.work, row.scene, row.voxels, row.total.repeats) == ("forward, fp32", "1,500 voxels", 1500, 2)
    assert row.pyramid.minimum > 0
    assert row.per_voxel.median == pytest.approx(row.total.median / 1500, rel=0.05)
    assert row.again > 0
    assert 0 < row.base_bytes <= row.peak_bytes
    assert row.bytes_per_voxel == (row.peak_bytes - row.base_bytes) / 1500


@pytest.mark.parametrize("work", [*EVALUATIONS[1:], *TRAININGS], ids=lambda work: work.name)
@pytest.mark.usefixtures("in_this_process")
def test_every_work_runs(work: Work) -> None:
    clouds = [Rooms(1000).voxels(index) for index in range(2)]
    threads = torch.get_num_threads()
    seconds, base, peak = run_scenes(work, "ffnet3d-tiny", threads, clouds[:1], clouds)
    assert len(seconds) == 2 + 1  # the first scene once more
    assert all(0 < pyramid < total for total, pyramid in seconds)
    assert 0 < base <= peak


def test_the_pyramid_is_measured_alone() -> None:
    row = measure_pyramid(Rooms(20_000), threads=1, repeats=2)
    assert (row.scene, row.voxels, row.total.repeats) == ("20,000 voxels", 20_000, 2)
    assert row.total.minimum > 0
    assert 100 < row.bytes_per_voxel < 10_000


def test_memory_to_expect_grows_from_the_largest_scene_measured() -> None:
    rows = [network(20_000, 1e-5, 10**9 + 10**8), network(10_000, 1e-5, 2 * 10**9)]
    assert expected_bytes(rows, EVALUATIONS[0], 40_000) == pytest.approx(10**9 + 2 * 10**8)
    assert expected_bytes(rows, TRAININGS[0], 40_000) == 0
