"""The NumPy face: the network's own answer, in the order of the points, whatever their origin and order."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from small_weights import save_weights

import ffnet3d
from ffnet3d import Segmenter
from ffnet3d.data.normals import estimate_normals
from ffnet3d.segment.features import ROOM_COLOR

pytest.importorskip("safetensors", reason="safetensors is needed: pip install 'ffnet3d[train]'")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_weights(tmp_path_factory.mktemp("shared"))


def some_points(count: int = 900, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    coord = rng.uniform(0, 3, (count, 3)).astype(np.float32)
    normal = rng.normal(size=(count, 3))
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    return coord, rng.integers(0, 256, (count, 3)), normal.astype(np.float32)


def test_equals_the_network_on_the_points(weights: Path) -> None:
    coord, color, normal = some_points()
    labels, probabilities = Segmenter(weights).predict(coord, color, normal)
    grid = np.floor((coord.astype(np.float64) - coord.min(0)) / 0.1).astype(np.int64)
    batch = {
        "grid_coord": torch.from_numpy(grid),
        "feat": torch.from_numpy(np.concatenate([color / 255, normal], axis=1).astype(np.float32)),
        "offset": torch.tensor([len(coord)]),
    }
    with torch.inference_mode():
        expected = ffnet3d.from_pretrained(weights)(batch)["seg_logits"].softmax(1).numpy()
    np.testing.assert_allclose(probabilities, expected, atol=1e-5)
    assert labels.dtype == np.int64
    assert (labels == probabilities.argmax(1)).all()
    assert len(np.unique(labels)) > 1


def test_order_and_origin_of_the_points_do_not_matter(weights: Path) -> None:
    coord, color, normal = some_points()
    coord = np.round(coord.astype(np.float64), 3)
    segmenter = Segmenter(weights)
    _, expected = segmenter.predict(coord, color, normal)
    order = np.random.default_rng(1).permutation(len(coord))
    far = coord[order] + [500_000.0, 5_400_000.0, 100.0]
    _, moved = segmenter.predict(far, color[order], normal[order])
    np.testing.assert_allclose(moved, expected[order], atol=1e-4)


def test_what_points_lack_is_filled(weights: Path) -> None:
    coord, color, _ = some_points()
    segmenter = Segmenter(weights)
    near = coord - coord.min(0)
    mean = np.broadcast_to(ROOM_COLOR, color.shape)
    _, expected = segmenter.predict(coord, mean, estimate_normals(near))
    _, found = segmenter.predict(coord)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_no_points_and_one_point(weights: Path) -> None:
    segmenter = Segmenter(weights)
    labels, probabilities = segmenter.predict(np.zeros((0, 3)))
    assert labels.shape == (0,)
    assert probabilities.shape == (0, 3)
    labels, probabilities = segmenter.predict(np.ones((1, 3)), np.array([[255, 0, 0]]))
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-6)


def test_bfloat16_is_near(weights: Path) -> None:
    coord, color, normal = some_points()
    _, expected = Segmenter(weights).predict(coord, color, normal)
    _, found = Segmenter(weights, dtype="bfloat16").predict(coord, color, normal)
    np.testing.assert_allclose(found, expected, atol=0.05)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"coord": np.zeros((4, 2))}, r"coord must be \[4, 3\], got \[4, 2\]"),
        ({"coord": np.zeros((4, 3)), "color": np.zeros((3, 3))}, r"color must be \[4, 3\], got \[3, 3\]"),
        ({"coord": np.full((4, 3), np.nan)}, "coord holds NaN or infinity"),
        ({"coord": np.zeros((4, 3)), "color": np.full((4, 3), 300)}, "color must be 0-255, got 300 to 300"),
        ({"coord": np.zeros((4, 3)), "color": np.full((4, 3), 0.5)}, "floats up to 1: multiply them by 255"),
        ({"coord": np.full((4, 3), 5e5, np.float32)}, "give survey coordinates in float64"),
        ({"coord": np.arange(12).reshape(4, 3) * 1e6}, "are the coordinates in metres"),
    ],
)
def test_bad_points_are_named(weights: Path, arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Segmenter(weights).predict(**arguments)
