"""Voting over fragments and views, and what a test writes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from engine.testing.networks import ROOMS, read_labels, save_network, scores_and_scenes
from tiny_run import CLASSES, POINTS, tiny_config
from torch import nn

pytest.importorskip("lightning_fabric", reason="pip install 'ffnet3d[train]'")

from ffnet3d.data.fragment_stream import stream_fragments

# The module, not its function `test`, which pytest would collect.
from ffnet3d.engine import test as tester
from ffnet3d.engine.build import build_dataset
from ffnet3d.engine.config import Config, dump_config, load_config
from ffnet3d.engine.evaluate import predictions
from ffnet3d.engine.testing.voting import vote
from ffnet3d.models import build_model

CPU = torch.device("cpu")


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return tiny_config(tmp_path)


def test_the_votes_are_those_of_a_naive_sum(config: Config) -> None:
    torch.manual_seed(0)
    network = build_model(config.model).eval()
    dataset = build_dataset(config, "test")
    naive = np.zeros((POINTS, CLASSES))
    with torch.no_grad():
        for fragment in dataset.test_scene(0).fragments():
            probability = network(fragment.inputs)["seg_logits"].softmax(1).numpy()
            for row, point in enumerate(fragment.index.tolist()):
                naive[point] += probability[row]
    (votes,) = vote(network, stream_fragments(dataset, [0]), CLASSES, CPU)
    np.testing.assert_allclose(votes.sums.numpy(), naive, rtol=1e-5, atol=1e-6)
    assert (votes.sums.sum(1) >= 2 - 1e-4).all()  # every point got a whole vote in every view
    np.testing.assert_array_equal(votes.labels(), naive.argmax(1))
    mean = votes.probabilities(slice(5, 9)).astype(np.float32)
    np.testing.assert_allclose(mean, naive[5:9] / naive[5:9].sum(1, keepdims=True), atol=1e-3)


def test_the_network_sees_every_fragment_of_every_view(config: Config) -> None:
    class Recorder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.seen: list[torch.Tensor] = []

        def forward(self, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
            self.seen.append(batch["coord"])
            return {"seg_logits": torch.zeros(len(batch["coord"]), CLASSES)}

    recorder = Recorder()
    dataset = build_dataset(config, "test")
    assert len(list(vote(recorder, stream_fragments(dataset, [0]), CLASSES, CPU))) == 1
    scene = dataset.test_scene(0)
    assert len(recorder.seen) == len(list(scene.fragments()))
    assert scene.num_views == 2
    assert len(recorder.seen) > scene.num_views  # 20 cm voxels hold several of the points


def test_a_test_labels_every_point_and_writes_the_summary(config: Config) -> None:
    weight = save_network(config, seed=1)
    result = tester.test(config, weight)
    summary = json.loads(result.file.read_text())
    assert [scene["name"] for scene in summary["scenes"]] == ROOMS
    confusion = np.zeros((CLASSES, CLASSES), dtype=int)
    for room in range(3):
        predicted = read_labels(config, f"Area_2-room_{room}")
        truth = np.load(Path(config.data.test.data_root) / "Area_2" / f"room_{room}" / "segment.npy")[:, 0]
        assert predicted.shape == (POINTS,)
        assert predicted.dtype == np.int64
        np.add.at(confusion, (truth, predicted), 1)
    assert summary["confusion"] == confusion.tolist()
    assert summary["views"] == 2
    assert summary["weight"] == str(weight)
    assert summary["scores"]["allAcc"] == pytest.approx(np.trace(confusion) / confusion.sum())
    assert result.allacc == summary["scores"]["allAcc"]
    shown = sorted((Path(config.save_path) / "result" / "scenes").glob("*.npz"))
    assert len(shown) == 3
    with np.load(shown[0]) as arrays:
        kinds = {name: (arrays[name].dtype.name, arrays[name].shape) for name in arrays.files}
    assert kinds == {
        "coord": ("float32", (POINTS, 3)),
        "color": ("uint8", (POINTS, 3)),
        "segment": ("int16", (POINTS,)),
        "pred": ("int16", (POINTS,)),
    }


def test_another_checkpoint_replaces_the_predictions(config: Config) -> None:
    tester.test(config, save_network(config, seed=1))
    before = read_labels(config, "Area_2-room_0")
    result = tester.test(config, save_network(config, seed=2))
    assert (read_labels(config, "Area_2-room_0") != before).any()
    assert json.loads(result.file.read_text())["weight"].endswith("random_2.pth")


def test_two_processes_test_as_one_and_go_on_with_what_one_began(config: Config) -> None:
    weight = save_network(config, seed=1)
    alone = tester.test(config, weight).file
    before, whole = scores_and_scenes(alone), read_labels(config, "Area_2-room_1")
    for room in (1, 2):
        (alone.parent / "records" / f"Area_2-room_{room}.json").unlink()
    kept = alone.parent / "Area_2-room_0_pred.npy"
    written = kept.stat().st_mtime_ns
    both = tester.test(config, weight, devices=2).file
    assert scores_and_scenes(both) == before
    np.testing.assert_array_equal(read_labels(config, "Area_2-room_1"), whole)
    assert kept.stat().st_mtime_ns == written


def test_a_checkpoint_must_be_named_and_fit(config: Config) -> None:
    with pytest.raises(ValueError, match="no checkpoint to test"):
        tester.test(config)
    weight = save_network(config, seed=1)
    config.model.backbone.enc_channels = [6, 10]
    with pytest.raises(ValueError, match=r"random_1\.pth are of another network"):
        tester.test(config, weight)


def test_a_folder_of_tests_alone_has_the_config_of_the_last(config: Config) -> None:
    weight = save_network(config, seed=1)
    config.save_path = str(Path(config.save_path).with_name("new"))
    file = Path(config.save_path) / "config.py"
    channels, config.model.backbone.enc_channels = config.model.backbone.enc_channels, [6, 10]
    with pytest.raises(ValueError, match="of another network"):
        tester.test(config, weight)
    assert not file.exists()
    config.model.backbone.enc_channels = channels
    tester.test(config, weight)
    assert load_config(file).data.test.test_cfg == config.data.test.test_cfg
    config.num_worker = 1
    tester.test(config, weight)
    assert load_config(file).num_worker == 1


def test_a_trained_run_keeps_its_config(config: Config) -> None:
    file = Path(config.save_path) / "config.py"
    weight = save_network(config, seed=1)  # in the run's own folder
    dump_config(config, file)
    written = file.read_text()
    config.num_worker = 1
    tester.test(config, weight)
    assert file.read_text() == written


def test_a_thinned_cloud_is_labelled_in_full(config: Config) -> None:
    config.data.test.transform = [
        {"type": "Copy", "keys_dict": {"segment": "origin_segment"}},
        {
            "type": "GridSample",
            "grid_size": 0.3,
            "mode": "train",
            "return_inverse": True,
        },
        {"type": "NormalizeColor"},
    ]
    tester.test(config, save_network(config, seed=1))
    assert read_labels(config, "Area_2-room_1").shape == (POINTS,)


def test_validation_scores_original_points() -> None:
    logits = torch.eye(3)
    batch = {"inverse": torch.tensor([0, 0, 2, 1]), "origin_segment": torch.tensor([0, 1, 2, 1])}
    predicted, target = predictions(logits, batch)
    assert predicted.tolist() == [0, 0, 2, 1]
    assert target.tolist() == [0, 1, 2, 1]
    with pytest.raises(ValueError, match="'inverse' needs 'origin_segment'"):
        predictions(logits, {"inverse": batch["inverse"]})


def test_unlabelled_scenes_get_labels_and_no_scores(config: Config, caplog: pytest.LogCaptureFixture) -> None:
    for file in Path(config.data.test.data_root, "Area_2").glob("*/segment.npy"):
        file.unlink()
    stale = Path(config.save_path) / "result" / "Area_9-room_0_pred.npy"
    stale.parent.mkdir(parents=True, exist_ok=True)
    np.save(stale, np.zeros(3))
    with caplog.at_level("INFO", logger="ffnet3d"):
        tester.test(config, save_network(config, seed=1))
    assert len(read_labels(config, "Area_2-room_0")) == POINTS
    assert "no point of these scenes is labelled" in caplog.text
    assert "are discarded: without a record (1)" in caplog.text
    assert not stale.exists()
