"""Contrast and separation, against the plain sums over points and pairs of points."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ffnet3d.analysis.selectivity import Membership, memberships, moments, separation
from ffnet3d.voxels import build_pyramid


def made_up(voxels: int = 40, keys: int = 3, seed: int = 0) -> tuple[torch.Tensor, Membership]:
    """Coefficients with ties, and zero to three points of each kind in every voxel."""
    rng = np.random.default_rng(seed)
    coefficients = torch.from_numpy(np.round(rng.normal(size=(voxels, keys)), 1).astype(np.float32))
    inside, outside = rng.integers(0, 4, (2, voxels)).astype(np.float64)
    return coefficients, Membership(torch.from_numpy(inside), torch.from_numpy(outside))


def points_of(coefficients: torch.Tensor, counts: torch.Tensor) -> np.ndarray:
    """Coefficients of the points themselves, [n, keys]."""
    return np.repeat(coefficients.numpy().astype(np.float64), counts.numpy().astype(int), axis=0)


def test_means_and_contrasts_are_those_of_the_points():
    coefficients, member = made_up()
    found = moments(coefficients, member)
    inside, outside = points_of(coefficients, member.inside), points_of(coefficients, member.outside)
    np.testing.assert_allclose(found.means(), [inside.mean(0), outside.mean(0)], rtol=1e-12)
    expected = (inside.mean(0) - outside.mean(0)) / np.concatenate([inside, outside]).std(0)
    np.testing.assert_allclose(found.contrasts(), expected, rtol=1e-9)


def test_scans_add_up():
    coefficients, member = made_up()
    parts = [
        moments(coefficients[rows], Membership(member.inside[rows], member.outside[rows]))
        for rows in (slice(0, 15), slice(15, None))
    ]
    together = parts[0] + parts[1]
    torch.testing.assert_close(together.contrasts(), moments(coefficients, member).contrasts())


def test_a_constant_key_has_no_contrast():
    _, member = made_up()
    assert moments(torch.full((40, 1), 0.5), member).contrasts().tolist() == [0.0]


def test_separation_is_the_share_of_pairs():
    coefficients, member = made_up()
    inside, outside = points_of(coefficients, member.inside), points_of(coefficients, member.outside)
    for key in range(3):
        ours, others = inside[:, key, None], outside[None, :, key]
        expected = (ours > others).mean() + (ours == others).mean() / 2
        found = separation(coefficients[:, key].numpy(), member.inside.numpy(), member.outside.numpy())
        assert found == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("values", "expected"), [([1, 2, 3], 1.0), ([3, 2, 1], 0.0), ([5, 5, 5], 0.5)])
def test_separation_of_clear_cases(values, expected):
    inside, outside = np.array([0.0, 0.0, 2.0]), np.array([1.0, 3.0, 0.0])
    assert separation(np.array(values, dtype=np.float32), inside, outside) == expected


def test_separation_is_unknown_without_points_elsewhere():
    assert np.isnan(separation(np.ones(2), np.ones(2), np.zeros(2)))


def test_members_are_counted_on_every_level():
    rng = np.random.default_rng(1)
    cells, point_to_voxel = np.unique(rng.integers(0, 12, (200, 3)), axis=0, return_inverse=True)
    labels = rng.integers(-1, 3, 200)
    batch = torch.zeros(len(cells), dtype=torch.int64)
    pyramid = build_pyramid(torch.from_numpy(cells), batch, (2, 4), ((3,), (3,), (3,)))
    rows = pyramid.point_to_voxel.numpy()[point_to_voxel.reshape(-1)]
    for level, edge, found in zip(
        pyramid.levels, (1, 2, 8), memberships(labels, 2, rows, pyramid), strict=True
    ):
        place = cells[point_to_voxel.reshape(-1)] // edge
        for voxel, inside, outside in zip(level.grid_coord, found.inside, found.outside, strict=True):
            here = labels[(place == voxel.numpy()).all(axis=1)]
            assert inside == (here == 2).sum()
            assert outside == ((here >= 0) & (here != 2)).sum()
