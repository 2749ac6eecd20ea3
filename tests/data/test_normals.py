"""Estimated normals: right on rooms of known shape, defined on degenerate input, cached by content."""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("scipy", reason="normals need scipy: pip install 'ffnet3d[train]'")

from ffnet3d.data import normals
from ffnet3d.data.normals import cached_normals, estimate_normals


def room(
    size: tuple[float, float, float] = (4.0, 5.0, 2.5), spacing: float = 0.05, margin: float = 0.3
) -> tuple[np.ndarray, np.ndarray]:
    """Points of a box's six inner faces, without a margin at the edges, and their inward normals."""
    points, inward = [], []
    for axis in range(3):
        u, v = [np.arange(margin, size[k] - margin, spacing) for k in range(3) if k != axis]
        for side in (0.0, size[axis]):
            face = np.insert(np.stack(np.meshgrid(u, v), -1).reshape(-1, 2), axis, side, axis=1)
            points.append(face)
            inward.append(np.tile(np.eye(3)[axis] * (1 if side == 0 else -1), (len(face), 1)))
    return np.concatenate(points).astype(np.float32), np.concatenate(inward)


def test_box_room_looks_inwards() -> None:
    coord, inward = room()
    normal = estimate_normals(coord)
    assert normal.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(normal, axis=1), 1, atol=1e-5)
    assert ((normal * inward).sum(1) > 0.99).mean() > 0.995


def test_the_position_of_the_room_does_not_matter() -> None:
    coord, _ = room()
    shifted = estimate_normals(coord + np.float32([64, -32, 8]))
    assert ((shifted * estimate_normals(coord)).sum(1) > 0.99).mean() > 0.99


def test_furniture_faces_away_from_its_inside() -> None:
    """A cupboard in the middle of the room: its sides face the aisles around it."""
    coord, _ = room()
    coord = coord[(np.abs(coord[:, :2] - [2.0, 2.5]) > 0.5).any(axis=1) | (coord[:, 2] > 2)]
    faces, inward = room((1.0, 1.0, 0.8), 0.02, margin=0.06)
    keep = faces[:, 2] > 0.05  # it stands on the floor
    furniture, outward = faces[keep] + np.float32([1.5, 2.0, 0]), -inward[keep]
    normal = estimate_normals(np.concatenate([coord, furniture]))[len(coord) :]
    assert ((normal * outward).sum(1) > 0.9).mean() > 0.95


def test_noise_of_a_dense_scan_is_averaged_out() -> None:
    rng = np.random.default_rng(0)
    floor = np.column_stack([rng.uniform(0, 1, (40000, 2)), rng.normal(0, 0.003, 40000)])
    assert np.median(np.degrees(np.arccos(np.clip(estimate_normals(floor)[:, 2], -1, 1)))) < 8


@pytest.mark.parametrize("num_points", [0, 1, 2, 3, 5])
def test_few_points(num_points: int) -> None:
    coord = np.random.default_rng(0).uniform(0, 1, (num_points, 3))
    normal = estimate_normals(coord)
    assert normal.shape == (num_points, 3)
    np.testing.assert_allclose(np.linalg.norm(normal, axis=1), 1, atol=1e-5)


def test_repeated_points() -> None:
    np.testing.assert_array_equal(estimate_normals(np.ones((10000, 3))), np.tile([0, 0, 1], (10000, 1)))
    coord, _ = room(spacing=0.1)
    np.testing.assert_array_equal(estimate_normals(np.repeat(coord, 3, axis=0))[::3], estimate_normals(coord))


def test_points_on_a_line_are_finite() -> None:
    coord = np.zeros((100, 3))
    coord[:, 0] = np.arange(100) * 0.03
    normal = estimate_normals(coord)
    np.testing.assert_allclose(np.abs(normal[:, 0]), 0, atol=1e-5)


def test_order_of_points_does_not_matter() -> None:
    coord, _ = room(spacing=0.1)
    order = np.random.default_rng(1).permutation(len(coord))
    agreement = (estimate_normals(coord)[order] * estimate_normals(coord[order])).sum(1)
    assert (agreement > 0.99).mean() > 0.98


def test_cache_is_used_keyed_by_content_and_repaired(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    coord, _ = room(spacing=0.2)
    first = cached_normals(coord, tmp_path)
    (file,) = (tmp_path / "normals").iterdir()
    np.testing.assert_allclose(first, estimate_normals(coord), atol=1e-3)
    with monkeypatch.context() as patch:
        patch.setattr(normals, "estimate_normals", lambda _: pytest.fail("the cache was not used"))
        np.testing.assert_array_equal(cached_normals(coord, tmp_path), first)
    os.truncate(file, 40)
    with caplog.at_level(logging.WARNING):
        np.testing.assert_array_equal(cached_normals(coord, tmp_path), first)
    assert "cannot be read" in caplog.text
    cached_normals(coord + 1, tmp_path)
    assert len(list((tmp_path / "normals").iterdir())) == 2


def test_cache_root_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FFNET3D_CACHE", str(tmp_path / "elsewhere"))
    cached_normals(np.zeros((1, 3), np.float32))
    assert len(list((tmp_path / "elsewhere" / "normals").iterdir())) == 1


def test_unwritable_cache_is_said_not_fatal(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    with caplog.at_level(logging.WARNING):
        assert cached_normals(np.zeros((1, 3), np.float32), tmp_path / "file").shape == (1, 3)
    assert "cannot be cached" in caplog.text


def test_speed_on_a_real_room() -> None:
    root = os.environ.get("FFNET3D_REALDATA")
    if not root:
        pytest.skip("set FFNET3D_REALDATA to a folder with s3dis/Area_3/hallway_3")
    folder = Path(root) / "s3dis" / "Area_3" / "hallway_3"
    coord, segment = np.load(folder / "coord.npy"), np.load(folder / "segment.npy").reshape(-1)
    start = time.perf_counter()
    normal = estimate_normals(coord)
    assert time.perf_counter() - start < 10
    assert (normal[segment == 1, 2] > 0.9).mean() > 0.95
    assert (normal[segment == 0, 2] < -0.9).mean() > 0.95
