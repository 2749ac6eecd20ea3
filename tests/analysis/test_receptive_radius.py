"""Shares by radius, against sums over all voxels."""

from __future__ import annotations

import numpy as np
import pytest

from ffnet3d.analysis.receptive_radius import Ball, radial_field
from ffnet3d.analysis.receptive_summary import Receptive, Sample, Shown, curve_radii

LINE = np.array([[0, 0, 0], [1, 0, 0], [2, 0, 0], [3, 0, 0], [5, 0, 0]])


def test_a_field_on_a_line_by_hand() -> None:
    field = radial_field(np.array([0.1, 0.6, 0.2, 0.1, 0.0]), LINE, row=1)
    assert field.distance.tolist() == [0, 1, 2, 4]
    assert field.share == pytest.approx([0.6, 0.9, 1, 1])
    assert field.voxels.tolist() == [1, 3, 4, 5]
    assert field.reached.tolist() == [1, 3, 4, 4]
    assert field.within(np.array([0, 0.9, 1, 3.9, 9])) == pytest.approx([0.6, 0.6, 0.9, 1, 1])
    assert field.ball(0.5) == Ball(0, 1 / 5, 1 / 4)
    assert field.ball(0.9 - 1e-9) == Ball(1, 3 / 5, 3 / 4)
    assert (field.reach, field.share_reached) == (2, 4 / 5)


def test_radii_grow_with_the_threshold_and_hold_what_they_say() -> None:
    rng = np.random.default_rng(0)
    grid = np.unique(rng.integers(0, 12, (400, 3)), axis=0)
    shares = rng.exponential(size=(4, len(grid))) ** 3
    shares /= shares.sum(axis=1, keepdims=True)
    fields = [radial_field(share, grid, row) for row, share in enumerate(shares)]
    for field in fields:
        radii = [field.ball(threshold).radius for threshold in np.linspace(0.05, 1, 20)]
        assert radii == sorted(radii)
        assert radii[0] < radii[-1]
    for row, (share, field) in enumerate(zip(shares, fields, strict=True)):
        distance = np.linalg.norm(grid - grid[row], axis=1)
        radius = field.distance[field.at(0.5)]
        assert share[distance <= radius + 1e-9].sum() >= 0.5 > share[distance < radius - 1e-9].sum()


def test_figures_are_means_over_samples() -> None:
    even = np.full(5, 0.2)
    samples = tuple(Sample.of(radial_field(even, LINE, row)) for row in (0, 2))
    network = Receptive("net", 0.05, samples, Shown(even, LINE, 2))
    radius = network.ball(3, lambda ball: ball.radius)
    assert (radius.mean, radius.deviation) == (4.0, 1.0)
    assert network.spread(lambda sample: sample.reach) == radius
    assert network.curves.shape == (2, len(curve_radii()))
    assert network.curves[:, 0] == pytest.approx([0.2, 0.2])
    assert network.curves[:, -1] == pytest.approx([1, 1])


def test_a_threshold_is_a_share() -> None:
    field = radial_field(np.full(5, 0.2), LINE, row=0)
    with pytest.raises(ValueError, match="above 0 and up to 1, got 50"):
        field.ball(50)
