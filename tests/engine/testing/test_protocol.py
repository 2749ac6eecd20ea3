"""The streaming tester against a plain statement of Pointcept's protocol: the same label for every point."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from engine.testing.networks import ROOMS, read_labels, save_network
from engine.testing.plain import cut, plain_test
from tiny_run import tiny_config, write_room

pytest.importorskip("lightning_fabric", reason="pip install 'ffnet3d[train]'")

from ffnet3d.data.fragments import FragmentMaker
from ffnet3d.engine import test as tester
from ffnet3d.engine.checkpoint import load_weights
from ffnet3d.engine.config import Config, load_config
from ffnet3d.engine.testing.options import TestOptions
from ffnet3d.models import build_model

CONFIGS = Path(__file__).parents[3] / "configs"


def load_network(config: Config, weight: Path) -> torch.nn.Module:
    network = build_model(config.model)
    load_weights(network, weight)
    return network.eval()


def with_views_of(config: Config, dataset: str) -> Config:
    """The config with the views of the published protocol on that data set."""
    released = load_config(CONFIGS / dataset / "ffnet3d.py")
    config.data.test.test_cfg.aug_transform = released.data.test.test_cfg.aug_transform
    return config


@pytest.mark.parametrize(("dataset", "views"), [("scannet", 13), ("s3dis", 10)])
def test_labels_are_those_of_the_plain_protocol(tmp_path: Path, dataset: str, views: int) -> None:
    write_room(tmp_path / "rooms" / "Area_2" / "room_0", seed=20)
    write_room(tmp_path / "rooms" / "Area_2" / "room_1", seed=7, points=800)  # nearly every 10 cm cell
    config = with_views_of(tiny_config(tmp_path), dataset)
    weight = save_network(config, seed=1)
    tester.test(config, weight, options=TestOptions(probabilities=True))
    for number, room in enumerate(ROOMS[:2]):
        plain = plain_test(load_network(config, weight), config, number)
        assert len(plain.fragments) == views
        assert max(plain.fragments) > 4
        assert len(np.unique(plain.labels)) > 3
        np.testing.assert_array_equal(read_labels(config, room), plain.labels)
        mean = np.load(tmp_path / "run" / "result" / f"{room}_prob.npy")
        expected = plain.votes / plain.votes.sum(1, keepdims=True)
        assert mean.dtype == np.float16
        np.testing.assert_allclose(mean, expected, atol=6e-4)


def test_fragments_are_those_of_the_plain_protocol(tmp_path: Path) -> None:
    config = tiny_config(tmp_path)
    rng = np.random.default_rng(3)
    coord = (rng.integers(0, 9, (500, 3)) / 10).astype(np.float32)  # all on the edges of 10 cm voxels
    cloud = {"coord": coord, "color": rng.random((500, 3), dtype=np.float32)}
    maker = FragmentMaker({**config.data.test.test_cfg, "aug_transform": [[]]})
    ours = [part.samples[part.number] for part in maker.parts("cloud", cloud, (0,))]
    plain = cut({**cloud, "index": np.arange(500)}, 0.2)
    assert len(ours) == len(plain) > 5
    for part, expected in zip(ours, plain, strict=True):
        order, by = np.argsort(part["index"]), np.argsort(expected["index"])
        for key in ("index", "coord", "color", "grid_coord"):
            np.testing.assert_array_equal(part[key][order], expected[key][by])


def test_labels_of_a_real_room_are_those_of_the_plain_protocol(tmp_path: Path) -> None:
    real = os.environ.get("FFNET3D_REALDATA")
    if not real:
        pytest.skip("set FFNET3D_REALDATA to a folder with s3dis/Area_4/hallway_5")
    config = tiny_config(tmp_path, "run", f"data_root={real}/s3dis", "data.test.split=Area_4")
    config.data.test.transform.insert(0, {"type": "CenterShift", "apply_z": True})
    config.data.test.cache_root = str(tmp_path)
    config.data.test.test_cfg.voxelize.grid_size = 0.04
    weight = save_network(config, seed=1)
    tester.test(config, weight)
    plain = plain_test(load_network(config, weight), config, 0)
    np.testing.assert_array_equal(read_labels(config, "Area_4-hallway_5"), plain.labels)
